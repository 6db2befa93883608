//! How many hold each buffer of a pool: one that nobody holds may be claimed.

use crate::sync::atomic::{AtomicU32, Ordering};

pub struct Counts(Box<[AtomicU32]>);

impl Counts {
    pub fn new(buffers: usize) -> Self {
        Self((0..buffers).map(|_| AtomicU32::new(0)).collect())
    }

    /// Takes the first buffer that nobody holds, for the caller alone; none where all are held.
    ///
    /// The first, so that no more buffers come to have memory than are held at once. Real-time: bounded by their number.
    pub fn claim(&self) -> Option<usize> {
        // Acquire pairs with the Release in `release`: whoever held the buffer before has read it.
        self.0.iter().position(|count| count.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok())
    }

    /// One more holds a buffer that the caller holds.
    pub fn share(&self, buffer: usize) {
        self.0[buffer].fetch_add(1, Ordering::Relaxed);
    }

    /// One holds the buffer no more.
    pub fn release(&self, buffer: usize) {
        self.0[buffer].fetch_sub(1, Ordering::Release);
    }
}
