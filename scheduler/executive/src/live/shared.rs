//! What the threads of a live run share: channels, memory, releases, decisions on their way to the collector.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

use isochron_engine::arena::{Arena, aligned};

use super::channel::{Channel, Pinned};
use super::ring::Ring;
use super::sys;
use crate::error::ExecutiveError;
use crate::records::{HELD, Skip};
use crate::table::{OnOverrun, Source, Table, TaskRow, Trigger};

/// Distinct channels that one task may read.
pub const MAX_PINS: usize = 16;
/// Decisions that may wait for the collector, per thread.
pub const DECISIONS: usize = 4096;
/// Output slots that may wait for the collector, per channel.
pub const RECORDER_DEPTH: u32 = 64;
/// Release times of a task on arrival that readers can look back on.
const RELEASES: usize = 1024;
/// Records that stay findable behind a channel's newest.
const HISTORY: usize = 8192;

/// A channel and its memory.
pub struct LiveChannel {
    pub index: Channel,
    memory: Arena,
    stride: usize,
    pub slot_bytes: usize,
}

impl LiveChannel {
    fn new(slot_bytes: usize, depth: usize, readers: usize, recorded: bool) -> Result<Self, ExecutiveError> {
        let recorder = if recorded { RECORDER_DEPTH } else { 0 };
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

    /// A slot's bytes.
    ///
    /// # Safety
    /// The slot is pinned or claimed by the caller, and nobody writes it meanwhile.
    pub unsafe fn bytes(&self, slot: u32) -> &[u8] {
        // SAFETY: the slot lies within the memory; the caller vouches that nobody writes it.
        unsafe { std::slice::from_raw_parts(self.address(slot), self.slot_bytes) }
    }
}

/// The releases of a task on arrival, oldest overwritten; one writer.
pub struct Releases {
    times: Box<[AtomicI64]>,
    count: AtomicU64,
}

impl Releases {
    fn new() -> Self {
        Self { times: (0..RELEASES).map(|_| AtomicI64::new(0)).collect(), count: AtomicU64::new(0) }
    }

    pub fn push(&self, time: i64) {
        let count = self.count.load(Ordering::Relaxed);
        self.times[count as usize % RELEASES].store(time, Ordering::Relaxed);
        // Release pairs with the Acquire in `count`: who sees the count sees the time.
        self.count.store(count + 1, Ordering::Release);
    }

    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Time of release number `job`, one of the newest.
    pub fn time(&self, job: u64) -> i64 {
        self.times[job as usize % RELEASES].load(Ordering::Relaxed)
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
    },
    Fault {
        task: u32,
        job: u64,
        duration: i64,
    },
    /// A job's end: `slot` is pinned for the collector.
    End {
        task: u32,
        job: u64,
        publication: i64,
        overrun: bool,
        slot: u32,
        release: i64,
        start: i64,
        end: i64,
    },
}

#[derive(Clone, Copy, Default)]
pub struct PinEntry {
    pub channel: u32,
    pub sequence: u64,
    pub flags: u8,
}

/// One thread's sleeping place and its way to the collector.
pub struct Group {
    pub core: usize,
    pub priority: i32,
    pub tasks: Vec<usize>,
    pub wakeups: AtomicU32,
    pub decisions: Ring<Decision>,
}

/// Everything that the threads share.
pub struct Shared {
    pub table: Table,
    pub channels: Vec<LiveChannel>,
    pub releases: Vec<Releases>,
    pub groups: Vec<Group>,
    /// CLOCK_MONOTONIC at logical time 0.
    pub epoch: AtomicI64,
    /// Releases from here on do not happen.
    pub end: AtomicI64,
    pub lost: AtomicU64,
    /// Threads that have left their loop.
    pub finished: AtomicU32,
    pub failed: AtomicBool,
}

impl Shared {
    pub fn new(table: Table) -> Result<Self, ExecutiveError> {
        for task in &table.tasks {
            let name = &task.name;
            if task.read_channels().len() > MAX_PINS {
                return Err(ExecutiveError::Table(format!("task \"{name}\" reads more than {MAX_PINS} channels")));
            }
            if let Trigger::Arrival { channel, .. } = task.trigger
                && table.channels[channel].source != Source::External
            {
                return Err(ExecutiveError::Table(format!(
                    "task \"{name}\" is released by another task's output, which live runs cannot do yet\nhelp: give it a period"
                )));
            }
        }
        let channels = table
            .channels
            .iter()
            .enumerate()
            .map(|(id, row)| {
                let readers = table.tasks.iter().filter(|task| task.read_channels().contains(&id)).count();
                LiveChannel::new(row.slot_bytes, row.depth, readers, row.source != Source::External)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut keys: Vec<(usize, i32)> = table.tasks.iter().map(|task| (task.core, task.priority)).collect();
        keys.sort_unstable_by_key(|(core, priority)| (*core, -*priority));
        keys.dedup();
        let empty = Decision::Fault { task: 0, job: 0, duration: 0 };
        let groups = keys
            .into_iter()
            .map(|(core, priority)| Group {
                core,
                priority,
                tasks: (0..table.tasks.len())
                    .filter(|id| (table.tasks[*id].core, table.tasks[*id].priority) == (core, priority))
                    .collect(),
                wakeups: AtomicU32::new(0),
                decisions: Ring::new(DECISIONS, empty),
            })
            .collect();
        Ok(Self {
            releases: table.tasks.iter().map(|_| Releases::new()).collect(),
            channels,
            groups,
            table,
            epoch: AtomicI64::new(0),
            end: AtomicI64::new(i64::MAX),
            lost: AtomicU64::new(0),
            finished: AtomicU32::new(0),
            failed: AtomicBool::new(false),
        })
    }

    /// Logical time now.
    ///
    /// Real-time.
    pub fn now(&self) -> i64 {
        sys::monotonic() - self.epoch.load(Ordering::Relaxed)
    }

    /// Releases of a task whose publication instant is not after `time`.
    ///
    /// Real-time: looks back over releases that are not due yet.
    pub fn due(&self, task: &TaskRow, id: usize, time: i64) -> u64 {
        let latest = time - task.let_ns;
        match task.trigger {
            Trigger::Periodic { period_ns, phase_ns } => {
                if latest < phase_ns {
                    0
                } else {
                    ((latest - phase_ns) / period_ns) as u64 + 1
                }
            }
            Trigger::Arrival { .. } => {
                let releases = &self.releases[id];
                let mut count = releases.count();
                while count > 0 && releases.time(count - 1) > latest {
                    count -= 1;
                }
                count
            }
        }
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
                let due = self.due(row, task, time);
                let pinned = loop {
                    if let Some(pinned) = index.try_pin(index.verdict.settle(due).records, time) {
                        break pinned;
                    }
                };
                let held = row.on_overrun == OnOverrun::Hold && pinned.sequence > 0 && pinned.sequence < due;
                (pinned, if held { HELD } else { 0 })
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
