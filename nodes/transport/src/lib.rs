//! Codec plans between message bytes and tensors, pictures, the tree of frames; the ROS 2 wire.

pub mod codec;
pub mod datagram;
pub mod frames;
pub mod picture;

pub use codec::{CodecError, DecodePlan, EncodePlan};
pub use frames::{Answer, FrameTree, Pair};
pub use picture::{Encoding, PictureError, Size, decode_picture, picture_size};
