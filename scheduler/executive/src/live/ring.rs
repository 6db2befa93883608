//! A ring of fixed-size entries from one thread to another: preallocated, wait-free.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One writer, one reader; a full ring refuses.
pub struct Ring<T: Copy> {
    entries: Box<[UnsafeCell<T>]>,
    written: AtomicUsize,
    read: AtomicUsize,
}

// SAFETY: an entry is touched by the writer before `written` passes it, and by the reader after.
unsafe impl<T: Copy + Send> Sync for Ring<T> {}

impl<T: Copy> Ring<T> {
    pub fn new(capacity: usize, empty: T) -> Self {
        Self {
            entries: (0..capacity).map(|_| UnsafeCell::new(empty)).collect(),
            written: AtomicUsize::new(0),
            read: AtomicUsize::new(0),
        }
    }

    /// Adds an entry; false where the ring is full. Writer only.
    ///
    /// Real-time: one copy.
    pub fn push(&self, entry: T) -> bool {
        let written = self.written.load(Ordering::Relaxed);
        // Acquire pairs with the Release in `pop`: the entry's last reading is over.
        if written - self.read.load(Ordering::Acquire) == self.entries.len() {
            return false;
        }
        // SAFETY: the reader is behind, and there is one writer.
        unsafe { *self.entries[written % self.entries.len()].get() = entry };
        // Release pairs with the Acquire in `peek`.
        self.written.store(written + 1, Ordering::Release);
        true
    }

    /// The oldest entry, which stays. Reader only.
    ///
    /// Real-time: one copy.
    pub fn peek(&self) -> Option<T> {
        let read = self.read.load(Ordering::Relaxed);
        // Acquire pairs with the Release in `push`: who sees the count sees the entry.
        if read == self.written.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: the writer has passed this entry and comes back only after `read` has.
        Some(unsafe { *self.entries[read % self.entries.len()].get() })
    }

    /// Hands the entries to `lock`, which keeps memory from being paged out; whether it did.
    pub fn lock_memory(&self, lock: impl Fn(*const u8, usize) -> bool) -> bool {
        lock(self.entries.as_ptr().cast(), size_of_val(&*self.entries))
    }

    /// Takes the oldest entry. Reader only.
    pub fn pop(&self) -> Option<T> {
        let entry = self.peek()?;
        self.read.store(self.read.load(Ordering::Relaxed) + 1, Ordering::Release);
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::Ring;

    #[test]
    fn entries_come_out_in_order_and_a_full_ring_refuses() {
        let ring = Ring::new(3, 0);
        assert!([1, 2, 3].into_iter().all(|entry| ring.push(entry)));
        assert!(!ring.push(4));
        assert_eq!(ring.pop(), Some(1));
        assert!(ring.push(4));
        assert_eq!([ring.pop(), ring.pop(), ring.pop(), ring.pop()], [Some(2), Some(3), Some(4), None]);
    }
}
