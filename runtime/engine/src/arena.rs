//! One mapping of memory, touched beforehand, handed out in 64-byte aligned pieces.

use crate::error::EngineError;

/// Every piece of an arena starts at a multiple of this many bytes.
pub const ALIGN: usize = 64;

/// `bytes` rounded up to whole cache lines.
pub const fn aligned(bytes: usize) -> usize {
    bytes.div_ceil(ALIGN) * ALIGN
}

/// A private anonymous mapping, zeroed, every page touched.
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
        // SAFETY: a fresh anonymous mapping overlaps nothing.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                mapped,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(EngineError::Memory { bytes: mapped, reason: std::io::Error::last_os_error() });
        }
        Ok(Self { base: base.cast(), bytes: mapped })
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
    fn more_than_the_machine_holds_is_refused_before_it_is_touched() {
        let error = Arena::new(1 << 46).err().expect("refused");
        assert!(error.to_string().starts_with("error[program/memory]: 70368744177664 bytes"), "{error}");
    }
}
