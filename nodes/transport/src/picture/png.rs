//! PNG: every checksum confirmed, transparency dropped, made grey or coloured as asked.

use std::io::{Cursor, ErrorKind};

use ::png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};

use super::{Encoding, PictureError, Size, grey};

/// The size in IHDR, which is the first chunk.
pub fn size(bytes: &[u8]) -> Result<Size, PictureError> {
    match bytes.get(12..24) {
        Some([b'I', b'H', b'D', b'R', w0, w1, w2, w3, h0, h1, h2, h3]) => Ok(Size {
            width: u32::from_be_bytes([*w0, *w1, *w2, *w3]),
            height: u32::from_be_bytes([*h0, *h1, *h2, *h3]),
        }),
        Some(_) => Err(PictureError::Corrupt("its first chunk is not IHDR".to_owned())),
        None => Err(PictureError::Truncated("its header is not complete".to_owned())),
    }
}

fn failed(error: DecodingError) -> PictureError {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            PictureError::Truncated("its data stop inside a chunk".to_owned())
        }
        DecodingError::LimitsExceeded => {
            PictureError::Unsupported("its chunks take more memory than its pixels".to_owned())
        }
        error => PictureError::Corrupt(error.to_string()),
    }
}

pub fn decode(bytes: &[u8], encoding: Encoding, out: &mut [u8]) -> Result<(), PictureError> {
    // What a chunk may inflate to besides the pixels: palettes and profiles are small, the rest is ignored.
    let limits = Limits { bytes: out.len().saturating_mul(8).max(1 << 20) };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.ignore_checksums(false);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(failed)?;
    let info = reader.info();
    if info.bit_depth == BitDepth::Sixteen {
        return Err(PictureError::Unsupported("it is a PNG of 16 bits, which 8 bits cannot show".to_owned()));
    }
    if info.animation_control().is_some() {
        return Err(PictureError::Unsupported("it is an animated PNG".to_owned()));
    }
    let (colour, _) = reader.output_color_type();
    let plain =
        matches!((colour, encoding), (ColorType::Grayscale, Encoding::Mono8) | (ColorType::Rgb, Encoding::Rgb8));
    if plain {
        reader.next_frame(out).map_err(failed)?;
        return reader.finish().map_err(failed);
    }
    let length = reader.output_buffer_size().ok_or_else(|| PictureError::Decoder("its size overflows".to_owned()))?;
    let mut pixels = vec![0; length];
    reader.next_frame(&mut pixels).map_err(failed)?;
    reader.finish().map_err(failed)?;
    let samples = colour.samples();
    for (to, from) in out.chunks_exact_mut(encoding.channels()).zip(pixels.chunks_exact(samples)) {
        let rgb = if samples < 3 { [from[0]; 3] } else { [from[0], from[1], from[2]] };
        match encoding {
            Encoding::Rgb8 => to.copy_from_slice(&rgb),
            Encoding::Mono8 => to[0] = if samples < 3 { rgb[0] } else { grey(rgb) },
        }
    }
    Ok(())
}
