//! A pool of buffers for received messages: written once, then read by all who hold one.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::counts::Counts;

/// Buffers that keep their memory from message to message.
pub struct Buffers {
    bytes: Box<[UnsafeCell<Vec<u8>>]>,
    counts: Counts,
}

// SAFETY: a buffer is written by the one who has claimed it, before it is shared, and only read after.
unsafe impl Sync for Buffers {}

impl Buffers {
    pub fn new(buffers: usize) -> Arc<Self> {
        let bytes = (0..buffers).map(|_| UnsafeCell::default()).collect();
        Arc::new(Self { bytes, counts: Counts::new(buffers) })
    }

    /// A buffer to write, with what is left in it of an older message; none where all are held.
    ///
    /// Real-time.
    pub fn claim(self: &Arc<Self>) -> Option<Claimed> {
        self.counts.claim().map(|at| Claimed(Received { pool: self.clone(), at }))
    }
}

/// A message as it was received; clones share it.
pub struct Received {
    pool: Arc<Buffers>,
    at: usize,
}

impl Clone for Received {
    fn clone(&self) -> Self {
        self.pool.counts.share(self.at);
        Self { pool: self.pool.clone(), at: self.at }
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        self.pool.counts.release(self.at);
    }
}

impl Deref for Received {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the buffer is held, and nobody writes what is shared.
        unsafe { &*self.pool.bytes[self.at].get() }
    }
}

/// A buffer that its holder alone has, to be written and then shared.
pub struct Claimed(Received);

impl Claimed {
    /// Ends the writing.
    pub fn share(self) -> Received {
        self.0
    }
}

impl Deref for Claimed {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        // SAFETY: the buffer is held by nobody else.
        unsafe { &*self.0.pool.bytes[self.0.at].get() }
    }
}

impl DerefMut for Claimed {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        // SAFETY: the buffer is held by nobody else.
        unsafe { &mut *self.0.pool.bytes[self.0.at].get() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_claimed_again_once_all_who_shared_it_have_let_go_and_keeps_its_memory() {
        let pool = Buffers::new(2);
        let mut first = pool.claim().expect("one is free");
        first.extend_from_slice(&[1, 2, 3]);
        let place = first.as_ptr();
        let received = first.share();
        let again = received.clone();
        let other = pool.claim().expect("the second is free");
        assert!(pool.claim().is_none());
        drop(received);
        assert!(pool.claim().is_none());
        assert_eq!(&again[..], [1, 2, 3]);
        drop(again);
        assert_eq!(pool.claim().expect("it is free").as_ptr(), place);
        drop(other);
    }
}
