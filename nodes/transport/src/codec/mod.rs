//! Codec plans: lists of steps between CDR and the tensors of a slot, interpreted with every bound checked.
//!
//! CDR as in DDS-XTypes 1.3 §7.4 (XCDR1, final types): a four-byte encapsulation header, then values aligned to their size
//! relative to the header's end. Wide strings as ROS 2 Humble writes them: a count of characters, four bytes each.

mod check;
mod decode;
mod encode;
mod error;
mod number;
mod plan;
mod reader;

pub use error::CodecError;
pub(crate) use number::{Number, Primitive};
pub use plan::{DecodePlan, EncodePlan};
pub(crate) use reader::Reader;
