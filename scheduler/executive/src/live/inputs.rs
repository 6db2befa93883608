//! The edge of a live run: messages are admitted from any thread, decoded where they arrive or on a thread of their own.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::channel::Producer;
use super::lock;
use super::shared::Shared;
use crate::arrival::Arrivals;
use crate::error::ExecutiveError;
use crate::intake::{self, BACKLOG, Decode, DecodeThread, Decoded, Outcomes};
use crate::journal::Journal;
use crate::records::Skip;
use crate::table::Source;

/// Messages that may wait for a decode thread behind the one that it decodes.
const DECODE_WAITING: usize = 4;

/// The admitting side of an external channel.
struct Admission {
    producer: Producer,
    /// The tasks that the channel releases.
    arrivals: Vec<(usize, Arrivals)>,
    /// Messages that have arrived, and the time of the newest.
    arrived: u64,
    newest: i64,
}

impl Admission {
    /// Numbers a message that arrives.
    fn number(&mut self, time: i64) -> (u64, i64) {
        self.arrived += 1;
        self.newest = time.max(self.newest + 1);
        (self.arrived, self.newest)
    }
}

/// Every external channel's admitting side.
pub struct Inputs {
    shared: Arc<Shared>,
    journal: Arc<Mutex<Journal>>,
    admissions: Vec<Mutex<Option<Admission>>>,
    outcomes: Vec<Mutex<Outcomes>>,
}

/// What decodes a channel's messages.
pub enum Decoding {
    Arriving(Arc<dyn Decode>),
    Apart(DecodeThread<u64>),
}

fn wrong<T>(reason: String) -> Result<T, ExecutiveError> {
    Err(ExecutiveError::Admission(reason))
}

impl Inputs {
    pub fn new(shared: Arc<Shared>, journal: Arc<Mutex<Journal>>) -> Self {
        let admissions: Vec<_> = shared
            .table
            .channels
            .iter()
            .enumerate()
            .map(|(id, row)| {
                let arrivals = |task: usize| Some((task, Arrivals::of(shared.table.tasks[task].trigger)?));
                Mutex::new((row.source == Source::External).then(|| Admission {
                    producer: shared.channels[id].index.producer(),
                    arrivals: shared.table.released_by(id).filter_map(arrivals).collect(),
                    arrived: 0,
                    newest: -1,
                }))
            })
            .collect();
        let outcomes = admissions.iter().map(|_| Mutex::default()).collect();
        Self { shared, journal, admissions, outcomes }
    }

    /// What a channel's messages are decoded by; a thread of their own where the channel has a latency.
    pub fn decoding(self: &Arc<Self>, channel: usize, decoder: Arc<dyn Decode>) -> Result<Decoding, ExecutiveError> {
        let row = &self.shared.table.channels[channel];
        if row.latency_ns == 0 {
            return Ok(Decoding::Arriving(decoder));
        }
        let inputs = self.clone();
        let done = move |number, decoded: Result<Decoded, String>| inputs.decoded(channel, number, decoded);
        DecodeThread::start(&row.name, decoder, row.slot_bytes, DECODE_WAITING, done).map(Decoding::Apart)
    }

    /// Receives a message of time `at`; returns its number. What cannot be decoded, or waits behind too many, is recorded as
    /// rejected.
    pub fn receive(&self, channel: usize, at: i64, raw: &[u8], decoding: &Decoding) -> Result<u64, ExecutiveError> {
        match decoding {
            Decoding::Arriving(decoder) => {
                let slot_bytes = self.shared.table.channels[channel].slot_bytes;
                match intake::decode(decoder.as_ref(), raw, slot_bytes) {
                    Ok(slot) => self.admit(channel, at, raw, &slot).map(|(number, _)| number),
                    Err(reason) => self.arrive(channel, at, raw, |journal, number, time| {
                        // A later sample has a later tag, also before logical 0, where there is no time to tell them apart.
                        self.shared.channels[channel].index.pass(time);
                        self.reject(journal, channel, number, time, &reason);
                    }),
                }
            }
            Decoding::Apart(thread) => self.arrive(channel, at, raw, |journal, number, time| {
                // Before the thread can have settled it.
                lock(&self.outcomes[channel]).wait(number);
                if !thread.try_send(number, raw.to_vec()) {
                    self.reject(journal, channel, number, time, BACKLOG);
                }
            }),
        }
    }

    /// Whether a received message is a sample; none while its decoding has not ended.
    pub fn is_sample(&self, channel: usize, number: u64) -> Option<bool> {
        self.outcomes.get(channel).map_or(Some(false), |outcomes| lock(outcomes).of(number))
    }

    fn reject(&self, journal: &mut Journal, channel: usize, number: u64, time: i64, reason: &str) {
        lock(&self.outcomes[channel]).reject(number);
        journal.writer.rejected(channel as u32, number, time, reason);
    }

    /// Admits a sample; returns its number and tag, which is `at`, or now where that is earlier, but never below what a
    /// release has read.
    pub fn admit(&self, channel: usize, at: i64, raw: &[u8], slot: &[u8]) -> Result<(u64, i64), ExecutiveError> {
        self.with(channel, |admission| {
            // Held while the sample comes to stand: no record of a release that reads it is written before its own.
            let mut journal = lock(&self.journal);
            let number = admission.arrived + 1;
            let time = self.stand(channel, at, admission, number, slot, &mut journal, |journal, time| {
                journal.writer.admit(channel as u32, number, time, raw);
            })?;
            (admission.arrived, admission.newest) = (number, time);
            Ok((number, time))
        })
    }

    /// Numbers and records a message that is no sample yet, and tells `then`.
    fn arrive(
        &self,
        channel: usize,
        at: i64,
        raw: &[u8],
        then: impl FnOnce(&mut Journal, u64, i64),
    ) -> Result<u64, ExecutiveError> {
        self.with(channel, |admission| {
            let mut journal = lock(&self.journal);
            let (number, time) = admission.number(self.tag(at));
            journal.writer.admit(channel as u32, number, time, raw);
            then(&mut journal, number, time);
            Ok(number)
        })
    }

    /// A message was decoded on its thread: it stands from now on. After the run's end nobody would read it.
    fn decoded(&self, channel: usize, number: u64, decoded: Result<Decoded, String>) {
        let id = channel as u32;
        let stood = self.with(channel, |admission| {
            let mut journal = lock(&self.journal);
            let now = self.shared.now().max(0);
            match decoded {
                Ok(Decoded { slot, hash }) => {
                    let visible = |journal: &mut Journal, time| journal.writer.visible(id, number, time, &hash);
                    match self.stand(channel, i64::MAX, admission, number, &slot, &mut journal, visible) {
                        Ok(_) => lock(&self.outcomes[channel]).stand(number),
                        Err(_) => self.reject(&mut journal, channel, number, now, BACKLOG),
                    }
                }
                Err(reason) => self.reject(&mut journal, channel, number, now, &reason),
            }
            Ok(())
        });
        // The one error is that the run has ended; the log shows that the message never stood.
        let _in_time = stood.is_ok();
    }

    /// Runs `body` with a channel's admitting side, while the run lasts.
    fn with<T>(
        &self,
        channel: usize,
        body: impl FnOnce(&mut Admission) -> Result<T, ExecutiveError>,
    ) -> Result<T, ExecutiveError> {
        let Some(row) = self.shared.table.channels.get(channel) else {
            return wrong(format!("there is no channel {channel}"));
        };
        let mut admission = lock(&self.admissions[channel]);
        let Some(admission) = admission.as_mut() else {
            return wrong(format!("channel \"{}\" is written by a task", row.name));
        };
        if self.shared.end.load(Ordering::Acquire) != i64::MAX {
            return wrong(format!("\"{}\": the run has been stopped", row.name));
        }
        body(admission)
    }

    /// The time that a message of time `at` would have: none comes before it is there.
    fn tag(&self, at: i64) -> i64 {
        at.min(self.shared.now()).max(0)
    }

    /// Makes a slot stand under a number, from `at` on where it may; `record` writes it down before the releases that it
    /// causes.
    #[expect(clippy::too_many_arguments, reason = "the parts of one admission, each used once")]
    fn stand(
        &self,
        channel: usize,
        at: i64,
        admission: &mut Admission,
        number: u64,
        slot: &[u8],
        journal: &mut Journal,
        record: impl FnOnce(&mut Journal, i64),
    ) -> Result<i64, ExecutiveError> {
        let row = &self.shared.table.channels[channel];
        if slot.len() != row.slot_bytes {
            return wrong(format!("\"{}\" takes {} bytes, not {}", row.name, row.slot_bytes, slot.len()));
        }
        let live = &self.shared.channels[channel];
        let Some(claimed) = live.index.claim(&mut admission.producer) else {
            return wrong(format!("\"{}\": every slot is being read", row.name));
        };
        // SAFETY: the slot is claimed by this side, the channel's one producer; its length was checked.
        unsafe { std::ptr::copy_nonoverlapping(slot.as_ptr(), live.address(claimed), slot.len()) };
        let time = live.index.admit(&mut admission.producer, claimed, number, || self.tag(at));
        record(journal, time);
        for (task, arrivals) in &mut admission.arrivals {
            match arrivals.arrive(time) {
                Some(release) => {
                    self.shared.releases[*task].push(release);
                    self.shared.wake(*task);
                    self.shared.wake_dependents(*task, usize::MAX);
                }
                None => journal.skipped(*task as u32, arrivals.released(), time, Skip::Early, time),
            }
        }
        Ok(time)
    }
}
