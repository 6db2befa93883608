//! Writes a run as MCAP on a thread of its own: inputs as received, outputs, decisions and hashes.

mod file;
mod files;
mod layout;
pub mod log;
mod queue;
mod recording;
mod thread;

pub use files::{Form, Gaps, Options};
pub use layout::Layout;
pub use recording::{Attachment, Begin, Compression, Facts};
pub use thread::{Ended, Recorder};
