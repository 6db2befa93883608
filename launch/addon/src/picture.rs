//! Pictures for JavaScript: JPEG or PNG bytes in, rows of bytes out.

use isochron_transport::picture::{Encoding, decode_picture as decode, picture_size};
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

use crate::{failure, guarded};

/// A decoded picture, rows from the top without padding.
#[napi(object)]
pub struct Picture {
    pub height: u32,
    pub width: u32,
    pub data: Uint8Array,
}

/// Decodes a JPEG or PNG to `rgb8` or `mono8`.
#[napi]
pub fn decode_picture(bytes: Uint8Array, encoding: String) -> napi::Result<Picture> {
    guarded(|| {
        let encoding = Encoding::named(&encoding).map_err(failure)?;
        let size = picture_size(&bytes).map_err(failure)?;
        let (height, width) = (size.height, size.width);
        let mut data = vec![0; height as usize * width as usize * encoding.channels()];
        decode(&bytes, encoding, height, width, &mut data).map_err(failure)?;
        Ok(Picture { height, width, data: data.into() })
    })
}
