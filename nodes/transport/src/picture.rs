//! Pictures: JPEG, PNG and compressed depth to rows of numbers, the same bits on every machine, or one error.
//!
//! A decoder that shows what it can of a damaged file is right for a browser and wrong for a robot. So a JPEG's coded data is
//! walked first (`scan`): every block must be there and every segment must end where its marker stands. PNG has checksums.
//! The decoders run without their SIMD code, so that equal bits do not rest on several implementations agreeing. What follows
//! a picture's end is no part of it: cameras send their buffers as they are.

mod blocks;
mod depth;
mod jpeg;
mod png;
mod scan;
mod standard;
mod tables;

use std::fmt;

use thiserror::Error;

/// What the numbers of a decoded picture mean; those of more than a byte are little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Red, green, blue.
    Rgb8,
    /// Blue, green, red.
    Bgr8,
    /// Grey: a JPEG's own luma; of a PNG in colour 0.299 R + 0.587 G + 0.114 B in 14-bit fixed point, as OpenCV does it.
    Mono8,
    /// Red, green, blue of 16 bits.
    Rgb16,
    /// Blue, green, red of 16 bits.
    Bgr16,
    /// Grey or distances, 16 bits.
    Mono16,
    /// Distances as floats; NaN where there is none.
    Distance32,
}

/// How many samples a pixel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pixels {
    Colour,
    Grey,
}

impl Pixels {
    const fn samples(self) -> usize {
        match self {
            Self::Colour => 3,
            Self::Grey => 1,
        }
    }
}

impl Encoding {
    const fn pixels(self) -> Pixels {
        match self {
            Self::Rgb8 | Self::Bgr8 | Self::Rgb16 | Self::Bgr16 => Pixels::Colour,
            Self::Mono8 | Self::Mono16 | Self::Distance32 => Pixels::Grey,
        }
    }

    /// Bytes of one number.
    pub const fn depth(self) -> usize {
        match self {
            Self::Rgb8 | Self::Bgr8 | Self::Mono8 => 1,
            Self::Rgb16 | Self::Bgr16 | Self::Mono16 => 2,
            Self::Distance32 => 4,
        }
    }

    /// Bytes of one pixel.
    pub const fn pixel_bytes(self) -> usize {
        self.pixels().samples() * self.depth()
    }

    /// By its name in ROS.
    pub fn named(name: &str) -> Result<Self, PictureError> {
        match name {
            "rgb8" => Ok(Self::Rgb8),
            "bgr8" => Ok(Self::Bgr8),
            "mono8" | "8UC1" => Ok(Self::Mono8),
            "rgb16" => Ok(Self::Rgb16),
            "bgr16" => Ok(Self::Bgr16),
            "mono16" | "16UC1" => Ok(Self::Mono16),
            "32FC1" => Ok(Self::Distance32),
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
    #[error(
        "error[picture/encoding]: a picture is not decoded to \"{0}\"\nhelp: take rgb8, bgr8, mono8, 8UC1, rgb16, bgr16, mono16, 16UC1 or 32FC1"
    )]
    Encoding(String),
    #[error(
        "error[picture/form]: these {bytes} bytes are neither JPEG nor PNG\n  they begin {start}\nhelp: feed what the camera sent, such as the data of a sensor_msgs/msg/CompressedImage"
    )]
    Form { bytes: usize, start: String },
    #[error("error[picture/unsupported]: {0}\nhelp: send JPEG of 8 bits, or PNG of 8 or 16, in grey or three colours")]
    Unsupported(String),
    #[error("error[picture/depth]: it is a picture of {found} bits, {declared} were declared\nhelp: declare {instead}")]
    Depth { found: u8, declared: u8, instead: &'static str },
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
            Self::Depth { .. } => "picture/depth",
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
    Depth(depth::Stored),
}

/// The first bytes of a PNG.
const PNG: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];

/// A picture has at most this many pixels, whatever its bytes could hold.
const MOST_PIXELS: u64 = 1 << 27;

impl Form {
    /// Depth is looked for only where it is asked for: its own header has no mark.
    fn of(bytes: &[u8], encoding: Encoding) -> Result<Self, PictureError> {
        let depth = || match encoding {
            Encoding::Mono16 | Encoding::Distance32 => depth::stored(bytes),
            _ => None,
        };
        if bytes.starts_with(&[0xff, 0xd8]) {
            Ok(Self::Jpeg)
        } else if bytes.starts_with(&PNG) {
            Ok(Self::Png)
        } else {
            depth().map(Self::Depth).ok_or_else(|| PictureError::Form {
                bytes: bytes.len(),
                start: bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
            })
        }
    }

    /// The most pixels that one byte can stand for: half a bit or more a block of 64, deflate's 1032 bytes of 1-bit pixels,
    /// or a part of a run of zeros.
    const fn pixels_per_byte(self) -> u64 {
        match self {
            Self::Jpeg => 1024,
            Self::Png | Self::Depth(depth::Stored::Png) => 1032 * 8,
            Self::Depth(depth::Stored::Rvl) => 1 << 20,
        }
    }

    fn size(self, bytes: &[u8]) -> Result<Size, PictureError> {
        match self {
            Self::Jpeg => scan::size(bytes),
            Self::Png => png::size(bytes),
            Self::Depth(stored) => depth::size(bytes, stored),
        }
    }

    /// Decodes to numbers of the encoding's depth, the colours from red to blue.
    fn decode(self, bytes: &[u8], encoding: Encoding, out: &mut [u8]) -> Result<(), PictureError> {
        let pixels = encoding.pixels();
        match (self, encoding.depth()) {
            (Self::Jpeg, 1) => jpeg::decode(bytes, pixels, out),
            (Self::Jpeg, 2) => Err(PictureError::Depth { found: 8, declared: 16, instead: "mono8 or rgb8" }),
            (Self::Png, 1) => png::decode(bytes, pixels, out),
            (Self::Png, 2) => png::decode_deep(bytes, pixels, out),
            (Self::Depth(stored), 2) => depth::decode(bytes, stored, out),
            (Self::Depth(stored), _) => depth::decode_distances(bytes, stored, out),
            (Self::Jpeg | Self::Png, _) => Err(PictureError::Unsupported(
                "it is a picture without the parameters that make its numbers distances".to_owned(),
            )),
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
pub fn picture_size(bytes: &[u8], encoding: Encoding) -> Result<Size, PictureError> {
    let form = Form::of(bytes, encoding)?;
    plausible(form, form.size(bytes)?, bytes.len())
}

/// Decodes a picture of exactly this size into `out`, rows from the top without padding.
///
/// Memory: a few rows of the picture, or for progressive JPEG and PNG a few times the output. On an error `out` holds anything.
/// An orientation in EXIF data is not applied; a PNG's transparency is dropped. No number of 16 bits is made one of 8, or the
/// other way round.
pub fn decode_picture(
    bytes: &[u8],
    encoding: Encoding,
    height: u32,
    width: u32,
    out: &mut [u8],
) -> Result<(), PictureError> {
    let (expected, found) = (Size { height, width }, picture_size(bytes, encoding)?);
    if found != expected {
        return Err(PictureError::Size { expected, found });
    }
    let length = height as usize * width as usize * encoding.pixel_bytes();
    if out.len() != length {
        return Err(PictureError::Output { expected: length, found: out.len() });
    }
    // The decoders are others' code that reads others' bytes: a panic in them costs one picture, not the process.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Form::of(bytes, encoding)?.decode(bytes, encoding, &mut *out)
    }))
    .unwrap_or_else(|_| Err(PictureError::Decoder("it stopped in the middle".to_owned())))?;
    match encoding {
        Encoding::Bgr8 => out.as_chunks_mut::<3>().0.iter_mut().for_each(|[red, _, blue]| std::mem::swap(red, blue)),
        Encoding::Bgr16 => out.as_chunks_mut::<6>().0.iter_mut().for_each(|[r0, r1, _, _, b0, b1]| {
            std::mem::swap(r0, b0);
            std::mem::swap(r1, b1);
        }),
        _ => {}
    }
    Ok(())
}
