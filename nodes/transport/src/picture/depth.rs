//! Depth as ROS's compressed_depth_image_transport sends it: twelve bytes, then a PNG of 16 bits or RVL.
//!
//! The twelve bytes are a kind (an i32, 0) and two floats. Distances of 16 bits stand as they are; those of 32 bits were
//! quantised by their inverse, `value = a / distance + b`, and 0 says that there is none.

use super::{PNG, PictureError, Pixels, Size, png};

/// Bytes before the picture.
const HEADER: usize = 12;
/// RVL: bytes before the codes, width and height.
const RVL_HEADER: usize = 8;

/// How the numbers are stored behind the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    Png,
    Rvl,
}

/// Whether these bytes are depth, and how it is stored.
pub fn stored(bytes: &[u8]) -> Option<Stored> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    if rest.starts_with(&PNG) {
        return Some(Stored::Png);
    }
    (header[..4] == [0; 4] && rest.len() >= RVL_HEADER).then_some(Stored::Rvl)
}

pub fn size(bytes: &[u8], stored: Stored) -> Result<Size, PictureError> {
    let rest = &bytes[HEADER..];
    match (stored, rest) {
        (Stored::Png, _) => png::size(rest),
        (Stored::Rvl, &[w0, w1, w2, w3, h0, h1, h2, h3, ..]) => {
            Ok(Size { width: u32::from_le_bytes([w0, w1, w2, w3]), height: u32::from_le_bytes([h0, h1, h2, h3]) })
        }
        (Stored::Rvl, _) => Err(PictureError::Truncated("its size is not complete".to_owned())),
    }
}

/// Decodes to a number of 16 bits a pixel, little-endian.
pub fn decode(bytes: &[u8], stored: Stored, out: &mut [u8]) -> Result<(), PictureError> {
    let rest = &bytes[HEADER..];
    match stored {
        Stored::Png => png::decode_deep(rest, Pixels::Grey, out),
        Stored::Rvl => rvl(&rest[RVL_HEADER..], out),
    }
}

/// Decodes to a distance of 32 bits a pixel, little-endian; NaN where there is none.
pub fn decode_distances(bytes: &[u8], stored: Stored, out: &mut [u8]) -> Result<(), PictureError> {
    let number = |at: usize| bytes.get(at..at + 4).and_then(<[u8]>::first_chunk).map(|four| f32::from_le_bytes(*four));
    let (Some(a), Some(b)) = (number(4), number(8)) else {
        return Err(PictureError::Truncated("its parameters are not complete".to_owned()));
    };
    if !a.is_finite() || !b.is_finite() || a == 0.0 {
        return Err(PictureError::Corrupt(format!("its depth was quantised by {a} and {b}")));
    }
    let mut values = vec![0; out.len() / 2];
    decode(bytes, stored, &mut values)?;
    for (to, from) in out.as_chunks_mut().0.iter_mut().zip(values.as_chunks().0) {
        let value = u16::from_le_bytes(*from);
        let distance = if value == 0 { NONE } else { a / (f32::from(value) - b) };
        *to = distance.to_le_bytes();
    }
    Ok(())
}

/// The NaN of every target: a quiet one without a sign.
const NONE: f32 = f32::from_bits(0x7fc0_0000);

/// Codes of RVL: numbers in groups of three bits, the lowest first, eight of them to a little-endian word from the top down.
struct Codes<'a> {
    words: &'a [[u8; 4]],
    word: u32,
    held: u32,
}

impl Codes<'_> {
    fn next(&mut self) -> Result<u32, PictureError> {
        let mut value = 0;
        for shift in (0..30).step_by(3) {
            if self.held == 0 {
                let (first, rest) = self
                    .words
                    .split_first()
                    .ok_or_else(|| PictureError::Truncated("its codes stop before its last pixel".to_owned()))?;
                (self.word, self.words, self.held) = (u32::from_le_bytes(*first), rest, 8);
            }
            let group = self.word >> 28;
            self.word <<= 4;
            self.held -= 1;
            value |= (group & 7) << shift;
            if group < 8 {
                return Ok(value);
            }
        }
        Err(PictureError::Corrupt("a code of its depth has more than 30 bits".to_owned()))
    }
}

/// RVL (Wilson, "Fast Lossless Depth Image Compression"): a run of zeros, a run of others as differences, and so on.
fn rvl(bytes: &[u8], out: &mut [u8]) -> Result<(), PictureError> {
    let mut codes = Codes { words: bytes.as_chunks().0, word: 0, held: 0 };
    let mut left = out.as_chunks_mut::<2>().0;
    let mut previous = 0_u16;
    while !left.is_empty() {
        let run = |codes: &mut Codes<'_>, left: usize| match codes.next()? as usize {
            run if run > left => Err(PictureError::Corrupt("a run of its depth goes beyond its last pixel".to_owned())),
            run => Ok(run),
        };
        let zeros = run(&mut codes, left.len())?;
        let (empty, rest) = left.split_at_mut(zeros);
        empty.fill([0; 2]);
        let others = run(&mut codes, rest.len())?;
        if zeros == 0 && others == 0 {
            return Err(PictureError::Corrupt("a run of its depth is empty".to_owned()));
        }
        let (full, rest) = rest.split_at_mut(others);
        for level in full {
            let code = codes.next()?;
            // The sign is the lowest bit.
            let difference = (code >> 1) as i32 ^ -((code & 1) as i32);
            previous = previous.wrapping_add(difference as u16);
            *level = previous.to_le_bytes();
        }
        left = rest;
    }
    Ok(())
}
