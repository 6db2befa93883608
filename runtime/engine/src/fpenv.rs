//! The floating-point mode around every entry into compiled code: denormals kept, round to nearest, exceptions masked.

/// Restores the mode it found when dropped.
///
/// Real-time: a few register moves.
pub struct FpGuard {
    saved: u64,
}

/// Bits of the control register that are not status flags.
#[cfg(target_arch = "x86_64")]
pub const CONTROL: u64 = !0x3f & 0xffff;
#[cfg(target_arch = "aarch64")]
pub const CONTROL: u64 = u64::MAX;

/// MXCSR with all exceptions masked, round to nearest, no flush to zero, no denormals-are-zero.
#[cfg(target_arch = "x86_64")]
const PLAIN: u64 = 0x1f80;
/// FPCR with everything off: round to nearest, no flush to zero, no default NaN, no traps.
#[cfg(target_arch = "aarch64")]
const PLAIN: u64 = 0;

/// The floating-point control register of this thread.
#[cfg(target_arch = "x86_64")]
pub fn read() -> u64 {
    let mut value = 0u32;
    // SAFETY: stmxcsr writes four bytes to the address of a live u32.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut value, options(nostack)) };
    u64::from(value)
}

/// Sets the floating-point control register of this thread.
#[cfg(target_arch = "x86_64")]
pub fn write(value: u64) {
    let value = (value & 0xffff) as u32;
    // SAFETY: ldmxcsr reads four bytes from a live u32; the upper bits, which would fault, are cleared.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &value, options(nostack, readonly)) };
}

/// The floating-point control register of this thread.
#[cfg(target_arch = "aarch64")]
pub fn read() -> u64 {
    let value: u64;
    // SAFETY: reading FPCR has no effect.
    unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) value, options(nomem, nostack)) };
    value
}

/// Sets the floating-point control register of this thread.
#[cfg(target_arch = "aarch64")]
pub fn write(value: u64) {
    // SAFETY: every value of FPCR is allowed; reserved bits are ignored.
    unsafe { std::arch::asm!("msr fpcr, {}", in(reg) value, options(nomem, nostack)) };
}

impl FpGuard {
    /// Saves the mode and sets the plain one.
    pub fn enter() -> Self {
        let saved = read();
        write(PLAIN);
        Self { saved }
    }
}

impl Drop for FpGuard {
    fn drop(&mut self) {
        write(self.saved);
    }
}

/// A mode that computes other bits: subnormals flushed, numbers rounded up.
#[cfg(all(test, target_arch = "x86_64"))]
pub(crate) const FLUSH_AND_UP: u64 = 0x1f80 | 0x8040 | 0x4000;
#[cfg(all(test, target_arch = "aarch64"))]
pub(crate) const FLUSH_AND_UP: u64 = 1 << 24 | 1 << 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_plain_inside_and_restored_outside() {
        let original = read();
        write(FLUSH_AND_UP);
        {
            let _guard = FpGuard::enter();
            assert_eq!(read() & CONTROL, PLAIN & CONTROL);
            let tiny = std::hint::black_box(f32::from_bits(1));
            assert_eq!((tiny * std::hint::black_box(1.0)).to_bits(), 1);
        }
        let restored = read();
        write(original);
        assert_eq!(restored & CONTROL, FLUSH_AND_UP & CONTROL);
    }
}
