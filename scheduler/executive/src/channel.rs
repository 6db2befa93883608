//! A channel: samples with tags in fixed slots; one producer, readers that pin what they use.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::*};

use isochron_engine::arena::{Arena, aligned};

use crate::error::ExecutiveError;

/// A slot index; slot 0 is the zero-filled sample that stands before the first.
pub type Slot = u32;

struct Record {
    /// 0 while the record is being written.
    sequence: AtomicU64,
    time: AtomicI64,
    slot: AtomicU32,
}

/// A sample that a reader holds; its bytes stay until it is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pinned {
    pub sequence: u64,
    /// Publication time of the sample.
    pub time: i64,
    pub slot: Slot,
    /// The sample that the tag selects was gone; this is the oldest that was left.
    pub late: bool,
}

#[derive(Clone, Copy)]
struct Found {
    at: usize,
    sequence: u64,
    time: i64,
    slot: Slot,
}

pub struct Channel {
    arena: Arena,
    stride: usize,
    slot_bytes: usize,
    records: Vec<Record>,
    newest: AtomicU64,
    /// Tag of the first sample ever published.
    first_time: AtomicI64,
    pins: Vec<AtomicU32>,
}

impl Channel {
    /// A channel that keeps `depth` samples readable beside one that is not due yet, for `readers` concurrent pins.
    pub fn new(slot_bytes: usize, depth: usize, readers: usize) -> Result<Self, ExecutiveError> {
        let records = depth + 1;
        let slots = 1 + records + readers + 1;
        let stride = aligned(slot_bytes.max(1));
        let empty = || Record { sequence: AtomicU64::new(0), time: AtomicI64::new(0), slot: AtomicU32::new(0) };
        Ok(Self {
            arena: Arena::new(stride * slots)?,
            stride,
            slot_bytes,
            records: (0..records).map(|_| empty()).collect(),
            newest: AtomicU64::new(0),
            first_time: AtomicI64::new(i64::MAX),
            pins: (0..slots).map(|_| AtomicU32::new(0)).collect(),
        })
    }

    pub fn slot_bytes(&self) -> usize {
        self.slot_bytes
    }

    /// The address of a slot's bytes.
    pub fn address(&self, slot: Slot) -> *mut u8 {
        self.arena.at(self.stride * slot as usize)
    }

    /// A slot's bytes.
    ///
    /// # Safety
    /// The slot is pinned by the caller, or the caller is the producer and owns it; nobody writes it meanwhile.
    pub unsafe fn bytes(&self, slot: Slot) -> &[u8] {
        // SAFETY: the slot lies within the arena; the caller vouches that nobody writes it.
        unsafe { std::slice::from_raw_parts(self.address(slot), self.slot_bytes) }
    }

    /// A slot that no record names and nobody holds, for the producer to write. None if readers hold more than declared.
    ///
    /// Real-time: bounded by the number of slots. Producer only.
    pub fn free_slot(&self) -> Option<Slot> {
        (1..self.pins.len() as Slot).find(|slot| {
            let names = |record: &Record| record.sequence.load(Relaxed) != 0 && record.slot.load(Relaxed) == *slot;
            // SeqCst pairs with the pin in `pin_at`: a reader whose record was overwritten either shows its pin here or
            // sees there that the record is gone.
            !self.records.iter().any(names) && self.pins[*slot as usize].load(SeqCst) == 0
        })
    }

    /// Publishes `slot` under a sequence number above all before, readable from `time` on.
    ///
    /// Real-time: a few stores. Producer only.
    pub fn publish(&self, sequence: u64, time: i64, slot: Slot) {
        // The oldest record gives way; sequences may have gaps, so the place is found by age.
        let place = (0..self.records.len()).min_by_key(|at| self.records[*at].sequence.load(Relaxed)).unwrap_or(0);
        let record = &self.records[place];
        debug_assert!(sequence > self.newest.load(Relaxed));
        // SeqCst pairs with the second look in `pin_at`.
        record.sequence.store(0, SeqCst);
        record.time.store(time, Release);
        record.slot.store(slot, Release);
        // Pairs with the Acquire in `select`: who sees the sequence sees the record and the slot's bytes.
        record.sequence.store(sequence, SeqCst);
        if self.newest.swap(sequence, AcqRel) == 0 {
            self.first_time.store(time, Release);
        }
    }

    /// The newest record due at `time`, and the oldest record of all.
    fn select(&self, time: i64) -> (Option<Found>, Option<Found>) {
        let mut best: Option<Found> = None;
        let mut oldest: Option<Found> = None;
        for (at, record) in self.records.iter().enumerate() {
            // Acquire pairs with the store of the sequence in `publish`.
            let sequence = record.sequence.load(Acquire);
            let found = Found { at, sequence, time: record.time.load(Acquire), slot: record.slot.load(Acquire) };
            if sequence == 0 || record.sequence.load(SeqCst) != sequence {
                continue;
            }
            if found.time <= time && best.is_none_or(|best| sequence > best.sequence) {
                best = Some(found);
            }
            if oldest.is_none_or(|oldest| sequence < oldest.sequence) {
                oldest = Some(found);
            }
        }
        (best, oldest)
    }

    /// Pins the newest sample with a tag not after `time`; before the first, the zero-filled sample with sequence 0.
    ///
    /// Real-time: retries only while the producer publishes.
    pub fn pin_at(&self, time: i64) -> Pinned {
        loop {
            // Acquire pairs with the store in `publish`: whoever sees the first tag sees that there is a record.
            if self.first_time.load(Acquire) > time {
                self.pins[0].fetch_add(1, SeqCst);
                return Pinned { sequence: 0, time: i64::MIN, slot: 0, late: false };
            }
            let (best, oldest) = self.select(time);
            let Some(found) = best.or(oldest) else { continue };
            self.pins[found.slot as usize].fetch_add(1, SeqCst);
            // SeqCst pairs with `publish` and `free_slot`: the record still stands, so its slot was not free when pinned.
            if self.records[found.at].sequence.load(SeqCst) == found.sequence {
                return Pinned { sequence: found.sequence, time: found.time, slot: found.slot, late: best.is_none() };
            }
            self.pins[found.slot as usize].fetch_sub(1, SeqCst);
        }
    }

    /// Lets go of a pinned slot.
    pub fn unpin(&self, slot: Slot) {
        self.pins[slot as usize].fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(channel: &Channel, sequence: u64, time: i64, value: u8) {
        let slot = channel.free_slot().expect("a slot is free");
        // SAFETY: the test is the only producer, and the slot is free.
        unsafe { *channel.address(slot) = value };
        channel.publish(sequence, time, slot);
    }

    fn value(channel: &Channel, pinned: Pinned) -> u8 {
        // SAFETY: the slot is pinned.
        unsafe { channel.bytes(pinned.slot)[0] }
    }

    #[test]
    fn before_the_first_sample_a_reader_sees_zeros() {
        let channel = Channel::new(4, 2, 1).unwrap();
        let pinned = channel.pin_at(100);
        assert_eq!((pinned.sequence, value(&channel, pinned)), (0, 0));
    }

    #[test]
    fn a_sample_is_seen_from_its_tag_on_and_not_before() {
        let channel = Channel::new(1, 2, 2).unwrap();
        put(&channel, 1, 10, 7);
        put(&channel, 2, 20, 8);
        assert_eq!(channel.pin_at(9).sequence, 0);
        let at_ten = channel.pin_at(10);
        assert_eq!((at_ten.sequence, value(&channel, at_ten)), (1, 7));
        assert_eq!(channel.pin_at(19).sequence, 1);
        assert_eq!(channel.pin_at(20).sequence, 2);
    }

    #[test]
    fn a_pinned_slot_keeps_its_bytes_however_much_is_published() {
        let channel = Channel::new(1, 1, 1).unwrap();
        put(&channel, 1, 1, 42);
        let pinned = channel.pin_at(1);
        for sequence in 2..50 {
            put(&channel, sequence, sequence as i64, sequence as u8);
        }
        assert_eq!(value(&channel, pinned), 42);
        channel.unpin(pinned.slot);
    }

    #[test]
    fn a_reader_too_late_for_its_sample_takes_the_oldest_left_and_says_so() {
        let channel = Channel::new(1, 1, 1).unwrap();
        for sequence in 1..=5 {
            put(&channel, sequence, sequence as i64 * 10, sequence as u8);
        }
        let pinned = channel.pin_at(10);
        assert!(pinned.late);
        assert_eq!(pinned.sequence, 4);
    }
}
