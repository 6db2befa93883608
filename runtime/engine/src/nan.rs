//! One NaN for all: what is published or kept carries the same bits whatever instruction made it.

/// Replaces every NaN in `bytes`, little-endian elements of `dtype`, by the quiet NaN with a clear sign and an empty payload.
///
/// Real-time: one pass, no branch on data.
pub fn canonicalise(dtype: &str, bytes: &mut [u8]) {
    match dtype {
        "f32" => {
            for element in bytes.as_chunks_mut::<4>().0 {
                let bits = u32::from_ne_bytes(*element);
                let nan = bits & 0x7fff_ffff > 0x7f80_0000;
                *element = if nan { 0x7fc0_0000 } else { bits }.to_ne_bytes();
            }
        }
        "f64" => {
            for element in bytes.as_chunks_mut::<8>().0 {
                let bits = u64::from_ne_bytes(*element);
                let nan = bits & 0x7fff_ffff_ffff_ffff > 0x7ff0_0000_0000_0000;
                *element = if nan { 0x7ff8_0000_0000_0000 } else { bits }.to_ne_bytes();
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
    fn integers_that_look_like_nans_are_left_alone() {
        let mut bytes = 0xffff_ffff_u32.to_ne_bytes();
        canonicalise("i32", &mut bytes);
        assert_eq!(bytes, [0xff; 4]);
    }
}
