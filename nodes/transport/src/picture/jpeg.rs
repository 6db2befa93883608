//! JPEG: walked for damage, then decoded by zune-jpeg's scalar code.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::scan::{self, Checked};
use super::{Encoding, PictureError, grey};

pub fn decode(bytes: &[u8], encoding: Encoding, out: &mut [u8]) -> Result<(), PictureError> {
    let Checked { end, rgb } = scan::check(bytes)?;
    if rgb && encoding == Encoding::Mono8 {
        let mut pixels = vec![0; out.len() * 3];
        pixels_of(&bytes[..end], ColorSpace::RGB, &mut pixels)?;
        for (to, from) in out.iter_mut().zip(pixels.as_chunks().0) {
            *to = grey(*from);
        }
        return Ok(());
    }
    let colour = match encoding {
        Encoding::Rgb8 => ColorSpace::RGB,
        Encoding::Mono8 => ColorSpace::Luma,
    };
    pixels_of(&bytes[..end], colour, out)
}

fn pixels_of(bytes: &[u8], colour: ColorSpace, out: &mut [u8]) -> Result<(), PictureError> {
    let options = DecoderOptions::new_safe()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(scan::MOST_SCANS)
        .jpeg_set_out_colorspace(colour);
    // What is left to fail on: tables with entries that no block uses, and the like.
    let failed = |error| PictureError::Corrupt(format!("the decoder says {error:?}"));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(failed)?;
    if decoder.output_buffer_size() != Some(out.len()) {
        return Err(PictureError::Decoder("it sees another size".to_owned()));
    }
    decoder.decode_into(out).map_err(failed)
}
