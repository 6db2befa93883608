//! One NaN for all: what is published or kept carries the same bits whatever instruction made it.

/// Replaces every NaN in `bytes`, little-endian elements of `dtype`, by the quiet NaN with a clear sign and an empty payload.
///
/// Real-time: one pass that reads; a part of 1024 elements is written only where it holds a NaN.
pub fn canonicalise(dtype: &str, bytes: &mut [u8]) {
    const PART: usize = 1024;
    // Of halves: the bits of infinity, and of the NaN.
    let mut halves = |infinity: u16, nan: u16| {
        let is_half = |element: &[u8; 2]| u16::from_ne_bytes(*element) & 0x7fff > infinity;
        for part in bytes.as_chunks_mut::<2>().0.chunks_mut(PART) {
            if part.iter().fold(false, |any, element| any | is_half(element)) {
                part.iter_mut().filter(|element| is_half(element)).for_each(|element| *element = nan.to_ne_bytes());
            }
        }
    };
    let is_single = |element: &[u8; 4]| u32::from_ne_bytes(*element) & 0x7fff_ffff > 0x7f80_0000;
    let is_double = |element: &[u8; 8]| u64::from_ne_bytes(*element) & 0x7fff_ffff_ffff_ffff > 0x7ff0_0000_0000_0000;
    match dtype {
        "f16" => halves(0x7c00, 0x7e00),
        "bf16" => halves(0x7f80, 0x7fc0),
        "f32" => {
            for part in bytes.as_chunks_mut::<4>().0.chunks_mut(PART) {
                if part.iter().fold(false, |any, element| any | is_single(element)) {
                    part.iter_mut().filter(|element| is_single(element)).for_each(|element| {
                        *element = 0x7fc0_0000_u32.to_ne_bytes();
                    });
                }
            }
        }
        "f64" => {
            for part in bytes.as_chunks_mut::<8>().0.chunks_mut(PART) {
                if part.iter().fold(false, |any, element| any | is_double(element)) {
                    part.iter_mut().filter(|element| is_double(element)).for_each(|element| {
                        *element = 0x7ff8_0000_0000_0000_u64.to_ne_bytes();
                    });
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::canonicalise;

    #[test]
    fn every_nan_becomes_the_same_and_nothing_else_changes() {
        let values =
            [f32::from_bits(0xffc0_0001), f32::from_bits(0x7f80_0001), f32::INFINITY, -0.0, 1.5, f32::from_bits(1)];
        let mut bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
        canonicalise("f32", &mut bytes);
        let bits: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|c| u32::from_ne_bytes(*c)).collect();
        assert_eq!(bits, [0x7fc0_0000, 0x7fc0_0000, 0x7f80_0000, 0x8000_0000, 0x3fc0_0000, 1]);
    }

    #[test]
    fn a_nan_is_found_in_every_part() {
        for at in [0, 1023, 1024, 2999] {
            let mut values = vec![2.5_f64; 3000];
            values[at] = f64::from_bits(0xfff0_0000_0000_0001);
            let mut bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
            canonicalise("f64", &mut bytes);
            let found: Vec<u64> = bytes.as_chunks::<8>().0.iter().map(|c| u64::from_ne_bytes(*c)).collect();
            assert_eq!(found[at], 0x7ff8_0000_0000_0000);
            assert_eq!(found.iter().filter(|bits| **bits == 2.5_f64.to_bits()).count(), 2999);
        }
    }

    #[test]
    fn nans_of_halves_become_the_one_of_their_format() {
        let canonical = |dtype: &str, halves: &[u16]| -> Vec<u16> {
            let mut bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_ne_bytes()).collect();
            canonicalise(dtype, &mut bytes);
            bytes.as_chunks::<2>().0.iter().map(|c| u16::from_ne_bytes(*c)).collect()
        };
        assert_eq!(
            canonical("f16", &[0x7c01, 0xfe00, 0x7c00, 0xfc00, 0x3c00, 1]),
            [0x7e00, 0x7e00, 0x7c00, 0xfc00, 0x3c00, 1]
        );
        assert_eq!(
            canonical("bf16", &[0x7f81, 0xffc0, 0x7f80, 0xff80, 0x7c01, 1]),
            [0x7fc0, 0x7fc0, 0x7f80, 0xff80, 0x7c01, 1]
        );
    }

    #[test]
    fn integers_that_look_like_nans_are_left_alone() {
        let mut bytes = 0xffff_ffff_u32.to_ne_bytes();
        canonicalise("i32", &mut bytes);
        assert_eq!(bytes, [0xff; 4]);
    }
}
