//! What can go wrong between IR text and object code, each with its code.

use thiserror::Error;

#[derive(Debug, Error)]
pub enum CodegenError {
    #[error("error[codegen/target]: LLVM knows no target \"{0}\": {1}")]
    Triple(String, String),
    #[error("error[codegen/target]: LLVM knows no processor \"{cpu}\" for \"{triple}\"")]
    Cpu { triple: String, cpu: String },
    #[error(
        "error[codegen/target]: LLVM knows no feature \"{feature}\" for \"{triple}\"\n  help: features read \"+name\" or \"-name\", separated by commas"
    )]
    Feature { triple: String, feature: String },
    #[error("error[codegen/parse]: module \"{0}\" is not valid LLVM IR: {1}")]
    Parse(String, String),
    #[error("error[codegen/verify]: module \"{0}\" breaks a rule of LLVM IR: {1}")]
    Verify(String, String),
    #[error("error[codegen/passes]: module \"{0}\" could not be optimised: {1}")]
    Passes(String, String),
    #[error("error[codegen/emit]: module \"{0}\" could not be turned into code: {1}")]
    Emit(String, String),
    #[error("error[codegen/fatal]: LLVM gave up on module \"{0}\": {1}")]
    Fatal(String, String),
    #[error("error[codegen/object]: the object of module \"{module}\" cannot be merged: {reason}")]
    Object { module: String, reason: String },
    #[error("error[codegen/object]: the merged object cannot be written: {0}")]
    Merged(String),
    #[error(
        "error[codegen/symbol]: module \"{module}\" uses \"{symbol}\", which no module defines\n  help: kernels call nothing outside their object; add the module that defines it, or avoid the call"
    )]
    Undefined { module: String, symbol: String },
    #[error("error[codegen/symbol]: \"{0}\" is to be exported, but no module defines it")]
    Export(String),
    #[error("error[codegen/symbol]: modules \"{first}\" and \"{second}\" both define \"{symbol}\"")]
    Twice { symbol: String, first: String, second: String },
    #[error("error[codegen/empty]: there is no module to compile")]
    Empty,
    #[error("error[codegen/cache]: {0}: {1}\n  help: make the folder writable or choose another cache")]
    Cache(String, std::io::Error),
    #[error("error[codegen/thread]: a thread to compile on cannot be started: {0}")]
    Thread(std::io::Error),
}
