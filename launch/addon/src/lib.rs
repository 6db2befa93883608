//! The runtime's one native module: binds engine, executive and transport to Node.
// Under test napi-derive registers nothing, so what only JavaScript calls looks unused.
#![cfg_attr(test, allow(dead_code))]

mod bag;
mod codec;
mod datagram;
mod edge;
mod executive;
mod frames;
mod hash;
mod inflate;
mod kernel;
mod picture;
mod program;
mod recorder;
mod watchdog;

use napi_derive::napi;

/// An error of a lower crate, whose text begins with `error[area/name]`, as JavaScript's.
pub(crate) fn failure(error: impl std::fmt::Display) -> napi::Error {
    napi::Error::from_reason(error.to_string())
}

/// Runs `body`; a panic in it becomes an error and never crosses into C.
pub(crate) fn guarded<T>(body: impl FnOnce() -> napi::Result<T>) -> napi::Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Err(failure(format!(
            "error[native/panic]: {}\nhelp: this is a fault in Isochron; please report it",
            text.unwrap_or("unknown")
        )))
    })
}

/// The executive's records: a line each, `KIND NAME FIELD:TYPE …`.
#[napi]
pub fn record_schema() -> String {
    isochron_executive::records::schema()
}

/// The targets that this machine can run, best first.
#[napi]
pub fn targets() -> Vec<&'static str> {
    isochron_engine::target::runnable()
}
