//! The runtime's one native module: binds engine, executive and transport to Node.

mod executive;
mod kernel;
mod program;

use napi_derive::napi;

/// An error of a lower crate, whose text begins with `error[area/name]`, as JavaScript's.
pub(crate) fn failure(error: impl std::fmt::Display) -> napi::Error {
    napi::Error::from_reason(error.to_string())
}

/// The BLAKE3 hash of some bytes, in hex.
#[napi]
pub fn blake3(bytes: napi::bindgen_prelude::Uint8Array) -> String {
    ::blake3::hash(&bytes).to_hex().to_string()
}

/// The targets that this machine can run, best first.
#[napi]
pub fn targets() -> Vec<&'static str> {
    isochron_engine::target::runnable()
}
