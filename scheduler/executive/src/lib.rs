//! Runs programs on a deterministic schedule: channels with tags, releases, verdicts, and a record of every decision.

pub mod arrival;
pub mod authority;
pub mod channel;
pub mod error;
pub mod intake;
pub mod job;
pub mod journal;
pub mod live;
pub mod outlet;
pub mod past;
pub mod records;
pub mod rules;
pub mod sync;
pub mod table;
pub mod task;
pub mod virtual_time;

pub use error::ExecutiveError;
pub use job::Job;
pub use live::LiveExecutive;
pub use past::Past;
pub use table::Table;
pub use virtual_time::VirtualExecutive;
