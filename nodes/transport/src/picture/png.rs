//! PNG: every checksum confirmed, transparency dropped, made grey or coloured as asked; samples of 16 bits stay so.

use std::io::{Cursor, ErrorKind};

use ::png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};

use super::{PictureError, Pixels, Size, grey};

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

/// Samples as they are stored, and how many a pixel has.
fn stored(bytes: &[u8], depth: BitDepth) -> Result<(Vec<u8>, usize), PictureError> {
    // What a chunk may inflate to besides the pixels: palettes and profiles are small, the rest is ignored.
    let Size { height, width } = size(bytes)?;
    let limits = Limits { bytes: (height as usize * width as usize).saturating_mul(64).max(1 << 20) };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.ignore_checksums(false);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(failed)?;
    let info = reader.info();
    match (info.bit_depth == BitDepth::Sixteen, depth == BitDepth::Sixteen) {
        (true, false) => return Err(PictureError::Depth { found: 16, declared: 8, instead: "mono16, 16UC1 or rgb16" }),
        (false, true) => return Err(PictureError::Depth { found: 8, declared: 16, instead: "mono8 or rgb8" }),
        _ => {}
    }
    if info.animation_control().is_some() {
        return Err(PictureError::Unsupported("it is an animated PNG".to_owned()));
    }
    let (colour, _) = reader.output_color_type();
    let length = reader.output_buffer_size().ok_or_else(|| PictureError::Decoder("its size overflows".to_owned()))?;
    let mut pixels = vec![0; length];
    reader.next_frame(&mut pixels).map_err(failed)?;
    reader.finish().map_err(failed)?;
    debug_assert!(matches!(
        colour,
        ColorType::Grayscale | ColorType::GrayscaleAlpha | ColorType::Rgb | ColorType::Rgba
    ));
    Ok((pixels, colour.samples()))
}

/// Decodes to three bytes a pixel, red first, or to one.
pub fn decode(bytes: &[u8], pixels: Pixels, out: &mut [u8]) -> Result<(), PictureError> {
    let (stored, samples) = stored(bytes, BitDepth::Eight)?;
    if samples == pixels.samples() {
        out.copy_from_slice(&stored);
        return Ok(());
    }
    for (to, from) in out.chunks_exact_mut(pixels.samples()).zip(stored.chunks_exact(samples)) {
        let rgb = if samples < 3 { [from[0]; 3] } else { [from[0], from[1], from[2]] };
        match pixels {
            Pixels::Colour => to.copy_from_slice(&rgb),
            Pixels::Grey => to[0] = if samples < 3 { rgb[0] } else { grey(rgb) },
        }
    }
    Ok(())
}

/// Decodes to three numbers of 16 bits a pixel, red first, or to one; little-endian. Colours are never made grey.
pub fn decode_deep(bytes: &[u8], pixels: Pixels, out: &mut [u8]) -> Result<(), PictureError> {
    let (stored, samples) = stored(bytes, BitDepth::Sixteen)?;
    if pixels == Pixels::Grey && samples >= 3 {
        return Err(PictureError::Unsupported("it is a PNG of 16 bits in colour, declared as grey".to_owned()));
    }
    for (to, from) in out.chunks_exact_mut(2 * pixels.samples()).zip(stored.chunks_exact(2 * samples)) {
        for (at, level) in to.chunks_exact_mut(2).enumerate() {
            let at = if samples < 3 { 0 } else { 2 * at };
            // PNG is big-endian.
            level.copy_from_slice(&[from[at + 1], from[at]]);
        }
    }
    Ok(())
}
