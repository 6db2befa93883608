//! Where messages enter a live run: admitted from any thread, decoded where they arrive or on a thread of their own.
//!
//! Received bytes are copied once, into a pooled buffer, which decoder and collector share; the decoder writes the slot that the
//! sample stands in.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::buffers::{Claimed, Received};
use super::channel::Producer;
use super::collector::Collector;
use super::lock;
use super::shared::Shared;
use crate::arrival::Arrivals;
use crate::error::ExecutiveError;
use crate::intake::{BACKLOG, Decode, DecodeThread, Outcomes};
use crate::table::Source;

/// Messages that may wait for a decode thread behind the one that it decodes.
const DECODE_WAITING: usize = 4;

/// What is to be written down of a message, on its way to the collector.
pub enum Arrival {
    /// None yet: an entry of the ring that was never written.
    Empty,
    Admitted {
        number: u64,
        time: i64,
        bytes: Received,
    },
    Visible {
        number: u64,
        time: i64,
        hash: [u8; 32],
    },
    Rejected {
        number: u64,
        time: i64,
        reason: Cow<'static, str>,
    },
    /// It released no task: `released` are the releases of the task so far.
    Early {
        task: u32,
        released: u64,
        time: i64,
    },
}

/// The admitting side of an external channel.
struct Admission {
    producer: Producer,
    /// The tasks that the channel releases.
    arrivals: Vec<(usize, Arrivals)>,
    /// Messages that have arrived, and the time of the newest.
    arrived: u64,
    newest: i64,
    decoding: Option<Decoding>,
}

/// Every external channel's admitting side.
pub struct Inputs {
    shared: Arc<Shared>,
    collector: Arc<Mutex<Collector>>,
    admissions: Vec<Mutex<Option<Admission>>>,
    outcomes: Vec<Mutex<Outcomes>>,
}

/// What decodes a channel's messages.
enum Decoding {
    Arriving(Arc<dyn Decode>),
    Apart(DecodeThread<(u64, Received)>),
}

fn wrong<T>(reason: String) -> Result<T, ExecutiveError> {
    Err(ExecutiveError::Admission(reason))
}

impl Inputs {
    pub fn new(shared: Arc<Shared>, collector: Arc<Mutex<Collector>>) -> Self {
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
                    decoding: None,
                }))
            })
            .collect();
        let outcomes = admissions.iter().map(|_| Mutex::default()).collect();
        Self { shared, collector, admissions, outcomes }
    }

    /// Says what a channel's messages are decoded by; on a thread of their own where the channel has a latency.
    pub fn decode_with(self: &Arc<Self>, channel: usize, decoder: Arc<dyn Decode>) -> Result<(), ExecutiveError> {
        let row = &self.shared.table.channels[channel];
        let decoding = if row.latency_ns == 0 {
            Decoding::Arriving(decoder)
        } else {
            let inputs = self.clone();
            let decode = move |(number, raw): (u64, Received)| inputs.decode(channel, number, &raw, decoder.as_ref());
            Decoding::Apart(DecodeThread::start(&row.name, DECODE_WAITING, decode)?)
        };
        if let Some(admission) = lock(&self.admissions[channel]).as_mut() {
            admission.decoding = Some(decoding);
        }
        Ok(())
    }

    /// Ends the decode threads, once they have decoded what they were given.
    pub fn close(&self) {
        for admission in &self.admissions {
            // Dropped when the lock is free again: what is decoded still is told there that the run has ended.
            let ended = lock(admission).as_mut().and_then(|admission| admission.decoding.take());
            drop(ended);
        }
    }

    /// A buffer for a message of a channel, which is to be written and then received.
    pub fn claim(&self, channel: usize) -> Result<Claimed, ExecutiveError> {
        let Some(buffers) = self.shared.buffers.get(channel) else {
            return wrong(format!("there is no channel {channel}"));
        };
        loop {
            if let Some(claimed) = buffers.claim() {
                return Ok(claimed);
            }
            // The collector is behind: it is helped. What a decode thread holds, it gives back.
            lock(&self.collector).collect();
            std::thread::yield_now();
        }
    }

    /// Brings in memory for messages of `bytes` bytes in every buffer of a channel.
    pub fn prepare(&self, channel: usize, bytes: usize) {
        let Some(buffers) = self.shared.buffers.get(channel) else { return };
        let mut all: Vec<Claimed> = std::iter::from_fn(|| buffers.claim()).collect();
        for buffer in &mut all {
            buffer.clear();
            buffer.resize(bytes, 1);
        }
    }

    /// The same, with a message in it.
    fn copy(&self, channel: usize, raw: &[u8]) -> Result<Received, ExecutiveError> {
        let mut claimed = self.claim(channel)?;
        claimed.clear();
        claimed.extend_from_slice(raw);
        Ok(claimed.share())
    }

    /// Receives a message of time `at`; returns its number. What cannot be decoded, or waits behind too many, is recorded as
    /// rejected.
    pub fn receive(&self, channel: usize, at: i64, raw: &[u8]) -> Result<u64, ExecutiveError> {
        let number = self.take(channel, at, self.copy(channel, raw)?)?;
        self.in_time(channel, number)
    }

    /// Receives a message in a claimed buffer; none once the run has been stopped.
    pub fn take(&self, channel: usize, at: i64, raw: Received) -> Result<Option<u64>, ExecutiveError> {
        self.with(channel, |admission| match &admission.decoding {
            Some(Decoding::Arriving(decoder)) => {
                let decoder = decoder.clone();
                let decode = |slot: &mut [u8]| decoder.decode(&raw, slot);
                self.arrive(channel, at, admission, &raw, decode).map(|(number, _)| number)
            }
            Some(Decoding::Apart(_)) => {
                let (number, time) = self.number(channel, at, admission, raw.clone());
                // Before the thread can have settled it.
                lock(&self.outcomes[channel]).wait(number);
                let Some(Decoding::Apart(thread)) = &admission.decoding else { return Ok(number) };
                if !thread.try_send((number, raw)) {
                    self.reject(channel, number, time, Cow::Borrowed(BACKLOG));
                }
                Ok(number)
            }
            None => wrong(format!("nothing decodes messages of channel {channel}")),
        })
    }

    /// Whether a received message is a sample; none while its decoding has not ended.
    pub fn is_sample(&self, channel: usize, number: u64) -> Option<bool> {
        self.outcomes.get(channel).map_or(Some(false), |outcomes| lock(outcomes).of(number))
    }

    /// Admits a sample; returns its number and tag, which is `at`, or now where that is earlier, but never below what a
    /// release has read.
    pub fn admit(&self, channel: usize, at: i64, raw: &[u8], sample: &[u8]) -> Result<(u64, i64), ExecutiveError> {
        let raw = self.copy(channel, raw)?;
        let admitted = self.with(channel, |admission| {
            let row = &self.shared.table.channels[channel];
            if sample.len() != row.slot_bytes {
                return wrong(format!("\"{}\" takes {} bytes, not {}", row.name, row.slot_bytes, sample.len()));
            }
            self.arrive(channel, at, admission, &raw, |slot| {
                slot.copy_from_slice(sample);
                Ok(())
            })
        })?;
        self.in_time(channel, admitted)
    }

    /// Makes a sample of a message where it arrives; returns its number and time.
    fn arrive(
        &self,
        channel: usize,
        at: i64,
        admission: &mut Admission,
        raw: &Received,
        decode: impl FnOnce(&mut [u8]) -> Result<(), String>,
    ) -> Result<(u64, i64), ExecutiveError> {
        let slot = self.slot(channel, &mut admission.producer)?;
        // SAFETY: the slot is claimed by this side, the channel's one producer.
        if let Err(reason) = decode(unsafe { self.shared.channels[channel].claimed(slot) }) {
            let index = &self.shared.channels[channel].index;
            index.expose(slot);
            let (number, time) = self.number(channel, at, admission, raw.clone());
            // A later sample has a later tag, also before logical 0, where there is no time to tell them apart.
            index.pass(time);
            self.reject(channel, number, time, Cow::Owned(reason));
            return Ok((number, time));
        }
        let number = admission.arrived + 1;
        let admitted = |time| Arrival::Admitted { number, time, bytes: raw.clone() };
        let time = self.stand(channel, at, admission, number, slot, admitted);
        (admission.arrived, admission.newest) = (number, time);
        Ok((number, time))
    }

    /// Numbers a message that is no sample yet, and tells the collector.
    fn number(&self, channel: usize, at: i64, admission: &mut Admission, bytes: Received) -> (u64, i64) {
        admission.arrived += 1;
        admission.newest = self.tag(at).max(admission.newest + 1);
        let (number, time) = (admission.arrived, admission.newest);
        self.tell(channel, Arrival::Admitted { number, time, bytes });
        (number, time)
    }

    fn reject(&self, channel: usize, number: u64, time: i64, reason: Cow<'static, str>) {
        lock(&self.outcomes[channel]).reject(number);
        self.tell(channel, Arrival::Rejected { number, time, reason });
    }

    /// Decodes a message on its channel's thread: it stands from then on. After the run's end nobody would read it.
    fn decode(&self, channel: usize, number: u64, raw: &[u8], decoder: &dyn Decode) {
        // Claimed and decoded without the channel's lock: messages arrive meanwhile, and nobody else claims slots of it.
        let claimed = self.with(channel, |admission| Ok(self.slot(channel, &mut admission.producer)));
        // The run has ended; the log shows that the message never stood.
        let Ok(Some(claimed)) = claimed else { return };
        let decoded = claimed.map_err(|_| Cow::Borrowed(BACKLOG)).and_then(|slot| {
            let live = &self.shared.channels[channel];
            // SAFETY: the slot is claimed by this thread, the one that makes samples of this channel.
            let bytes = unsafe { live.claimed(slot) };
            match decoder.decode(raw, bytes) {
                Ok(()) => Ok((slot, *blake3::hash(bytes).as_bytes())),
                Err(reason) => {
                    live.index.expose(slot);
                    Err(Cow::Owned(reason))
                }
            }
        });
        let stood = self.with(channel, |admission| {
            match decoded {
                Ok((slot, hash)) => {
                    let visible = |time| Arrival::Visible { number, time, hash };
                    self.stand(channel, i64::MAX, admission, number, slot, visible);
                    lock(&self.outcomes[channel]).stand(number);
                }
                Err(reason) => self.reject(channel, number, self.shared.now().max(0), reason),
            }
            Ok(())
        });
        // As above.
        let _in_time = stood.is_ok();
    }

    /// Runs `body` with a channel's admitting side; none once the run has been stopped.
    fn with<T>(
        &self,
        channel: usize,
        body: impl FnOnce(&mut Admission) -> Result<T, ExecutiveError>,
    ) -> Result<Option<T>, ExecutiveError> {
        let Some(row) = self.shared.table.channels.get(channel) else {
            return wrong(format!("there is no channel {channel}"));
        };
        let mut admission = lock(&self.admissions[channel]);
        let Some(admission) = admission.as_mut() else {
            return wrong(format!("channel \"{}\" is written by a task", row.name));
        };
        if self.shared.end.load(Ordering::Acquire) != i64::MAX {
            return Ok(None);
        }
        // An announced entry waits for no room: what one message may tell of has it beforehand.
        let most = admission.arrivals.len() + 2;
        while self.shared.arrivals[channel].turns.room() < most {
            lock(&self.collector).collect();
        }
        body(admission).map(Some)
    }

    /// Refuses what comes after the run's end.
    fn in_time<T>(&self, channel: usize, found: Option<T>) -> Result<T, ExecutiveError> {
        match found {
            Some(found) => Ok(found),
            None => wrong(format!("\"{}\": the run has been stopped", self.shared.table.channels[channel].name)),
        }
    }

    fn slot(&self, channel: usize, producer: &mut Producer) -> Result<u32, ExecutiveError> {
        match self.shared.channels[channel].index.claim(producer) {
            Some(slot) => Ok(slot),
            None => wrong(format!("\"{}\": every slot is being read", self.shared.table.channels[channel].name)),
        }
    }

    /// The time that a message of time `at` would have: none comes before it is there.
    fn tag(&self, at: i64) -> i64 {
        at.min(self.shared.now()).max(0)
    }

    /// Hands the collector what is to be written down; `with` has made room.
    fn tell(&self, channel: usize, arrival: Arrival) {
        let told = self.shared.arrivals[channel].write(|entry| *entry = arrival);
        debug_assert!(told.is_some(), "there is room for what one message tells of");
    }

    /// Makes a claimed slot stand under a number, from `at` on where it may, with the releases that it causes.
    ///
    /// The collector waits for what is announced before it writes down a release that may have read it.
    fn stand(
        &self,
        channel: usize,
        at: i64,
        admission: &mut Admission,
        number: u64,
        slot: u32,
        record: impl FnOnce(i64) -> Arrival,
    ) -> i64 {
        self.shared.arrivals[channel].turns.announce();
        let index = &self.shared.channels[channel].index;
        let time = index.admit(&mut admission.producer, slot, number, || self.tag(at));
        self.tell(channel, record(time));
        for (task, arrivals) in &mut admission.arrivals {
            match arrivals.arrive(time) {
                Some(release) => {
                    self.shared.releases[*task].push(release);
                    self.shared.wake(*task);
                    self.shared.wake_dependents(*task, usize::MAX);
                }
                None => {
                    let (task, released) = (*task as u32, arrivals.released());
                    self.tell(channel, Arrival::Early { task, released, time });
                }
            }
        }
        time
    }
}
