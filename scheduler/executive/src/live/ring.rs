//! A ring of entries from one thread to another: preallocated, wait-free.

use std::cell::UnsafeCell;

use super::turns::Turns;

/// One writer, one reader; a full ring refuses.
pub struct Ring<T> {
    entries: Box<[UnsafeCell<T>]>,
    pub turns: Turns,
}

// SAFETY: an entry is touched by the writer before `written` passes it, and by the reader after.
unsafe impl<T: Send> Sync for Ring<T> {}

impl<T> Ring<T> {
    /// A ring whose entries are made beforehand, to be written over.
    pub fn of(capacity: usize, entry: impl Fn() -> T) -> Self {
        Self { entries: (0..capacity).map(|_| UnsafeCell::new(entry())).collect(), turns: Turns::new(capacity) }
    }

    /// Writes an entry in its place; none where the ring is full. Writer only.
    ///
    /// Real-time where `fill` is.
    pub fn write<R>(&self, fill: impl FnOnce(&mut T) -> R) -> Option<R> {
        let at = self.turns.to_write()?;
        // SAFETY: the reader is behind, and there is one writer.
        let filled = fill(unsafe { &mut *self.entries[at].get() });
        self.turns.wrote();
        Some(filled)
    }

    /// Reads the oldest entry in its place, which is free then; none where the ring is empty. Reader only.
    pub fn read<R>(&self, take: impl FnOnce(&mut T) -> R) -> Option<R> {
        let at = self.turns.to_read()?;
        // SAFETY: the writer has passed this entry and comes back only after `done`.
        let taken = take(unsafe { &mut *self.entries[at].get() });
        self.turns.done();
        Some(taken)
    }

    /// Hands the entries to `lock`, which keeps memory from being paged out; whether it did.
    pub fn lock_memory(&self, lock: impl Fn(*const u8, usize) -> bool) -> bool {
        lock(self.entries.as_ptr().cast(), size_of_val(&*self.entries))
    }
}

impl<T: Copy> Ring<T> {
    pub fn new(capacity: usize, empty: T) -> Self {
        Self::of(capacity, || empty)
    }

    /// Adds an entry; false where the ring is full. Writer only.
    ///
    /// Real-time: one copy.
    pub fn push(&self, entry: T) -> bool {
        self.write(|place| *place = entry).is_some()
    }

    /// Takes the oldest entry. Reader only.
    ///
    /// Real-time: one copy.
    pub fn pop(&self) -> Option<T> {
        self.read(|entry| *entry)
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

    #[test]
    fn an_entry_keeps_its_memory_when_it_is_written_over() {
        let ring = Ring::of(1, || Vec::with_capacity(64));
        let mut memory = Vec::new();
        for value in 0..3_u8 {
            ring.write(|bytes: &mut Vec<u8>| {
                bytes.clear();
                bytes.extend_from_slice(&[value; 9]);
            });
            memory.push(ring.read(|bytes| (bytes.as_ptr() as usize, bytes[8])).expect("there is one"));
        }
        assert_eq!(memory.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(memory.iter().all(|(place, _)| *place == memory[0].0));
    }
}
