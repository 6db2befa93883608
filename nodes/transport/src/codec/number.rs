//! Primitives of the wire and of tensors, and the one rule by which a number of one kind becomes another.

use serde::Deserialize;

/// A primitive of the wire or of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Primitive {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Primitive {
    pub const fn bytes(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// A number on its way: whole numbers keep all their bits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    Whole(i128),
    Single(f32),
    Real(f64),
}

impl Number {
    /// Reads a number of the given kind from its little-endian bytes; `bytes` has at least the kind's length.
    pub fn fetch(from: Primitive, bytes: &[u8]) -> Self {
        let mut all = [0; 8];
        all[..from.bytes()].copy_from_slice(&bytes[..from.bytes()]);
        let bits = u64::from_le_bytes(all);
        match from {
            Primitive::F32 => Self::Single(f32::from_bits(bits as u32)),
            Primitive::F64 => Self::Real(f64::from_bits(bits)),
            Primitive::Bool => Self::Whole(i128::from(bits != 0)),
            Primitive::U8 | Primitive::U16 | Primitive::U32 | Primitive::U64 => Self::Whole(i128::from(bits)),
            Primitive::I8 => Self::Whole(i128::from(bits as i8)),
            Primitive::I16 => Self::Whole(i128::from(bits as i16)),
            Primitive::I32 => Self::Whole(i128::from(bits as i32)),
            Primitive::I64 => Self::Whole(i128::from(bits as i64)),
        }
    }

    /// Writes the number as kind `to`, little-endian; `out` has exactly the kind's length.
    ///
    /// What does not fit becomes the nearest number that does; NaN becomes 0 where there is no NaN; reals lose their
    /// fraction towards zero; a bool is whether the number is not 0.
    pub fn store(self, to: Primitive, out: &mut [u8]) {
        match to {
            Primitive::F32 => out.copy_from_slice(&self.single().to_le_bytes()),
            Primitive::F64 => out.copy_from_slice(&self.real().to_le_bytes()),
            Primitive::Bool => out.copy_from_slice(&[u8::from(self.is_not_zero())]),
            Primitive::U8 => out.copy_from_slice(&(self.whole(0, u8::MAX.into()) as u8).to_le_bytes()),
            Primitive::I8 => out.copy_from_slice(&(self.whole(i8::MIN.into(), i8::MAX.into()) as i8).to_le_bytes()),
            Primitive::U16 => out.copy_from_slice(&(self.whole(0, u16::MAX.into()) as u16).to_le_bytes()),
            Primitive::I16 => out.copy_from_slice(&(self.whole(i16::MIN.into(), i16::MAX.into()) as i16).to_le_bytes()),
            Primitive::U32 => out.copy_from_slice(&(self.whole(0, u32::MAX.into()) as u32).to_le_bytes()),
            Primitive::I32 => out.copy_from_slice(&(self.whole(i32::MIN.into(), i32::MAX.into()) as i32).to_le_bytes()),
            Primitive::U64 => out.copy_from_slice(&(self.whole(0, u64::MAX.into()) as u64).to_le_bytes()),
            Primitive::I64 => out.copy_from_slice(&(self.whole(i64::MIN.into(), i64::MAX.into()) as i64).to_le_bytes()),
        }
    }

    fn single(self) -> f32 {
        match self {
            Self::Whole(whole) => whole as f32,
            Self::Single(single) => single,
            Self::Real(real) => real as f32,
        }
    }

    fn real(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Single(single) => f64::from(single),
            Self::Real(real) => real,
        }
    }

    fn whole(self, least: i128, most: i128) -> i128 {
        let whole = match self {
            Self::Whole(whole) => whole,
            Self::Single(single) => single as i128,
            Self::Real(real) => real as i128,
        };
        whole.clamp(least, most)
    }

    fn is_not_zero(self) -> bool {
        match self {
            Self::Whole(whole) => whole != 0,
            Self::Single(single) => single != 0.0,
            Self::Real(real) => real != 0.0,
        }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(whole) => write!(f, "{whole}"),
            Self::Single(single) => write!(f, "{single}"),
            Self::Real(real) => write!(f, "{real}"),
        }
    }
}

/// Converts a run of numbers; `source` is little-endian if not `swapped`, and both hold the same count.
pub fn convert(from: Primitive, swapped: bool, source: &[u8], to: Primitive, out: &mut [u8]) {
    let size = from.bytes();
    if from == to && from != Primitive::Bool && (!swapped || size == 1) {
        out.copy_from_slice(source);
        return;
    }
    for (bytes, out) in source.chunks_exact(size).zip(out.chunks_exact_mut(to.bytes())) {
        let mut little = [0; 8];
        little[..size].copy_from_slice(bytes);
        if swapped {
            little[..size].reverse();
        }
        if from == to && from != Primitive::Bool {
            out.copy_from_slice(&little[..size]);
        } else {
            Number::fetch(from, &little).store(to, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(number: Number, to: Primitive) -> Vec<u8> {
        let mut out = vec![0; to.bytes()];
        number.store(to, &mut out);
        out
    }

    #[test]
    fn whole_numbers_that_do_not_fit_become_the_nearest_that_do() {
        assert_eq!(stored(Number::Whole(500), Primitive::U8), [255]);
        assert_eq!(stored(Number::Whole(-1), Primitive::U32), [0; 4]);
        assert_eq!(stored(Number::Whole(-200), Primitive::I8), [0x80]);
        assert_eq!(stored(Number::Whole(u64::MAX.into()), Primitive::I64), i64::MAX.to_le_bytes());
        assert_eq!(stored(Number::Whole(7), Primitive::Bool), [1]);
    }

    #[test]
    fn whole_numbers_become_floats_with_one_rounding() {
        // Rounded to f64 first, this would fall on a tie and come out one f32 step lower.
        let whole = (1_i64 << 54) + (1 << 30) + 1;
        assert_eq!(stored(Number::Whole(whole.into()), Primitive::F32), (whole as f32).to_le_bytes());
        assert_ne!((whole as f64 as f32).to_bits(), (whole as f32).to_bits());
    }

    #[test]
    fn runs_keep_the_bits_of_equal_kinds_in_either_byte_order_and_make_bools_0_or_1() {
        let signalling = 0x7f80_0001_u32;
        let mut out = [0; 4];
        convert(Primitive::F32, false, &signalling.to_le_bytes(), Primitive::F32, &mut out);
        assert_eq!(out, signalling.to_le_bytes());
        convert(Primitive::F32, true, &signalling.to_be_bytes(), Primitive::F32, &mut out);
        assert_eq!(out, signalling.to_le_bytes());
        convert(Primitive::Bool, false, &[0, 1, 2, 255], Primitive::Bool, &mut out);
        assert_eq!(out, [0, 1, 1, 1]);
    }
}
