//! What can be wrong with an artifact or a machine, each with its code and its remedy.

use thiserror::Error;

#[derive(Debug, Error)]
pub enum EngineError {
    #[error(
        "error[artifact/not-an-artifact]: this is not an Isochron artifact: {0}\nhelp: name a file that `isochron build` or save() wrote"
    )]
    NotAnArtifact(String),
    #[error(
        "error[artifact/hash]: {file} is not what the manifest says: BLAKE3 {found}, expected {expected}\nhelp: the file was changed or damaged; copy or build it again"
    )]
    Hash { file: String, found: String, expected: String },
    #[error("error[artifact/bounds]: {0}\nhelp: the artifact is damaged; build it again")]
    Bounds(String),
    #[error(
        "error[artifact/no-target]: the artifact \"{name}\" holds code for {held}; this machine runs {runs}\nhelp: compile it for one of this machine's targets"
    )]
    NoTarget { name: String, held: String, runs: String },
    #[error(
        "error[artifact/cannot-run]: this machine cannot run \"{target}\": {reason}\nhelp: it runs {runs}; leave the target out to take the best that the artifact holds"
    )]
    CannotRun { target: String, reason: String, runs: String },
    #[error("error[artifact/code]: {file}: {reason}\nhelp: build the artifact again with this version's compiler")]
    Code { file: String, reason: String },
    #[error("error[program/method]: the program \"{program}\" has no method \"{wanted}\"\nhelp: it has {known}")]
    Method { program: String, wanted: String, known: String },
    #[error(
        "error[program/lengths]: {what} {name} takes {expected} bytes, not {found}\nhelp: pass an array of the manifest's dtype and shape"
    )]
    Length { what: &'static str, name: String, expected: usize, found: usize },
    #[error(
        "error[program/count]: the program has {expected} {what}, not {found}\nhelp: pass one array for each, in the order of the manifest"
    )]
    Count { what: &'static str, expected: usize, found: usize },
    #[error("error[program/threads]: {threads} threads: {reason}\nhelp: declare at least 1 and at most {most} threads")]
    Threads { threads: usize, most: usize, reason: String },
    #[error(
        "error[program/memory]: {bytes} bytes of memory could not be mapped: {reason}\nhelp: free memory, or raise the limit (ulimit -v, the container's memory)"
    )]
    Memory { bytes: usize, reason: std::io::Error },
}
