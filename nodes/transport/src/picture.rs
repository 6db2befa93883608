//! Pictures: JPEG and PNG to rows of bytes, the same bits on every machine, or one error.
//!
//! A decoder that shows what it can of a damaged file is right for a browser and wrong for a robot. So a JPEG's coded data is
//! walked first (`scan`): every block must be there and every segment must end where its marker stands. PNG has checksums.
//! The decoders run without their SIMD code, so that equal bits do not rest on several implementations agreeing.

mod blocks;
mod jpeg;
mod png;
mod scan;
mod tables;

use std::fmt;

use thiserror::Error;

/// What the bytes of a decoded picture mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Red, green, blue.
    Rgb8,
    /// Grey: a JPEG's own luma; of a PNG in colour 0.299 R + 0.587 G + 0.114 B in 14-bit fixed point, as OpenCV does it.
    Mono8,
}

impl Encoding {
    /// Bytes of one pixel.
    pub const fn channels(self) -> usize {
        match self {
            Self::Rgb8 => 3,
            Self::Mono8 => 1,
        }
    }

    /// By its name in ROS, `rgb8` or `mono8`.
    pub fn named(name: &str) -> Result<Self, PictureError> {
        match name {
            "rgb8" => Ok(Self::Rgb8),
            "mono8" => Ok(Self::Mono8),
            _ => Err(PictureError::Encoding(name.chars().take(40).collect())),
        }
    }
}

/// Height and width in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub height: u32,
    pub width: u32,
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}×{}", self.width, self.height)
    }
}

/// Why a picture was not decoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PictureError {
    #[error("error[picture/encoding]: there is no picture encoding \"{0}\"\nhelp: take rgb8 or mono8")]
    Encoding(String),
    #[error(
        "error[picture/form]: these {bytes} bytes are neither JPEG nor PNG\n  they begin {start}\nhelp: feed what the camera sent, such as the data of a sensor_msgs/msg/CompressedImage"
    )]
    Form { bytes: usize, start: String },
    #[error("error[picture/unsupported]: {0}\nhelp: send JPEG or PNG of 8 bits in grey or three colours")]
    Unsupported(String),
    #[error("error[picture/size]: the picture is {found}, {expected} was declared")]
    Size { expected: Size, found: Size },
    #[error("error[picture/too-large]: the picture says it is {found}, which {bytes} bytes cannot hold")]
    TooLarge { found: Size, bytes: usize },
    #[error("error[picture/output]: the output has {found} bytes, the picture takes {expected}")]
    Output { expected: usize, found: usize },
    #[error("error[picture/truncated]: the picture ends early: {0}")]
    Truncated(String),
    #[error("error[picture/corrupt]: the picture is damaged: {0}")]
    Corrupt(String),
    #[error(
        "error[picture/decoder]: the decoder failed on a picture that looked whole: {0}\nhelp: please report it, with the picture"
    )]
    Decoder(String),
}

impl PictureError {
    /// The stable code, as in `picture/truncated`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Encoding(_) => "picture/encoding",
            Self::Form { .. } => "picture/form",
            Self::Unsupported(_) => "picture/unsupported",
            Self::Size { .. } => "picture/size",
            Self::TooLarge { .. } => "picture/too-large",
            Self::Output { .. } => "picture/output",
            Self::Truncated(_) => "picture/truncated",
            Self::Corrupt(_) => "picture/corrupt",
            Self::Decoder(_) => "picture/decoder",
        }
    }
}

/// The grey of a colour, as OpenCV and so cv_bridge compute it.
fn grey([red, green, blue]: [u8; 3]) -> u8 {
    ((u32::from(red) * 4899 + u32::from(green) * 9617 + u32::from(blue) * 1868 + (1 << 13)) >> 14) as u8
}

/// What a picture is stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Jpeg,
    Png,
}

/// A picture has at most this many pixels, whatever its bytes could hold.
const MOST_PIXELS: u64 = 1 << 27;

impl Form {
    fn of(bytes: &[u8]) -> Result<Self, PictureError> {
        match bytes {
            [0xff, 0xd8, ..] => Ok(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Self::Png),
            _ => Err(PictureError::Form {
                bytes: bytes.len(),
                start: bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
            }),
        }
    }

    /// The most pixels that one byte can stand for: half a bit or more a block of 64, or deflate's 1032 bytes of 1-bit pixels.
    const fn pixels_per_byte(self) -> u64 {
        match self {
            Self::Jpeg => 1024,
            Self::Png => 1032 * 8,
        }
    }
}

/// Refuses a size that so few bytes cannot hold, before memory is taken for it.
fn plausible(form: Form, size: Size, bytes: usize) -> Result<Size, PictureError> {
    let pixels = u64::from(size.height) * u64::from(size.width);
    if pixels == 0 {
        return Err(PictureError::Corrupt(format!("its size is {size}")));
    }
    if pixels > MOST_PIXELS || pixels > form.pixels_per_byte().saturating_mul(bytes as u64) {
        return Err(PictureError::TooLarge { found: size, bytes });
    }
    Ok(size)
}

/// The size that a picture's header states, checked against what its bytes could hold.
pub fn picture_size(bytes: &[u8]) -> Result<Size, PictureError> {
    let form = Form::of(bytes)?;
    let size = match form {
        Form::Jpeg => scan::size(bytes)?,
        Form::Png => png::size(bytes)?,
    };
    plausible(form, size, bytes.len())
}

/// Decodes a picture of exactly this size into `out`, rows from the top without padding.
///
/// Memory: a few rows of the picture, or for progressive JPEG and PNG a few times the output. On an error `out` holds anything.
/// An orientation in EXIF data is not applied; a PNG's transparency is dropped.
pub fn decode_picture(
    bytes: &[u8],
    encoding: Encoding,
    height: u32,
    width: u32,
    out: &mut [u8],
) -> Result<(), PictureError> {
    let (expected, found) = (Size { height, width }, picture_size(bytes)?);
    if found != expected {
        return Err(PictureError::Size { expected, found });
    }
    let length = height as usize * width as usize * encoding.channels();
    if out.len() != length {
        return Err(PictureError::Output { expected: length, found: out.len() });
    }
    // The decoders are others' code that reads others' bytes: a panic in them costs one picture, not the process.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match Form::of(bytes)? {
        Form::Jpeg => jpeg::decode(bytes, encoding, out),
        Form::Png => png::decode(bytes, encoding, out),
    }))
    .unwrap_or_else(|_| Err(PictureError::Decoder("it stopped in the middle".to_owned())))
}
