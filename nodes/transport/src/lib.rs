//! Codec plans between message bytes and tensors, pictures; the ROS 2 wire.

pub mod codec;
pub mod picture;

pub use codec::{CodecError, DecodePlan, EncodePlan};
pub use picture::{Encoding, PictureError, Size, decode_picture, picture_size};
