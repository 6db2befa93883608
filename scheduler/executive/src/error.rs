//! What can be wrong with a schedule table, an admission or a log of decisions.

use thiserror::Error;

#[derive(Debug, Error)]
pub enum ExecutiveError {
    #[error("error[schedule/table]: {0}")]
    Table(String),
    #[error("error[schedule/admission]: {0}")]
    Admission(String),
    #[error("error[schedule/output]: there is no output {0}")]
    Output(usize),
    /// The text of whoever could not make a message.
    #[error("{0}")]
    Message(String),
    #[error("error[schedule/records]: the log of decisions is damaged at byte {0}")]
    Records(usize),
    #[error(
        "error[schedule/keyframe]: nothing can go on from a keyframe: {0}\nhelp: verify the recording from its beginning"
    )]
    Keyframe(String),
    #[error(
        "error[schedule/job]: task \"{task}\" job {job} ended with fault {fault}\nhelp: the program reported it; see its operators"
    )]
    Fault { task: String, job: u64, fault: i32 },
    #[error(
        "error[schedule/broken]: a real-time thread has broken off\nhelp: this is a fault in Isochron; please report it"
    )]
    Broken,
    #[error("error[schedule/threads]: a thread could not be started: {0}")]
    Threads(String),
    #[error(transparent)]
    Engine(#[from] isochron_engine::EngineError),
}
