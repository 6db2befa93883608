//! What can go wrong between IR text and object code, each with its code.

use thiserror::Error;

#[derive(Debug, Error)]
pub enum CodegenError {
    #[error("error[codegen/target]: LLVM knows no target \"{0}\": {1}")]
    Target(String, String),
    #[error("error[codegen/parse]: module \"{0}\" is not valid LLVM IR: {1}")]
    Parse(String, String),
    #[error("error[codegen/passes]: module \"{0}\" could not be optimised: {1}")]
    Passes(String, String),
    #[error("error[codegen/emit]: module \"{0}\" could not be turned into code: {1}")]
    Emit(String, String),
    #[error("error[codegen/fatal]: LLVM gave up on module \"{0}\": {1}")]
    Fatal(String, String),
    #[error("error[codegen/object]: {0}")]
    Object(String),
    #[error("error[codegen/symbol]: no module defines \"{0}\"")]
    Undefined(String),
    #[error("error[codegen/cache]: {0}: {1}; make the folder writable or choose another cache")]
    Cache(String, std::io::Error),
}

impl From<CodegenError> for napi::Error {
    fn from(error: CodegenError) -> Self {
        napi::Error::from_reason(error.to_string())
    }
}
