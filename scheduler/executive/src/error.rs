//! The executive's errors; each names the thing, the place and the way out.

/// What the executive refuses, with the code that TypeScript shows.
#[derive(Debug, thiserror::Error)]
pub enum ExecutiveError {
    #[error("error[schedule/table]: the schedule table cannot be read: {0}")]
    Table(#[from] serde_json::Error),
    #[error("error[schedule/version]: the schedule table has version {0}; this executive runs version 1")]
    Version(u32),
    #[error("error[schedule/{code}]: {place}: {reason}")]
    Schedule { code: &'static str, place: String, reason: String },
    #[error("error[executive/jobs]: the table has {tasks} tasks, {jobs} programs were given")]
    Jobs { tasks: usize, jobs: usize },
    #[error("error[executive/signature]: task \"{task}\": {reason}")]
    Signature { task: String, reason: String },
    #[error("error[executive/stall]: a stall names task {task} every {every} jobs for {duration_ns} ns; the task must exist, the others be at least 1")]
    Stall { task: usize, every: u64, duration_ns: i64 },
    #[error("error[executive/channel]: there is no channel {0}")]
    NoChannel(usize),
    #[error("error[executive/channel]: channel \"{0}\" is written by a task; only external channels admit samples")]
    NotExternal(String),
    #[error("error[executive/sample-size]: channel \"{channel}\" takes slots of {expected} bytes, {found} were given")]
    SampleSize { channel: String, expected: usize, found: usize },
    #[error(
        "error[executive/late-admission]: channel \"{channel}\": a sample for {time_ns} ns comes after {reached_ns} ns was reached; admit before advancing past its time"
    )]
    LateAdmission { channel: String, time_ns: i64, reached_ns: i64 },
    #[error("error[executive/mode]: {0}")]
    Mode(&'static str),
    #[error("error[executive/backwards]: time cannot go back from {now_ns} ns to {until_ns} ns")]
    Backwards { now_ns: i64, until_ns: i64 },
    #[error("error[executive/records]: the decisions to replay are damaged at byte {at}: {reason}")]
    Records { at: usize, reason: &'static str },
    #[error("error[executive/memory]: {0}")]
    Memory(String),
    #[error("error[executive/thread]: thread {name} could not be started: {source}")]
    Thread { name: String, source: std::io::Error },
}
