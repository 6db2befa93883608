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

    /// The address `offset` bytes into the arena; panics past its end.
    pub fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset <= self.bytes, "offset {offset} of an arena of {} bytes", self.bytes);
        // SAFETY: the offset is within the mapping.
        unsafe { self.base.add(offset) }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: the mapping is this arena's own and nothing refers to it any more.
        unsafe { libc::munmap(self.base.cast(), self.bytes) };
    }
}
