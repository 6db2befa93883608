//! Whose turn each entry of a ring is: one writer and one reader, who touch no entry at the same time.

use crate::sync::atomic::{AtomicUsize, Ordering};

/// The indices of a ring of `capacity` entries; the entries lie elsewhere.
pub struct Turns {
    capacity: usize,
    announced: AtomicUsize,
    written: AtomicUsize,
    read: AtomicUsize,
}

impl Turns {
    pub fn new(capacity: usize) -> Self {
        Self { capacity, announced: AtomicUsize::new(0), written: AtomicUsize::new(0), read: AtomicUsize::new(0) }
    }

    /// How many entries may be written. Writer only.
    pub fn room(&self) -> usize {
        // Acquire pairs with the Release in `done`: the entries' last reading is over.
        self.capacity - (self.written.load(Ordering::Relaxed) - self.read.load(Ordering::Acquire))
    }

    /// Says that one more entry will be written, so that a reader who learns of what follows from it waits for it. Writer only.
    pub fn announce(&self) {
        // Release, and what follows is ordered behind it: who sees an effect of what comes after sees this.
        self.announced.store(self.written.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// The entry to write next; none where the ring is full. Writer only.
    pub fn to_write(&self) -> Option<usize> {
        (self.room() > 0).then(|| self.written.load(Ordering::Relaxed) % self.capacity)
    }

    /// The entry of `to_write` is written. Writer only.
    pub fn wrote(&self) {
        // Release pairs with the Acquire in `to_read`: who sees the count sees the entry.
        self.written.store(self.written.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// The oldest entry; none where the ring is empty. Reader only.
    pub fn to_read(&self) -> Option<usize> {
        let read = self.read.load(Ordering::Relaxed);
        (read != self.written.load(Ordering::Acquire)).then(|| read % self.capacity)
    }

    /// How many entries are written and not read. Reader only.
    pub fn waiting(&self) -> usize {
        self.written.load(Ordering::Acquire) - self.read.load(Ordering::Relaxed)
    }

    /// How many entries have been announced or written, for `has_read`.
    pub fn announced(&self) -> usize {
        // Acquire pairs with the Release in `announce`.
        self.announced.load(Ordering::Acquire)
    }

    /// Whether so many entries have been read. Reader only.
    pub fn has_read(&self, entries: usize) -> bool {
        self.read.load(Ordering::Relaxed) >= entries
    }

    /// The entry of `to_read` has been read. Reader only.
    pub fn done(&self) {
        self.read.store(self.read.load(Ordering::Relaxed) + 1, Ordering::Release);
    }
}
