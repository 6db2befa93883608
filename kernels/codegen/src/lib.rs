//! LLVM IR text in, one relocatable ELF object out, in process; bound to Node as `isochron-compiler`.

mod cache;
mod error;
mod llvm;
mod merge;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use error::CodegenError;
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi::{Env, Task};
use napi_derive::napi;

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

const THREADS: usize = 2;

impl CompileRequest {
    fn machine(&self) -> llvm::Machine<'_> {
        llvm::Machine { triple: &self.triple, cpu: &self.cpu, features: &self.features }
    }

    fn compile_module(&self, module: &Module) -> Result<Vec<u8>, CodegenError> {
        let Some(folder) = &self.cache_dir else {
            return llvm::compile(&self.machine(), &module.name, &module.text, llvm::Output::Object);
        };
        let entry = cache::Entry::new(&PathBuf::from(folder), &self.machine(), &module.text);
        if let Some(object) = entry.read() {
            return Ok(object);
        }
        let object = llvm::compile(&self.machine(), &module.name, &module.text, llvm::Output::Object)?;
        entry.write(&object)?;
        Ok(object)
    }

    /// Compiles the modules on up to two threads and merges them in their order.
    fn run(&self) -> Result<Vec<u8>, CodegenError> {
        let next = AtomicUsize::new(0);
        let results: Vec<Mutex<Option<Result<Vec<u8>, CodegenError>>>> =
            self.modules.iter().map(|_| Mutex::new(None)).collect();
        let work = || {
            while let Some(module) = self.modules.get(next.fetch_add(1, Ordering::Relaxed)) {
                let at = self.modules.iter().position(|each| std::ptr::eq(each, module));
                let result = self.compile_module(module);
                if let Some(slot) = at.and_then(|at| results.get(at)) {
                    *slot.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(result);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..THREADS.min(self.modules.len()) {
                scope.spawn(work);
            }
        });
        let mut objects = Vec::with_capacity(results.len());
        for (slot, module) in results.into_iter().zip(&self.modules) {
            let result = slot.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
            objects.push(result.ok_or_else(|| CodegenError::Fatal(module.name.clone(), "the compiler thread ended".to_owned()))??);
        }
        merge::merge(&objects, &self.exports)
    }
}

/// A compilation on libuv's thread pool.
pub struct CompileTask(CompileRequest);

impl Task for CompileTask {
    type Output = Vec<u8>;
    type JsValue = Buffer;

    fn compute(&mut self) -> napi::Result<Vec<u8>> {
        Ok(self.0.run()?)
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
        let machine = llvm::Machine { triple: &self.0.triple, cpu: &self.0.cpu, features: &self.0.features };
        let text = llvm::compile(&machine, "assembly", &self.0.text, llvm::Output::Assembly)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
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
