//! Writes a run as MCAP on a thread of its own: inputs as received, outputs, decisions and hashes.

mod file;
mod layout;
pub mod log;
mod recording;
mod thread;

pub use layout::{Layout, Names};
pub use recording::{Attachment, Begin, Compression, Facts};
pub use thread::{Ended, Recorder};
