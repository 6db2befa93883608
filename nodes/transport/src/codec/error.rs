//! What can be wrong with a message, or with a plan: each with a stable code and the field's path.

use thiserror::Error;

use crate::picture::PictureError;

#[derive(Debug, Error, PartialEq, Eq)]
pub enum CodecError {
    #[error("error[codec/plan]: {0}")]
    Plan(String),
    #[error("error[codec/truncated]: {message}.{path}: the message ends after {length} bytes")]
    Truncated { message: String, path: String, length: usize },
    #[error(
        "error[codec/header]: {message}: the encapsulation header is {header:02x?}, not CDR\nhelp: the sender must use XCDR1 (00 01 or 00 00)"
    )]
    Header { message: String, header: Vec<u8> },
    #[error(
        "error[codec/value]: {message}.{path} is {found}, the application is built for {expected}\nhelp: make the sensor and the application's input agree"
    )]
    Value { message: String, path: String, found: String, expected: String },
    #[error(
        "error[codec/length]: {message}.{path} has {found}, the application is built for {expected}\nhelp: make the sensor and the application's input agree"
    )]
    Length { message: String, path: String, found: String, expected: String },
    #[error(
        "error[codec/name]: {message}.{path} has {found} \"{wanted}\"\nhelp: make the sender's names and the application's agree"
    )]
    Name { message: String, path: String, found: &'static str, wanted: String },
    /// A compressed picture that cannot be decoded; the code is the picture's own.
    #[error("{error}\n  in {message}.{path}")]
    Picture { message: String, path: String, error: PictureError },
}

impl CodecError {
    /// The stable code, as in "codec/length".
    pub fn code(&self) -> &'static str {
        match self {
            Self::Plan(_) => "codec/plan",
            Self::Truncated { .. } => "codec/truncated",
            Self::Header { .. } => "codec/header",
            Self::Value { .. } => "codec/value",
            Self::Length { .. } => "codec/length",
            Self::Name { .. } => "codec/name",
            Self::Picture { error, .. } => error.code(),
        }
    }

    /// The field that is wrong, where it is one.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Plan(_) | Self::Header { .. } => None,
            Self::Truncated { path, .. }
            | Self::Value { path, .. }
            | Self::Length { path, .. }
            | Self::Name { path, .. }
            | Self::Picture { path, .. } => Some(path),
        }
    }
}
