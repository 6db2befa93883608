//! The functions that Node sees; each works on libuv's thread pool, and a panic becomes an error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi::{Env, Task};
use napi_derive::napi;

use crate::compilation::{self, Compilation};
use crate::error::CodegenError;
use crate::llvm::{self, Machine};

/// One module of LLVM IR text.
#[napi(object)]
pub struct Module {
    pub name: String,
    pub text: String,
}

/// What to compile, for which machine.
#[napi(object)]
pub struct CompileRequest {
    pub triple: String,
    pub cpu: String,
    pub features: String,
    pub modules: Vec<Module>,
    /// Symbols that stay visible in the merged object; all others become local.
    pub exports: Vec<String>,
    /// Where compiled modules are kept by content; none keeps nothing.
    pub cache_dir: Option<String>,
}

/// One module whose assembly is wanted.
#[napi(object)]
pub struct AssemblyRequest {
    pub triple: String,
    pub cpu: String,
    pub features: String,
    pub text: String,
}

/// Runs `body`, so that neither an error nor a panic leaves as anything but a JavaScript error.
fn guarded<T>(body: impl FnOnce() -> Result<T, CodegenError>) -> napi::Result<T> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result.map_err(|error| napi::Error::from_reason(error.to_string())),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no reason given");
            Err(napi::Error::from_reason(format!("error[codegen/internal]: the compiler failed: {text}")))
        }
    }
}

/// A compilation on libuv's thread pool.
pub struct CompileTask(CompileRequest);

impl Task for CompileTask {
    type Output = Vec<u8>;
    type JsValue = Buffer;

    fn compute(&mut self) -> napi::Result<Vec<u8>> {
        let request = &self.0;
        guarded(|| {
            Compilation {
                machine: Machine { triple: &request.triple, cpu: &request.cpu, features: &request.features },
                modules: request
                    .modules
                    .iter()
                    .map(|module| compilation::Module { name: &module.name, text: &module.text })
                    .collect(),
                exports: &request.exports,
                cache: request.cache_dir.as_deref().map(Path::new),
            }
            .run()
        })
    }

    fn resolve(&mut self, _env: Env, output: Vec<u8>) -> napi::Result<Buffer> {
        Ok(output.into())
    }
}

/// Compiles modules and merges them into one relocatable object.
#[napi(ts_return_type = "Promise<Buffer>")]
pub fn compile(request: CompileRequest) -> AsyncTask<CompileTask> {
    AsyncTask::new(CompileTask(request))
}

/// A listing on libuv's thread pool.
pub struct AssemblyTask(AssemblyRequest);

impl Task for AssemblyTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<String> {
        let request = &self.0;
        guarded(|| {
            let machine = Machine { triple: &request.triple, cpu: &request.cpu, features: &request.features };
            let text = llvm::compile(&machine, "assembly", &request.text, llvm::Output::Assembly)?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        })
    }

    fn resolve(&mut self, _env: Env, output: String) -> napi::Result<String> {
        Ok(output)
    }
}

/// The assembly text of one module.
#[napi(ts_return_type = "Promise<string>")]
pub fn assembly(request: AssemblyRequest) -> AsyncTask<AssemblyTask> {
    AsyncTask::new(AssemblyTask(request))
}

/// The version of the LLVM inside.
#[napi]
pub fn llvm_version() -> String {
    llvm::version()
}
