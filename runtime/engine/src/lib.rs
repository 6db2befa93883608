//! Loads artifacts and runs their compiled step functions in a fixed arena: never links, compiles or allocates while running.

pub mod arena;
pub mod artifact;
pub mod error;
pub mod fpenv;
pub mod instance;
pub mod loader;
pub mod manifest;
pub mod nan;
pub mod pool;
pub mod target;

pub use artifact::Artifact;
pub use error::EngineError;
pub use instance::{Fault, Instance, MethodId, Program, StepContext};
pub use manifest::{Manifest, TensorSpec};
pub use pool::Pool;
