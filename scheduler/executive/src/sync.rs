//! Where lock-free code takes its atomics from, so that a test can put a model checker's in their place.

pub use std::sync::atomic;
