//! JPEG: walked for damage, then decoded by zune-jpeg's scalar code, or by jpeg-decoder's where cameras rarely go.

use std::borrow::Cow;

use jpeg_decoder::{ColorTransform, Decoder, PixelFormat};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::scan::{self, Checked};
use super::{PictureError, Pixels, grey, standard};

/// Decodes to three bytes a pixel, red first, or to one.
pub fn decode(bytes: &[u8], pixels: Pixels, out: &mut [u8]) -> Result<(), PictureError> {
    let checked = scan::check(bytes)?;
    let whole = &bytes[..checked.end];
    let whole = if checked.tables_left_out {
        // Behind the marker that begins the picture: its own tables come later and replace these.
        Cow::Owned([&whole[..2], &standard::segment(), &whole[2..]].concat())
    } else {
        Cow::Borrowed(whole)
    };
    if !checked.usual {
        return unusual(&whole, &checked, pixels, out);
    }
    match pixels {
        Pixels::Colour => usual(&whole, ColorSpace::RGB, out),
        Pixels::Grey if checked.rgb => {
            let mut colours = vec![0; out.len() * 3];
            usual(&whole, ColorSpace::RGB, &mut colours)?;
            for (to, from) in out.iter_mut().zip(colours.as_chunks().0) {
                *to = grey(*from);
            }
            Ok(())
        }
        Pixels::Grey => usual(&whole, ColorSpace::Luma, out),
    }
}

/// What is left to fail on: tables with entries that no block uses, and the like.
fn failed(error: impl std::fmt::Debug) -> PictureError {
    PictureError::Corrupt(format!("the decoder says {error:?}"))
}

fn other_size() -> PictureError {
    PictureError::Decoder("it sees another size".to_owned())
}

fn usual(bytes: &[u8], colour: ColorSpace, out: &mut [u8]) -> Result<(), PictureError> {
    let options = DecoderOptions::new_safe()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(scan::MOST_SCANS)
        .jpeg_set_out_colorspace(colour);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(failed)?;
    if decoder.output_buffer_size() != Some(out.len()) {
        return Err(other_size());
    }
    decoder.decode_into(out).map_err(failed)
}

/// Sampling factors, and components apart, that zune-jpeg does not decode right.
fn unusual(bytes: &[u8], checked: &Checked, pixels: Pixels, out: &mut [u8]) -> Result<(), PictureError> {
    let mut decoder = Decoder::new(bytes);
    // As it is coded, where that is wanted: luma is the first of three then.
    decoder.set_color_transform(match (checked.grey, pixels) {
        (true, _) => ColorTransform::Grayscale,
        (false, Pixels::Colour) if !checked.rgb => ColorTransform::YCbCr,
        (false, _) => ColorTransform::RGB,
    });
    let found = decoder.decode().map_err(failed)?;
    let samples = match decoder.info().map(|info| info.pixel_format) {
        Some(PixelFormat::L8) => 1,
        Some(PixelFormat::RGB24) => 3,
        _ => return Err(other_size()),
    };
    let width = pixels.samples();
    if found.len() / samples != out.len() / width {
        return Err(other_size());
    }
    for (to, from) in out.chunks_exact_mut(width).zip(found.chunks_exact(samples)) {
        match (to, from) {
            ([level], [same]) => *level = *same,
            ([level], &[red, green, blue]) if checked.rgb => *level = grey([red, green, blue]),
            ([level], [luma, ..]) => *level = *luma,
            (to, [level]) => to.fill(*level),
            (to, from) => to.copy_from_slice(from),
        }
    }
    Ok(())
}
