//! Pictures for JavaScript: JPEG or PNG bytes in, rows of bytes out.

use isochron_transport::picture::{Encoding, decode_picture as decode, picture_size};
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

use crate::{failure, guarded};

/// A decoded picture, rows from the top without padding; numbers of more than a byte are little-endian.
#[napi(object)]
pub struct Picture {
    pub height: u32,
    pub width: u32,
    pub data: Uint8Array,
}

/// Decodes a JPEG, a PNG or compressed depth to numbers of an encoding.
#[napi]
pub fn decode_picture(bytes: Uint8Array, encoding: String) -> napi::Result<Picture> {
    guarded(|| {
        let encoding = Encoding::named(&encoding).map_err(failure)?;
        let size = picture_size(&bytes, encoding).map_err(failure)?;
        let (height, width) = (size.height, size.width);
        let mut data = vec![0; height as usize * width as usize * encoding.pixel_bytes()];
        decode(&bytes, encoding, height, width, &mut data).map_err(failure)?;
        Ok(Picture { height, width, data: data.into() })
    })
}
