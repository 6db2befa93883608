//! What the threads of a live run share: channels, memory, releases, decisions on their way to the collector.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

use isochron_engine::arena::{Arena, aligned};

use super::buffers::Buffers;
use super::channel::{Channel, Pinned};
use super::fault::FaultNote;
use super::inputs::Arrival;
use super::releases::Releases;
use super::ring::Ring;
use super::sys;
use super::verdict::State;
use crate::error::ExecutiveError;
use crate::outlet::{Departing, Output};
use crate::records::{HELD, Skip};
use crate::rules;
use crate::table::{Source, Table, TaskRow};

/// Distinct channels that one task may read.
pub const MAX_PINS: usize = 16;
/// Records that stay findable behind a channel's newest.
const HISTORY: usize = 8192;
/// How long the collector may be kept from running before decisions are lost.
const COLLECTOR_PAUSE_NS: i64 = 2_000_000_000;
/// How long it may before output bytes are, and how much memory they may take per channel.
const RECORDER_PAUSE_NS: i64 = 500_000_000;
const RECORDER_BYTES: usize = 32 << 20;

/// Entries on an external channel's way to the collector, and buffers for its messages.
const ARRIVALS: usize = 256;
const BUFFERS: usize = 64;
/// How long the sender may be behind before messages are missed, and how much memory the samples may take per channel.
const SENDER_PAUSE_NS: i64 = 500_000_000;
const SENDER_BYTES: usize = 16 << 20;
/// The same of who takes an output's messages.
const TAKER_PAUSE_NS: i64 = 2_000_000_000;
const TAKER_BYTES: usize = 32 << 20;

/// Releases of a task within a time.
fn releases_within(task: &TaskRow, time: i64) -> usize {
    (time / task.interval_ns()) as usize + 1
}

/// Output slots of a task that may wait for the collector.
fn recorder_depth(task: &TaskRow, slot_bytes: usize) -> u32 {
    let affordable = RECORDER_BYTES / aligned(slot_bytes.max(1));
    releases_within(task, RECORDER_PAUSE_NS).min(affordable).clamp(4, 1024) as u32
}

/// Samples of a task that stay readable for the sender.
fn sender_depth(task: &TaskRow, slot_bytes: usize) -> usize {
    let affordable = SENDER_BYTES / aligned(slot_bytes.max(1));
    releases_within(task, SENDER_PAUSE_NS).min(affordable).clamp(2, 1024)
}

/// Messages of at most `bytes` bytes of a task's output that may wait for who takes them.
pub fn messages_depth(task: &TaskRow, bytes: usize) -> usize {
    releases_within(task, TAKER_PAUSE_NS).min(TAKER_BYTES / bytes.max(1)).clamp(4, 1024)
}

/// Decisions of a thread's tasks that may wait for the collector: each release makes at most three.
fn decisions_depth<'a>(tasks: impl Iterator<Item = &'a TaskRow>) -> usize {
    let wanted: usize = tasks.map(|task| 3 * releases_within(task, COLLECTOR_PAUSE_NS)).sum();
    wanted.clamp(256, 1 << 15)
}

/// A channel and its memory.
pub struct LiveChannel {
    pub index: Channel,
    memory: Arena,
    stride: usize,
    pub slot_bytes: usize,
}

impl LiveChannel {
    fn new(slot_bytes: usize, depth: usize, readers: usize, recorder: u32) -> Result<Self, ExecutiveError> {
        // The record that is not due yet, one slot being written, and one reader (an observer) between a pin and its check.
        let depth = depth + 1;
        let slots = depth + readers + recorder as usize + 3;
        let stride = aligned(slot_bytes.max(1));
        let memory = Arena::new(stride * slots)?;
        Ok(Self { index: Channel::new(depth, slots, recorder, HISTORY), memory, stride, slot_bytes })
    }

    pub fn address(&self, slot: u32) -> *mut u8 {
        self.memory.at(self.stride * slot as usize)
    }

    /// A slot's bytes, to be written.
    ///
    /// # Safety
    /// The slot is claimed by the caller, who holds no other reference to its bytes.
    #[expect(clippy::mut_from_ref, reason = "a claim is the right to write the slot")]
    pub unsafe fn claimed(&self, slot: u32) -> &mut [u8] {
        // SAFETY: the slot lies within the memory; the caller vouches that it is claimed.
        unsafe { std::slice::from_raw_parts_mut(self.address(slot), self.slot_bytes) }
    }

    /// A slot's bytes.
    ///
    /// # Safety
    /// The slot is pinned or claimed by the caller, and nobody writes it meanwhile.
    pub unsafe fn bytes(&self, slot: u32) -> &[u8] {
        // SAFETY: the slot lies within the memory; the caller vouches that nobody writes it.
        unsafe { std::slice::from_raw_parts(self.address(slot), self.slot_bytes) }
    }

    fn lock_memory(&self) -> bool {
        self.memory.lock() & self.index.lock_memory(sys::lock_memory)
    }
}

/// A decision, or an output that is to be hashed, on its way to the collector.
#[derive(Clone, Copy)]
#[expect(clippy::large_enum_variant, reason = "entries of a ring are of one size, and may not point to the heap")]
pub enum Decision {
    Release {
        task: u32,
        job: u64,
        time: i64,
        count: u32,
        pins: [PinEntry; MAX_PINS],
    },
    Skipped {
        task: u32,
        job: u64,
        time: i64,
        reason: Skip,
        decided: i64,
    },
    Fault {
        task: u32,
        job: u64,
        duration: i64,
    },
    /// A job's end: `slot` is pinned for the collector, unless that holds as many as it may.
    End {
        task: u32,
        job: u64,
        release: i64,
        overrun: bool,
        ended: i64,
        slot: Option<u32>,
    },
}

#[derive(Clone, Copy, Default)]
pub struct PinEntry {
    pub channel: u32,
    pub sequence: u64,
    pub flags: u8,
}

/// When a job really ran.
#[derive(Clone, Copy, Default)]
pub struct Trace {
    pub task: u32,
    pub job: u64,
    pub release: i64,
    pub start: i64,
    pub end: i64,
}

/// One thread's sleeping place and its ways to the collector.
pub struct Group {
    pub core: usize,
    pub priority: i32,
    pub tasks: Vec<usize>,
    pub wakeups: AtomicU32,
    pub decisions: Ring<Decision>,
    pub traces: Ring<Trace>,
}

impl Group {
    fn new(table: &Table, core: usize, priority: i32) -> Self {
        let tasks: Vec<usize> = (0..table.tasks.len())
            .filter(|id| (table.tasks[*id].core, table.tasks[*id].priority) == (core, priority))
            .collect();
        let depth = decisions_depth(tasks.iter().map(|id| &table.tasks[*id]));
        let empty = Decision::Fault { task: 0, job: 0, duration: 0 };
        let (decisions, traces) = (Ring::new(depth, empty), Ring::new(depth, Trace::default()));
        Self { core, priority, tasks, wakeups: AtomicU32::new(0), decisions, traces }
    }

    /// Wakes the thread, or keeps it from falling asleep.
    pub fn wake(&self) {
        // Release pairs with the Acquire in the thread's loop: it looks again at what was changed before.
        self.wakeups.fetch_add(1, Ordering::Release);
        sys::wake(&self.wakeups);
    }
}

/// The next publication of a task to look at.
pub enum Upcoming {
    /// Its instant.
    At(i64),
    /// Its release is not known yet.
    Unknown,
    /// There is none before the run ends.
    Over,
}

/// What did not fit on its way to the collector.
#[derive(Default)]
pub struct Lost {
    pub decisions: AtomicU64,
    pub traces: AtomicU64,
    pub outputs: AtomicU64,
}

/// Everything that the threads share.
pub struct Shared {
    pub table: Table,
    pub channels: Vec<LiveChannel>,
    pub releases: Vec<Releases>,
    pub groups: Vec<Group>,
    /// Per channel: buffers for messages, and what they tell on their way to the collector; none for a task's.
    pub buffers: Vec<Arc<Buffers>>,
    pub arrivals: Vec<Ring<Arrival>>,
    /// Changed where the sender is to look again.
    pub sender: AtomicU32,
    /// Per task: whether an output shows it, and whether one leaves at completion.
    shown: Vec<(bool, bool)>,
    /// Per task with such an output: when its newest done job ended.
    pub ended: Vec<AtomicI64>,
    /// Per task: the group that runs it, and the groups with tasks that its output releases.
    group_of: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    /// CLOCK_MONOTONIC at logical time 0.
    pub epoch: AtomicI64,
    /// Releases from here on do not happen.
    pub end: AtomicI64,
    pub lost: Lost,
    /// Threads that have left their loop.
    pub finished: AtomicU32,
    /// The first job that ended with a fault.
    pub fault: FaultNote,
    /// A thread broke off: the others do not wait for it.
    pub broken: AtomicBool,
}

impl Shared {
    pub fn new(table: Table, outputs: &[Output]) -> Result<Self, ExecutiveError> {
        for task in &table.tasks {
            if task.read_channels().len() > MAX_PINS {
                return Err(ExecutiveError::Table(format!(
                    "task \"{}\" reads more than {MAX_PINS} channels",
                    task.name
                )));
            }
        }
        let channels = table
            .channels
            .iter()
            .enumerate()
            .map(|(id, row)| {
                let readers = table.tasks.iter().filter(|task| task.read_channels().contains(&id)).count();
                let is_shown = outputs.iter().any(|output| output.channel == id);
                let (recorder, sender) = match row.source {
                    Source::External => (0, 0),
                    Source::Task { task } => {
                        let row_of_task = &table.tasks[task];
                        let sender = if is_shown { sender_depth(row_of_task, row.slot_bytes) } else { 0 };
                        (recorder_depth(row_of_task, row.slot_bytes), sender)
                    }
                };
                LiveChannel::new(row.slot_bytes, row.depth.max(sender), readers + usize::from(is_shown), recorder)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut keys: Vec<(usize, i32)> = table.tasks.iter().map(|task| (task.core, task.priority)).collect();
        keys.sort_unstable_by_key(|(core, priority)| (*core, -*priority));
        keys.dedup();
        let groups: Vec<Group> = keys.iter().map(|(core, priority)| Group::new(&table, *core, *priority)).collect();
        let group_of: Vec<usize> = table
            .tasks
            .iter()
            .map(|task| keys.iter().position(|key| *key == (task.core, task.priority)).unwrap_or(0))
            .collect();
        let dependents = (0..table.tasks.len())
            .map(|task| {
                let released = (0..table.tasks.len()).filter(|id| table.upstream(*id) == Some(task));
                let mut groups: Vec<usize> = released.map(|id| group_of[id]).collect();
                groups.sort_unstable();
                groups.dedup();
                groups
            })
            .collect();
        let is_external = |id: usize| table.channels[id].source == Source::External;
        let sized = |id: usize, size: usize| if is_external(id) { size } else { 0 };
        let shown = |task: &TaskRow| {
            let of_task = || outputs.iter().filter(|output| output.channel == task.output);
            (of_task().next().is_some(), of_task().any(|output| output.departing == Departing::Completion))
        };
        Ok(Self {
            buffers: (0..table.channels.len()).map(|id| Buffers::new(sized(id, BUFFERS))).collect(),
            arrivals: (0..table.channels.len()).map(|id| Ring::of(sized(id, ARRIVALS), || Arrival::Empty)).collect(),
            sender: AtomicU32::new(0),
            shown: table.tasks.iter().map(shown).collect(),
            ended: table.tasks.iter().map(|_| AtomicI64::new(i64::MIN)).collect(),
            releases: table.tasks.iter().map(|_| Releases::new()).collect(),
            channels,
            groups,
            group_of,
            dependents,
            table,
            // Until the start logical time is far before 0.
            epoch: AtomicI64::new(i64::MAX / 2),
            end: AtomicI64::new(i64::MAX),
            lost: Lost::default(),
            finished: AtomicU32::new(0),
            fault: FaultNote::default(),
            broken: AtomicBool::new(false),
        })
    }

    /// Locks what the threads touch into memory; false where the machine did not grant all of it.
    pub fn lock_memory(&self) -> bool {
        let channels = self.channels.iter().fold(true, |locked, channel| channel.lock_memory() & locked);
        self.groups.iter().fold(channels, |locked, group| {
            group.decisions.lock_memory(sys::lock_memory) & group.traces.lock_memory(sys::lock_memory) & locked
        })
    }

    /// Logical time now.
    ///
    /// Real-time.
    pub fn now(&self) -> i64 {
        sys::monotonic() - self.epoch.load(Ordering::Relaxed)
    }

    /// Hands a decision to the collector; what does not fit is counted.
    ///
    /// Real-time: one copy.
    pub fn decide(&self, group: usize, decision: Decision) -> bool {
        let kept = self.groups[group].decisions.push(decision);
        if !kept {
            self.lost.decisions.fetch_add(1, Ordering::Relaxed);
        }
        kept
    }

    /// Hands a trace to the collector; what does not fit is counted.
    ///
    /// Real-time: one copy.
    pub fn trace(&self, group: usize, trace: Trace) -> bool {
        let kept = self.groups[group].traces.push(trace);
        if !kept {
            self.lost.traces.fetch_add(1, Ordering::Relaxed);
        }
        kept
    }

    /// Wakes the thread of a task.
    pub fn wake(&self, task: usize) {
        self.groups[self.group_of[task]].wake();
    }

    /// Wakes the sender, or keeps it from falling asleep.
    pub fn wake_sender(&self) {
        // Release pairs with the Acquire in the sender's loop.
        self.sender.fetch_add(1, Ordering::Release);
        sys::wake(&self.sender);
    }

    /// A task's job is done: what is to leave then may.
    ///
    /// Real-time: at most one system call.
    pub fn completed(&self, task: usize, ended: i64) {
        if self.shown[task].1 {
            self.ended[task].store(ended, Ordering::Release);
            self.wake_sender();
        }
    }

    /// Wakes the threads, other than group `own`, that follow the publications of `task`.
    ///
    /// Real-time: one system call per thread.
    pub fn wake_dependents(&self, task: usize, own: usize) {
        if self.shown[task].0 {
            self.wake_sender();
        }
        for group in self.dependents[task].iter().filter(|group| **group != own) {
            self.groups[*group].wake();
        }
    }

    /// Time of a task's release, where it is known.
    ///
    /// Real-time.
    pub fn release(&self, task: usize, job: u64) -> Option<i64> {
        rules::release(&self.table.tasks[task], &self.releases[task], job)
    }

    /// The oldest release of a task whose time is still known.
    pub fn oldest_release(&self, task: usize) -> u64 {
        self.releases[task].oldest()
    }

    /// Where the publications of a task go on, of a run that ends at `end`. Those whose releases are not known any more are passed
    /// over: how many.
    ///
    /// Real-time.
    pub fn upcoming(&self, task: usize, next: &mut u64, end: i64) -> (u64, Upcoming) {
        // Asked first: what is closed now has all its releases.
        let closed = self.releases[task].is_closed();
        let gone = self.oldest_release(task).saturating_sub(*next);
        *next += gone;
        let upcoming = match self.release(task, *next) {
            Some(release) => match rules::publication(&self.table.tasks[task], release) {
                publication if publication < end => Upcoming::At(publication),
                _ => Upcoming::Over,
            },
            None if closed => Upcoming::Over,
            None => Upcoming::Unknown,
        };
        (gone, upcoming)
    }

    /// Whether a job's output stands; its publication instant has come, so the verdict is settled if it is not yet.
    ///
    /// Real-time: looks back over what the task has published since.
    pub fn stands(&self, task: usize, job: u64) -> bool {
        let index = &self.channels[self.table.tasks[task].output].index;
        index.stands(job).unwrap_or_else(|| {
            // So far behind that the answer is gone: the recording says that it cannot be replayed.
            self.lost.decisions.fetch_add(1, Ordering::Relaxed);
            false
        })
    }

    /// Pins what a release at `time` sees of a channel: settles the producer's verdicts that are due, freezes admissions.
    ///
    /// Real-time: retries only while a producer publishes.
    pub fn pin(&self, channel: usize, time: i64) -> (Pinned, u8) {
        let index = &self.channels[channel].index;
        match self.table.channels[channel].source {
            Source::External => loop {
                if let Some(pinned) = index.try_pin(index.freeze(time, false), time) {
                    return (pinned, 0);
                }
            },
            Source::Task { task } => {
                let row = &self.table.tasks[task];
                let due = rules::due(row, &self.releases[task], time);
                let pinned = loop {
                    if let Some(pinned) = index.try_pin(index.verdict.settle(due).records, time) {
                        break pinned;
                    }
                };
                (pinned, if rules::is_held(row, pinned.sequence, due) { HELD } else { 0 })
            }
        }
    }

    /// Pins the output of job `job`, whose publication instant lies ahead, where the job is done already.
    ///
    /// Real-time: retries only while the producer publishes.
    pub fn pin_done(&self, channel: usize, job: u64, publication: i64) -> Option<Pinned> {
        let index = &self.channels[channel].index;
        loop {
            let view = index.verdict.view();
            if (view.jobs, view.state) != (job + 1, State::Done) {
                return None;
            }
            if let Some(pinned) = index.try_pin(view.records, publication) {
                if pinned.jobs == job + 1 {
                    return Some(pinned);
                }
                index.unpin(pinned.slot);
                return None;
            }
        }
    }

    /// Pins a channel's newest sample for an observer, who decides nothing.
    pub fn observe(&self, channel: usize, time: i64) -> Pinned {
        let index = &self.channels[channel].index;
        loop {
            let records = match self.table.channels[channel].source {
                Source::External => index.freeze(i64::MIN, true),
                Source::Task { .. } => index.verdict.view().records,
            };
            if let Some(pinned) = index.try_pin(records, time) {
                return pinned;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;
    /// One task under hold: released every 10 ms from 3 ms on, its output due 5 ms later.
    const TABLE: &str = r#"{ "version": 1, "name": "t", "channels": [
        { "name": "f", "source": { "kind": "task", "task": 0 }, "depth": 2, "slotBytes": 8, "fields": [] } ],
      "tasks": [ { "name": "f", "program": 0, "trigger": { "kind": "periodic", "periodNs": 10000000, "phaseNs": 3000000 },
          "budgetNs": 1, "deadlineNs": 5000000, "letNs": 5000000, "priority": 1, "core": 0, "onOverrun": "hold",
          "inputs": [], "output": 0 } ] }"#;

    #[test]
    fn a_reader_settles_a_running_job_at_its_publication_instant_and_not_before() {
        let shared = Shared::new(Table::parse(TABLE).expect("it is sound"), &[]).expect("it is laid out");
        let index = &shared.channels[0].index;
        let mut producer = index.producer();
        assert!(index.verdict.start(0));
        let slot = index.claim(&mut producer).expect("a slot is free");
        index.prepare(&producer, slot, 8 * MS, 1, 1);
        assert!(index.verdict.finish(0));
        index.retain(&mut producer, slot);
        assert!(index.verdict.start(1));

        let seen = |time| {
            let (pinned, flags) = shared.pin(0, time);
            index.unpin(pinned.slot);
            (pinned.sequence, flags)
        };
        assert_eq!(seen(8 * MS - 1), (0, 0));
        assert_eq!(seen(8 * MS), (1, 0));
        assert_eq!(seen(18 * MS - 1), (1, 0));
        assert_eq!(index.verdict.view().state, State::Running);
        // The job's instant: what stood is held from now on.
        assert_eq!(seen(18 * MS), (1, HELD));
        assert_eq!(index.verdict.view().state, State::Overrun);
        assert!(!index.verdict.finish(1));
    }
}
