//! Virtual time: the same tables and rules in tag order on the caller's thread, as fast as the machine can.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use crate::arrival::Arrivals;
use crate::authority::{Authority, Intake};
use crate::channel::{Channel, Pinned};
use crate::error::ExecutiveError;
use crate::intake::{self, BACKLOG, Decode, DecodeThread, Decoded, Decoders, Outcomes};
use crate::job::Job;
use crate::journal::{End, Journal};
use crate::outlet::Output;
use crate::records::{HELD, Pin, Skip};
use crate::rules::{self, Releases};
use crate::table::{ChannelRow, Source, Table, TaskRow, Trigger};
use crate::task::{Stall, Task};

mod resume;

/// At one instant: admissions, then publications, then releases, each in the order of declaration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Admission { channel: usize, sequence: u64 },
    Publication { task: usize, job: u64 },
    Release { task: usize },
}

/// Beside each task, what only virtual time needs.
struct Progress {
    releases: History,
    /// When the job that runs now will end; a stall makes that later than its release.
    busy_until: i64,
    arrivals: Option<Arrivals>,
    done: VecDeque<u64>,
    /// A done output stands: there is something to hold.
    standing: bool,
}

/// A task's releases so far, with the times of those whose publication may still be asked for.
#[derive(Default)]
struct History {
    count: u64,
    /// Newest last.
    recent: VecDeque<i64>,
}

impl History {
    /// Adds a release; keeps those that are not due yet, and the newest that is.
    fn push(&mut self, row: &TaskRow, time: i64) {
        self.count += 1;
        self.recent.push_back(time);
        while self.recent.len() > 2 && rules::publication(row, self.recent[1]) < time {
            self.recent.pop_front();
        }
    }
}

impl Releases for History {
    fn count(&self) -> u64 {
        self.count
    }
    fn time(&self, job: u64) -> Option<i64> {
        let oldest = self.count - self.recent.len() as u64;
        self.recent.get(job.checked_sub(oldest)? as usize).copied()
    }
}

/// An admitted sample whose time has not come.
enum Waiting {
    Ready(Vec<u8>),
    /// The channel's decode threads deliver it, in order.
    Decoding,
}

/// A decode thread and what it has decoded, in order.
struct Worker {
    thread: DecodeThread<Vec<u8>>,
    decoded: Receiver<Result<Decoded, String>>,
}

/// A channel's decode threads, which take its messages in turn. Nothing waits for wall-clock time here, so that several may
/// work ahead; what they decoded is taken in the order in which it was handed over.
struct Decoding {
    workers: Vec<Worker>,
    sent: usize,
    received: usize,
    /// Decoded, and asked for before their time.
    ready: VecDeque<Result<Decoded, String>>,
}

impl Decoding {
    fn start(row: &ChannelRow, decoder: &Arc<dyn Decode>) -> Result<Self, ExecutiveError> {
        let count = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_DECODE_THREADS));
        let workers = (0..count)
            .map(|_| {
                let (done, decoded) = channel();
                let (decoder, slot_bytes) = (decoder.clone(), row.slot_bytes);
                let decode = move |raw: Vec<u8>| {
                    let slot = intake::decode(decoder.as_ref(), &raw, slot_bytes);
                    // Fails only where the executive is gone.
                    let _received = done.send(slot.map(Decoded::of));
                };
                DecodeThread::start(&row.name, DECODE_AHEAD, decode).map(|thread| Worker { thread, decoded })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { workers, sent: 0, received: 0, ready: VecDeque::new() })
    }

    fn send(&mut self, raw: Vec<u8>) {
        self.workers[self.sent % self.workers.len()].thread.send(raw);
        self.sent += 1;
    }

    /// The oldest message that was not taken yet; waits for it.
    fn take(&mut self) -> Result<Result<Decoded, String>, ExecutiveError> {
        match self.ready.pop_front() {
            Some(decoded) => Ok(decoded),
            None => self.receive(),
        }
    }

    /// Whether the message `at` places behind the oldest can be decoded; waits for it.
    fn is_sample(&mut self, at: usize) -> Result<bool, ExecutiveError> {
        while self.ready.len() <= at {
            let decoded = self.receive()?;
            self.ready.push_back(decoded);
        }
        Ok(self.ready[at].is_ok())
    }

    fn receive(&mut self) -> Result<Result<Decoded, String>, ExecutiveError> {
        let Worker { decoded, .. } = &self.workers[self.received % self.workers.len()];
        self.received += 1;
        decoded.recv().map_err(|_| ExecutiveError::Threads("a decode thread has ended".to_owned()))
    }
}

/// Messages that may wait for a decode thread before the caller does.
const DECODE_AHEAD: usize = 16;
/// Threads that decode one channel's messages, where there are as many cores.
const MOST_DECODE_THREADS: usize = 4;

/// A newest sample as an observer sees it.
pub struct Sample {
    pub sequence: u64,
    pub time: i64,
    pub held: bool,
    pub bytes: Vec<u8>,
}

pub struct VirtualExecutive {
    table: Table,
    channels: Vec<Channel>,
    tasks: Vec<Task>,
    progress: Vec<Progress>,
    events: BinaryHeap<Reverse<(i64, Event)>>,
    admitted: Vec<u64>,
    /// Per channel: the newest admission's time.
    newest_admission: Vec<i64>,
    waiting: Vec<VecDeque<(u64, Waiting)>>,
    decoders: Decoders,
    decoding: Vec<Option<Decoding>>,
    outcomes: Vec<Outcomes>,
    /// Per channel: how many observe what is published on it.
    observers: Vec<u32>,
    now: i64,
    authority: Option<Authority>,
    keyframe_every: i64,
    next_keyframe: i64,
    journal: Journal,
}

impl VirtualExecutive {
    /// One job per task, in the table's order. With `authority`, verdicts, skips and stalls are taken from the log.
    pub fn new(
        table: Table,
        jobs: Vec<Box<dyn Job>>,
        stalls: &[Stall],
        authority: Option<Authority>,
        keyframe_every: i64,
    ) -> Result<Self, ExecutiveError> {
        if jobs.len() != table.tasks.len() {
            return Err(ExecutiveError::Table(format!("{} tasks, but {} jobs", table.tasks.len(), jobs.len())));
        }
        let readers = |id: usize| table.tasks.iter().filter(|task| task.read_channels().contains(&id)).count();
        let channels = table
            .channels
            .iter()
            .enumerate()
            .map(|(id, row)| Channel::new(row.slot_bytes, row.depth, readers(id) + 1))
            .collect::<Result<Vec<_>, _>>()?;
        let tasks = jobs
            .into_iter()
            .enumerate()
            .map(|(id, job)| Task::new(&table, id, job, stalls))
            .collect::<Result<Vec<_>, _>>()?;
        let progress = tasks
            .iter()
            .map(|task| Progress {
                releases: History::default(),
                busy_until: i64::MIN,
                arrivals: Arrivals::of(task.row.trigger),
                done: VecDeque::new(),
                standing: false,
            })
            .collect();
        let mut events = BinaryHeap::new();
        for (task, row) in table.tasks.iter().enumerate() {
            if let Trigger::Periodic { phase_ns, .. } = row.trigger {
                events.push(Reverse((phase_ns, Event::Release { task })));
            }
        }
        Ok(Self {
            admitted: vec![0; channels.len()],
            newest_admission: vec![0; channels.len()],
            waiting: channels.iter().map(|_| VecDeque::new()).collect(),
            decoders: vec![None; channels.len()],
            decoding: channels.iter().map(|_| None).collect(),
            outcomes: channels.iter().map(|_| Outcomes::default()).collect(),
            observers: vec![0; channels.len()],
            channels,
            tasks,
            progress,
            events,
            now: 0,
            authority,
            keyframe_every,
            next_keyframe: keyframe_every,
            journal: Journal::new(&table),
            table,
        })
    }

    /// Gives the executive what makes samples of received messages; starts the threads of channels with a latency.
    pub fn decode_with(&mut self, decoders: Decoders) -> Result<(), ExecutiveError> {
        for ((row, decoder), decoding) in self.table.channels.iter().zip(&decoders).zip(&mut self.decoding) {
            let (Some(decoder), true) = (decoder, row.latency_ns > 0) else { continue };
            *decoding = Some(Decoding::start(row, decoder)?);
        }
        self.decoders = decoders;
        Ok(())
    }

    /// Gives the executive what makes messages of its tasks' outputs.
    pub fn encode_with(&mut self, outputs: Vec<Output>) -> Result<(), ExecutiveError> {
        self.journal.encode_with(outputs)
    }

    /// Says which ROS time logical 0 has, nanoseconds since 1970, before the first event: stamps are counted from it.
    pub fn set_epoch(&mut self, epoch_ns: i64) {
        self.journal.outlet.set_epoch(epoch_ns);
    }

    /// The log that decides, where this is a replay.
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    fn nothing_decodes(&self, channel: usize) -> ExecutiveError {
        ExecutiveError::Admission(format!("nothing decodes messages of \"{}\"", self.table.channels[channel].name))
    }

    /// Receives a message on an external channel at `time` and decodes it; it is a sample then, or after the channel's latency.
    ///
    /// Returns the message's number. What cannot be decoded is recorded as rejected. Time may not lie before what has
    /// been processed.
    pub fn receive(&mut self, channel: usize, time: i64, raw: &[u8]) -> Result<u64, ExecutiveError> {
        let sequence = self.arrive(channel, time, raw)?;
        self.intend(channel, sequence, time, raw)?;
        Ok(sequence)
    }

    /// A message that has its number is to become a sample, unless it cannot be decoded.
    fn intend(&mut self, channel: usize, sequence: u64, time: i64, raw: &[u8]) -> Result<(), ExecutiveError> {
        let row = &self.table.channels[channel];
        let Some(decoder) = self.decoders.get(channel).and_then(Option::as_ref) else {
            return Err(self.nothing_decodes(channel));
        };
        let Some(decoding) = &mut self.decoding[channel] else {
            match intake::decode(decoder.as_ref(), raw, row.slot_bytes) {
                Ok(slot) => self.wait(channel, sequence, time, Waiting::Ready(slot)),
                Err(reason) => self.reject(channel, sequence, time, &reason),
            }
            return Ok(());
        };
        let visible = match self.authority.as_ref().map(|log| log.intake(channel as u32, sequence)) {
            None => time.saturating_add(row.latency_ns),
            Some(Some(Intake::At(visible) | Intake::Rejected(visible))) => visible,
            Some(Some(Intake::Backlog(at))) => {
                self.reject(channel, sequence, at, BACKLOG);
                return Ok(());
            }
            // The run ended before it was decoded.
            Some(None) => return Ok(()),
        };
        decoding.send(raw.to_vec());
        self.wait(channel, sequence, visible, Waiting::Decoding);
        Ok(())
    }

    /// Whether a received message is a sample, or will be; waits where its decoding has not ended.
    pub fn is_sample(&mut self, channel: usize, number: u64) -> Result<bool, ExecutiveError> {
        let Some(outcomes) = self.outcomes.get(channel) else {
            return Err(ExecutiveError::Admission(format!("there is no channel {channel}")));
        };
        let at = self.waiting[channel].iter().position(|(sequence, _)| *sequence == number);
        match (at, &mut self.decoding[channel]) {
            (Some(at), Some(decoding)) => decoding.is_sample(at),
            _ => Ok(outcomes.of(number) == Some(true)),
        }
    }

    fn reject(&mut self, channel: usize, number: u64, time: i64, reason: &str) {
        self.outcomes[channel].reject(number);
        self.journal.writer.rejected(channel as u32, number, time, reason);
    }

    /// Admits a sample to an external channel at `time`; `raw` is what was received, `slot` what it means.
    ///
    /// Returns the sample's sequence number. Time may not lie before what has been processed.
    pub fn admit(&mut self, channel: usize, time: i64, raw: &[u8], slot: Vec<u8>) -> Result<u64, ExecutiveError> {
        if let Some(row) = self.table.channels.get(channel)
            && slot.len() != row.slot_bytes
        {
            let (name, takes) = (&row.name, row.slot_bytes);
            return Err(ExecutiveError::Admission(format!("\"{name}\" takes {takes} bytes, not {}", slot.len())));
        }
        let sequence = self.arrive(channel, time, raw)?;
        self.wait(channel, sequence, time, Waiting::Ready(slot));
        Ok(sequence)
    }

    fn wait(&mut self, channel: usize, sequence: u64, time: i64, waiting: Waiting) {
        self.waiting[channel].push_back((sequence, waiting));
        self.events.push(Reverse((time, Event::Admission { channel, sequence })));
    }

    /// Numbers and records a message that arrives.
    fn arrive(&mut self, channel: usize, time: i64, raw: &[u8]) -> Result<u64, ExecutiveError> {
        let wrong = |reason: String| Err(ExecutiveError::Admission(reason));
        let Some(row) = self.table.channels.get(channel) else {
            return wrong(format!("there is no channel {channel}"));
        };
        if row.source != Source::External {
            return wrong(format!("channel \"{}\" is written by a task", row.name));
        }
        if time < self.now {
            return wrong(format!("\"{}\" at {time} ns: the run is at {} ns already", row.name, self.now));
        }
        let newest = self.newest_admission[channel];
        if time < newest {
            return wrong(format!("\"{}\" at {time} ns: its newest sample is at {newest} ns already", row.name));
        }
        self.newest_admission[channel] = time;
        self.admitted[channel] += 1;
        let sequence = self.admitted[channel];
        self.journal.writer.admit(channel as u32, sequence, time, raw);
        Ok(sequence)
    }

    /// Begins or ends an observation of an output's messages; they are counted.
    pub fn observe(&mut self, output: usize, on: bool) -> Result<(), ExecutiveError> {
        let observers = &mut self.observers[self.journal.outlet.channel(output)?];
        *observers = if on { *observers + 1 } else { observers.saturating_sub(1) };
        Ok(())
    }

    /// Processes every event with a time up to and including `until`; returns the time up to which all are processed.
    ///
    /// That is earlier where something that will be published by `until` on an observed channel has become known: the
    /// observer may want to act at that instant.
    pub fn advance(&mut self, until: i64) -> Result<i64, ExecutiveError> {
        while let Some(Reverse((time, _))) = self.events.peek()
            && *time <= until
        {
            let Some(Reverse((time, event))) = self.events.pop() else { break };
            self.keyframe(time);
            match event {
                Event::Admission { channel, .. } => self.admission(time, channel)?,
                Event::Publication { task, job } => self.publication(time, task, job),
                Event::Release { task } => {
                    self.release(time, task)?;
                    let row = &self.table.tasks[task];
                    if self.observers[row.output] > 0 && rules::publication(row, time) <= until {
                        // The instant has begun: what is admitted from now on comes after its releases.
                        self.now = self.now.max(time + 1);
                        return Ok(time - 1);
                    }
                }
            }
        }
        self.now = self.now.max(until.saturating_add(1));
        Ok(until)
    }

    /// The newest sample of a channel with a tag not after `time`.
    pub fn latest(&self, channel: usize, time: i64) -> Sample {
        let (pinned, held) = self.pin(channel, time);
        // SAFETY: the slot is pinned.
        let bytes = unsafe { self.channels[channel].bytes(pinned.slot) }.to_vec();
        self.channels[channel].unpin(pinned.slot);
        Sample { sequence: pinned.sequence, time: pinned.time, held, bytes }
    }

    /// The newest message of an output with a tag not after `time`; None before the first.
    pub fn latest_message(&self, output: usize, time: i64) -> Result<Option<Sample>, ExecutiveError> {
        let sample = self.latest(self.journal.outlet.channel(output)?, time);
        if sample.sequence == 0 {
            return Ok(None);
        }
        let bytes = self.journal.outlet.encode(output, &sample.bytes, sample.time)?;
        Ok(Some(Sample { bytes, ..sample }))
    }

    /// The records since the last call, the messages of outputs among them.
    pub fn drain(&mut self) -> Result<Vec<u8>, ExecutiveError> {
        self.journal.take()
    }

    pub fn kernel_calls(&self) -> u64 {
        self.tasks.iter().map(|task| task.job.kernel_calls()).sum()
    }

    pub fn hash(&self) -> String {
        self.journal.hash()
    }

    pub fn table(&self) -> &Table {
        &self.table
    }

    fn admission(&mut self, time: i64, channel: usize) -> Result<(), ExecutiveError> {
        let Some((sequence, waiting)) = self.waiting[channel].pop_front() else { return Ok(()) };
        let bytes = match (waiting, &mut self.decoding[channel]) {
            (Waiting::Ready(bytes), _) => bytes,
            (Waiting::Decoding, Some(decoding)) => match decoding.take()? {
                Ok(Decoded { slot, hash }) => {
                    self.journal.writer.visible(channel as u32, sequence, time, &hash);
                    slot
                }
                Err(reason) => {
                    self.reject(channel, sequence, time, &reason);
                    return Ok(());
                }
            },
            (Waiting::Decoding, None) => return Ok(()),
        };
        put(&self.channels[channel], sequence, time, &bytes)?;
        self.arrival(time, channel);
        Ok(())
    }

    /// A sample stands on `channel`: tasks that it triggers are released, or not yet.
    fn arrival(&mut self, time: i64, channel: usize) {
        for task in self.table.released_by(channel) {
            let Some(arrivals) = &mut self.progress[task].arrivals else { continue };
            match arrivals.arrive(time) {
                Some(release) => self.events.push(Reverse((release, Event::Release { task }))),
                None => self.journal.skipped(task as u32, arrivals.released(), time, Skip::Early, time),
            }
        }
    }

    /// The instant at which a job's output, or what stands for it, becomes visible: it may release other tasks.
    fn publication(&mut self, time: i64, task: usize, job: u64) {
        let row = &self.table.tasks[task];
        let progress = &mut self.progress[task];
        let done = progress.done.contains(&job);
        progress.standing |= done;
        if rules::publishes(row, done, progress.standing) {
            self.arrival(time, row.output);
        }
    }

    /// Pins what a release at `time` sees of a channel, and whether it is held.
    fn pin(&self, channel: usize, time: i64) -> (Pinned, bool) {
        let pinned = self.channels[channel].pin_at(time);
        let Source::Task { task } = self.table.channels[channel].source else { return (pinned, false) };
        let row = &self.table.tasks[task];
        let due = rules::due(row, &self.progress[task].releases, time);
        (pinned, rules::is_held(row, pinned.sequence, due))
    }

    fn release(&mut self, time: i64, task: usize) -> Result<(), ExecutiveError> {
        let row = self.table.tasks[task].clone();
        let id = task as u32;
        let releases = &mut self.progress[task].releases;
        let job = releases.count();
        releases.push(&row, time);
        if matches!(row.trigger, Trigger::Periodic { .. })
            && let Some(next) = rules::release(&row, releases, job + 1)
        {
            self.events.push(Reverse((next, Event::Release { task })));
        }
        let publication = rules::publication(&row, time);
        self.events.push(Reverse((publication, Event::Publication { task, job })));
        let skip = match &self.authority {
            Some(authority) => authority.skipped(id, job),
            None => rules::is_busy(time, self.progress[task].busy_until).then_some(Skip::Busy),
        };
        if let Some(reason) = skip {
            self.journal.skipped(id, job, time, reason, time);
            return Ok(());
        }

        let views: Vec<(Pinned, bool)> =
            self.tasks[task].channels.iter().map(|channel| self.pin(*channel, time)).collect();
        let pinned: Vec<Pinned> = views.iter().map(|(pinned, _)| *pinned).collect();
        let pins: Vec<Pin> = self.tasks[task]
            .channels
            .iter()
            .zip(&views)
            .map(|(channel, (pinned, held))| {
                let recomputed = if *held { HELD } else { 0 };
                let logged = self.authority.as_ref().and_then(|log| log.flags(id, job, *channel as u32));
                Pin { channel: *channel as u32, sequence: pinned.sequence, flags: logged.unwrap_or(recomputed) }
            })
            .collect();
        self.journal.release(id, job, time, pins.into_iter());

        let output = &self.channels[row.output];
        let slot = output.free_slot().ok_or_else(|| ExecutiveError::Admission("no slot is free".to_owned()))?;
        let state = &mut self.tasks[task];
        let inputs: Vec<*const u8> = state
            .channels
            .iter()
            .zip(&pinned)
            .map(|(channel, pinned)| self.channels[*channel].address(pinned.slot).cast_const())
            .collect();
        // SAFETY: the inputs are pinned, and the slot was free: this thread is the channel's only producer.
        unsafe { state.run(|at| inputs[at], output.address(slot)) }.map_err(|fault| ExecutiveError::Fault {
            task: row.name.clone(),
            job,
            fault,
        })?;
        for (channel, pinned) in self.tasks[task].channels.iter().zip(&pinned) {
            self.channels[*channel].unpin(pinned.slot);
        }

        let stall = match &self.authority {
            Some(authority) => authority.stalled(id, job),
            None => self.tasks[task].stall_of(job),
        };
        if let Some(duration) = stall {
            self.journal.writer.fault(id, job, duration);
        }
        let end = time + stall.unwrap_or(0);
        self.progress[task].busy_until = if stall.is_some() { end } else { i64::MIN };
        let overrun = match &self.authority {
            Some(authority) => authority.overran(id, job),
            None => rules::is_overrun(publication, end),
        };
        // SAFETY: the slot is this producer's own until it is published, and only read afterwards.
        let bytes = unsafe { output.bytes(slot) };
        self.journal.end(End { task: id, job, release: time, overrun, ended: end }, Some(bytes));
        if !overrun {
            output.publish(job + 1, publication, slot);
            let done = &mut self.progress[task].done;
            done.push_back(job);
            if done.len() > 8 {
                done.pop_front();
            }
        }
        Ok(())
    }

    /// Copies all states into the log where `time` is the first event at or after a multiple of the keyframe interval.
    ///
    /// A keyframe's tag stands before all others of its instant: it holds what the jobs released earlier left.
    fn keyframe(&mut self, time: i64) {
        if self.keyframe_every <= 0 || time < self.next_keyframe {
            return;
        }
        let tag = time - time % self.keyframe_every;
        self.next_keyframe = tag + self.keyframe_every;
        for (id, (task, progress)) in self.tasks.iter().zip(&self.progress).enumerate() {
            let mut states = vec![0; task.job.states_bytes()];
            task.job.copy_states(&mut states);
            self.journal.writer.keyframe(id as u32, progress.releases.count(), tag, &states);
        }
    }
}

/// Makes bytes a sample of a channel, whose only producer is this thread.
fn put(channel: &Channel, sequence: u64, time: i64, bytes: &[u8]) -> Result<(), ExecutiveError> {
    if bytes.len() != channel.slot_bytes() {
        return Err(ExecutiveError::Admission("a sample is not as large as its slot".to_owned()));
    }
    let slot = channel.free_slot().ok_or_else(|| ExecutiveError::Admission("no slot is free".to_owned()))?;
    // SAFETY: the slot is free, and as large as the bytes.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), channel.address(slot), bytes.len()) };
    channel.publish(sequence, time, slot);
    Ok(())
}
