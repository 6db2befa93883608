//! A channel: a ring of sample records over a few slots of memory, with one producer and readers that pin what they read.

use super::verdict::{RECORD_MODULUS, State, Verdict};
use crate::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

/// The tag of an admitted sample before its tag is decided.
const UNDECIDED: i64 = i64::MAX;
/// The index of a record that is being rewritten.
const REWRITTEN: u64 = u64::MAX;
/// Set in a slot's pin count while its producer writes it.
const CLAIMED: u32 = 1 << 31;
/// How often a claim looks at every slot before it gives up.
const PASSES: usize = 4;

struct Record {
    /// Position in the channel's history; 0 is the zero sample.
    index: AtomicU64,
    time: AtomicI64,
    /// The producing job's number plus one; the sample's number for external channels.
    jobs: AtomicU64,
    sequence: AtomicU64,
    slot: AtomicU32,
}

/// A sample that a reader holds; its slot is not written until it is unpinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pinned {
    pub slot: u32,
    pub time: i64,
    pub jobs: u64,
    pub sequence: u64,
    /// The sample that the tag selects was gone; this is the oldest that was left.
    pub late: bool,
}

/// The producer's own bookkeeping of a channel; there is one per channel.
pub struct Producer {
    records: u64,
    floor: u64,
    retained: Vec<bool>,
    cursor: usize,
    last_time: i64,
}

/// The index part of a channel: which sample lies in which slot. The bytes lie in `Memory`.
pub struct Channel {
    records: Box<[Record]>,
    mask: u64,
    /// Records below are retired: their slots may be written anew.
    floor: AtomicU64,
    pins: Box<[AtomicU32]>,
    depth: u64,
    /// Admitted records, for an external channel.
    head: AtomicU64,
    /// Times up to here have been read: admissions get later tags.
    low: AtomicI64,
    /// The producing task's verdict, for a task's channel.
    pub verdict: Verdict,
    /// Slots that wait for the recorder, and how many may.
    recorder: AtomicU32,
    recorder_depth: u32,
}

impl Channel {
    /// A channel of `slots` slots; a record stays findable by index for `history` records (a power of two).
    pub fn new(depth: usize, slots: usize, recorder_depth: u32, history: usize) -> Self {
        assert!(history.is_power_of_two() && history as u64 <= RECORD_MODULUS && history > depth + 2);
        let record = |at: usize| Record {
            index: AtomicU64::new(if at == 0 { 0 } else { REWRITTEN }),
            time: AtomicI64::new(i64::MIN),
            jobs: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
            slot: AtomicU32::new(0),
        };
        Self {
            records: (0..history).map(record).collect(),
            mask: history as u64 - 1,
            floor: AtomicU64::new(0),
            pins: (0..slots).map(|_| AtomicU32::new(0)).collect(),
            depth: depth as u64,
            head: AtomicU64::new(1),
            low: AtomicI64::new(-1),
            verdict: Verdict::new(),
            recorder: AtomicU32::new(0),
            recorder_depth,
        }
    }

    /// The one producer's side; the zero sample lies in slot 0.
    pub fn producer(&self) -> Producer {
        let mut retained = vec![false; self.pins.len()];
        retained[0] = true;
        Producer { records: 1, floor: 0, retained, cursor: 0, last_time: -1 }
    }

    fn record(&self, index: u64) -> &Record {
        &self.records[(index & self.mask) as usize]
    }

    /// Takes a slot to write: one that no retained record refers to and nobody has pinned.
    ///
    /// Retires all but the newest `depth` records first. There are more slots than retained records, readers and the
    /// recorder can hold, so one pass finds one; a further pass is for readers that pinned a retired slot in between and
    /// are about to see that. None where more is pinned than the channel was laid out for. Real-time: bounded.
    pub fn claim(&self, producer: &mut Producer) -> Option<u32> {
        while producer.floor + self.depth < producer.records {
            let slot = self.record(producer.floor).slot.load(Ordering::Relaxed);
            producer.retained[slot as usize] = false;
            producer.floor += 1;
        }
        // Release pairs with the Acquire in `try_pin`; a reader that pins a slot after it was exposed again sees, over the
        // pin count, at least this floor.
        self.floor.store(producer.floor, Ordering::Release);
        for _ in 0..PASSES * self.pins.len() {
            let at = producer.cursor;
            producer.cursor = (at + 1) % self.pins.len();
            if !producer.retained[at]
                // AcqRel pairs with the readers' changes of the same count: a pin that came first makes this fail, one
                // that comes later sees the claim.
                && self.pins[at].compare_exchange(0, CLAIMED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            {
                return Some(at as u32);
            }
        }
        None
    }

    /// Writes the next record over a claimed slot and lets readers pin the slot; the record does not count yet.
    pub fn prepare(&self, producer: &Producer, slot: u32, time: i64, jobs: u64, sequence: u64) {
        let record = self.record(producer.records);
        record.index.store(REWRITTEN, Ordering::Relaxed);
        // Release pairs with the Acquire in `time_at` and `try_pin`: who reads a new field sees the index rewritten and the
        // floor raised.
        record.time.store(time, Ordering::Release);
        record.jobs.store(jobs, Ordering::Release);
        record.sequence.store(sequence, Ordering::Release);
        record.slot.store(slot, Ordering::Release);
        record.index.store(producer.records, Ordering::Release);
        self.expose(slot);
    }

    /// Ends a claim; the slot may be pinned.
    pub fn expose(&self, slot: u32) {
        // Release pairs with the AcqRel in `try_pin`: who pins the slot from here on sees the floor of its claim.
        self.pins[slot as usize].fetch_and(!CLAIMED, Ordering::Release);
    }

    /// Counts the prepared record for the producer, after the verdict or the admission made it stand.
    pub fn retain(&self, producer: &mut Producer, slot: u32) {
        producer.retained[slot as usize] = true;
        producer.records += 1;
    }

    /// Admits the sample in a claimed slot under a number above all before; its tag, which is returned, is at least `now()`
    /// and later than that of the last sample and than all that has been read.
    pub fn admit(&self, producer: &mut Producer, slot: u32, number: u64, now: impl FnOnce() -> i64) -> i64 {
        let index = producer.records;
        self.prepare(producer, slot, UNDECIDED, number, number);
        // A reader raises `low` and then changes `head`; we change `head` and then read `low` by an exchange. The changes of
        // `head` are ordered: a reader's after ours finds this record, and decides its tag; a reader's before ours
        // is followed by our reading its `low`.
        self.head.fetch_add(1, Ordering::AcqRel);
        let low = self.low.fetch_max(i64::MIN, Ordering::AcqRel);
        let wanted = now().max(low.saturating_add(1)).max(producer.last_time.saturating_add(1));
        // AcqRel pairs with the same exchange in `freeze`: one of both decides the tag.
        let time =
            match self.record(index).time.compare_exchange(UNDECIDED, wanted, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => wanted,
                Err(decided) => decided,
            };
        producer.last_time = time;
        self.retain(producer, slot);
        time
    }

    /// Marks times up to `until` as past: admissions get later tags.
    pub fn pass(&self, until: i64) {
        self.low.fetch_max(until, Ordering::AcqRel);
    }

    /// Marks times up to `until` as read, and returns the number of records of the external channel, the zero sample included.
    ///
    /// Afterwards no sample gets a tag up to `until` that has none yet. With `exclusive` nobody admits meanwhile, and only
    /// pins mark times as read. Real-time: a few atomic operations.
    pub fn freeze(&self, until: i64, exclusive: bool) -> u64 {
        if exclusive {
            return self.head.load(Ordering::Acquire);
        }
        self.low.fetch_max(until, Ordering::AcqRel);
        // An exchange, not a load: see `admit`.
        let records = self.head.fetch_add(0, Ordering::AcqRel);
        let newest = self.record(records - 1);
        if newest.time.load(Ordering::Acquire) == UNDECIDED {
            // Read after `head`: a reader of a later time that missed this record has raised `low` before, and the sample
            // before has its tag. Below either no tag may be given.
            let low = self.low.load(Ordering::Acquire).max(self.record(records - 2).time.load(Ordering::Acquire));
            // AcqRel pairs with the exchange in `admit`.
            let _ = newest.time.compare_exchange(UNDECIDED, low + 1, Ordering::AcqRel, Ordering::Acquire);
        }
        records
    }

    /// The full index of the newest of `records` records (modulo `RECORD_MODULUS`).
    fn newest(&self, records: u64) -> u64 {
        self.record(records.wrapping_sub(1)).index.load(Ordering::Acquire)
    }

    /// Pins the newest sample with a tag up to `until`, or the oldest left; `None` asks for another try with fresh `records`.
    ///
    /// Real-time: walks back over the retained records at most.
    pub fn try_pin(&self, records: u64, until: i64) -> Option<Pinned> {
        self.try_pin_where(records, |record| record.time.load(Ordering::Acquire) <= until)
    }

    fn try_pin_where(&self, records: u64, wanted: impl Fn(&Record) -> bool) -> Option<Pinned> {
        let floor = self.floor.load(Ordering::Acquire);
        let newest = self.newest(records);
        if newest == REWRITTEN || newest < floor {
            return None;
        }
        let mut index = newest;
        let mut found = wanted(self.record(index));
        while !found && index > floor {
            index -= 1;
            found = wanted(self.record(index));
        }
        let record = self.record(index);
        // Acquire pairs with the Release in `prepare`: a field of a later record comes with a higher floor.
        let pinned = Pinned {
            slot: record.slot.load(Ordering::Acquire),
            time: record.time.load(Ordering::Acquire),
            jobs: record.jobs.load(Ordering::Acquire),
            sequence: record.sequence.load(Ordering::Acquire),
            late: !found,
        };
        // AcqRel pairs with `claim` (sees the claim, or prevents it) and `expose` (sees the floor).
        let before = self.pins[pinned.slot as usize].fetch_add(1, Ordering::AcqRel);
        if before & CLAIMED != 0 || self.floor.load(Ordering::Acquire) > index {
            self.unpin(pinned.slot);
            return None;
        }
        Some(pinned)
    }

    /// Whether the output of job `job` stands; settles its verdict if nobody has. None where that is too long ago to tell.
    ///
    /// To be asked at or after the job's publication instant. Real-time: walks back over the records since.
    pub fn stands(&self, job: u64) -> Option<bool> {
        let view = self.verdict.settle(job + 1);
        if view.jobs == job + 1 {
            return Some(view.state == State::Done);
        }
        // The word speaks of a later job; what stands has left a record, and the zero sample's is the first.
        let mut index = self.newest(view.records);
        while index != REWRITTEN {
            let record = self.record(index);
            let jobs = record.jobs.load(Ordering::Acquire);
            // Pairs with `prepare`: who reads a new field sees that the index is no longer this.
            if record.index.load(Ordering::Acquire) != index {
                return None;
            }
            if jobs <= job + 1 {
                return Some(jobs == job + 1);
            }
            index -= 1;
        }
        None
    }

    /// Hands the records and pin counts to `lock`, which keeps memory from being paged out; whether it did.
    pub fn lock_memory(&self, lock: impl Fn(*const u8, usize) -> bool) -> bool {
        lock(self.records.as_ptr().cast(), size_of_val(&*self.records))
            & lock(self.pins.as_ptr().cast(), size_of_val(&*self.pins))
    }

    /// Gives a pin back.
    pub fn unpin(&self, slot: u32) {
        // Release pairs with the AcqRel in `claim`: the producer writes after the reader has read.
        self.pins[slot as usize].fetch_sub(1, Ordering::Release);
    }

    /// Pins a claimed slot for the recorder; false where it holds as many as it may.
    pub fn pin_for_recorder(&self, slot: u32) -> bool {
        // Acquire pairs with the Release in `unpin_from_recorder`: what is counted as given back is not pinned.
        if self.recorder.load(Ordering::Acquire) >= self.recorder_depth {
            return false;
        }
        self.recorder.fetch_add(1, Ordering::Relaxed);
        self.pins[slot as usize].fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Gives the recorder's pin back.
    pub fn unpin_from_recorder(&self, slot: u32) {
        self.unpin(slot);
        // Release after the pin is gone: the producer never counts more free slots than there are.
        self.recorder.fetch_sub(1, Ordering::Release);
    }
}
