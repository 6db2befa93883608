//! One mapping of memory, touched beforehand, handed out in 64-byte aligned pieces.

use crate::error::EngineError;

/// Every piece of an arena starts at a multiple of this many bytes.
pub const ALIGN: usize = 64;

/// `bytes` rounded up to whole cache lines.
pub const fn aligned(bytes: usize) -> usize {
    bytes.div_ceil(ALIGN) * ALIGN
}

/// The size of a large page where the machine has them: fewer translations to look up for weights and images.
const LARGE_PAGE: usize = 2 << 20;
const PAGE: usize = 4096;

/// A private anonymous mapping, zeroed, every page touched; of large pages where it is large and the system grants them.
pub struct Arena {
    base: *mut u8,
    bytes: usize,
}

// SAFETY: an arena is plain memory that it owns alone; who may touch which part is its holder's affair.
unsafe impl Send for Arena {}
// SAFETY: as above; shared access goes through raw pointers whose users synchronise.
unsafe impl Sync for Arena {}

impl Arena {
    /// Maps and touches `bytes` bytes.
    pub fn new(bytes: usize) -> Result<Self, EngineError> {
        if bytes > physical_memory() {
            return Err(EngineError::Memory { bytes, reason: std::io::ErrorKind::OutOfMemory.into() });
        }
        let mapped = aligned(bytes.max(1));
        // Room to start at a large page, which is given back below.
        let slack = if mapped >= LARGE_PAGE { LARGE_PAGE } else { 0 };
        let reserved = mapped.next_multiple_of(PAGE) + slack;
        // SAFETY: a fresh anonymous mapping overlaps nothing.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                reserved,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(EngineError::Memory { bytes: mapped, reason: std::io::Error::last_os_error() });
        }
        let start = start.cast::<u8>();
        let head = if slack == 0 { 0 } else { start.align_offset(LARGE_PAGE) };
        let kept = reserved - slack;
        // SAFETY: head + kept ≤ reserved, so all of it lies in the mapping just made, and the parts given back are
        // whole pages outside [base, base + kept).
        unsafe {
            let base = start.add(head);
            if head > 0 {
                libc::munmap(start.cast(), head);
            }
            if slack > head {
                libc::munmap(base.add(kept).cast(), slack - head);
            }
            if slack > 0 {
                // Refused where the system has no large pages; small ones serve as well.
                libc::madvise(base.cast(), kept, libc::MADV_HUGEPAGE);
            }
            for offset in (0..kept).step_by(PAGE) {
                base.add(offset).write_volatile(0);
            }
            Ok(Self { base, bytes: mapped })
        }
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps the arena from being paged out, as long as it lives; false where that was not granted.
    pub fn lock(&self) -> bool {
        // SAFETY: the range is the arena's own mapping, and mlock changes no memory.
        unsafe { libc::mlock(self.base.cast(), self.bytes) == 0 }
    }

    /// The address `offset` bytes into the arena; panics past its end.
    pub fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset <= self.bytes, "offset {offset} of an arena of {} bytes", self.bytes);
        // SAFETY: the offset is within the mapping.
        unsafe { self.base.add(offset) }
    }
}

/// Bytes of memory in this machine: what is touched beforehand cannot be more.
fn physical_memory() -> usize {
    // SAFETY: sysconf only answers.
    let (pages, page) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    usize::try_from(pages).unwrap_or(0).saturating_mul(usize::try_from(page).unwrap_or(0))
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: the mapping is this arena's own and nothing refers to it any more.
        unsafe { libc::munmap(self.base.cast(), self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_start_at_cache_lines_and_memory_is_zero() {
        let arena = Arena::new(100).unwrap();
        assert_eq!((arena.bytes(), arena.at(0) as usize % ALIGN), (128, 0));
        // SAFETY: the arena is this test's own.
        assert!(unsafe { std::slice::from_raw_parts(arena.at(0), 128) }.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_large_arena_starts_at_a_large_page_and_is_zero_to_its_end() {
        let bytes = 5 * LARGE_PAGE + 4096 + 64;
        let arena = Arena::new(bytes).unwrap();
        assert_eq!((arena.bytes(), arena.at(0) as usize % LARGE_PAGE), (bytes, 0));
        // SAFETY: the arena is this test's own.
        let all = unsafe { std::slice::from_raw_parts_mut(arena.at(0), bytes) };
        assert!(all.iter().all(|byte| *byte == 0));
        all.fill(7);
    }

    #[test]
    fn more_than_the_machine_holds_is_refused_before_it_is_touched() {
        let error = Arena::new(1 << 46).err().expect("refused");
        assert!(error.to_string().starts_with("error[program/memory]: 70368744177664 bytes"), "{error}");
    }
}
