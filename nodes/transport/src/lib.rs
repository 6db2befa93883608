//! Codec plans between message bytes and tensors; the ROS 2 wire.

pub mod codec;

pub use codec::{CodecError, DecodePlan, EncodePlan};
