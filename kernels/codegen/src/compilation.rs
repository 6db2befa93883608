//! One compilation: modules compiled on up to two threads, kept by content, merged in their order.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::cache::Entry;
use crate::error::CodegenError;
use crate::llvm::{self, Machine, Output};
use crate::merge::{Compiled, merge};

const THREADS: usize = 2;
/// LLVM recurses over expressions; this is what a process's first thread usually has.
const STACK_BYTES: usize = 8 << 20;

/// One module of LLVM IR text.
pub struct Module<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

/// What to compile, for which machine.
pub struct Compilation<'a> {
    pub machine: Machine<'a>,
    pub modules: Vec<Module<'a>>,
    /// Symbols that stay visible in the merged object; all others become local.
    pub exports: &'a [String],
    /// Where compiled modules are kept by content; none keeps nothing.
    pub cache: Option<&'a Path>,
}

impl Compilation<'_> {
    /// Compiles and merges; the same compilation gives the same bytes, whichever thread took which module.
    pub fn run(&self) -> Result<Vec<u8>, CodegenError> {
        if self.modules.is_empty() {
            return Err(CodegenError::Empty);
        }
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(module) = self.modules.get(at) else {
                    return done;
                };
                done.push((at, self.compile_module(module)));
            }
        };
        let mut results = thread::scope(|scope| {
            let threads = (0..THREADS.min(self.modules.len()))
                .map(|_| {
                    thread::Builder::new()
                        .stack_size(STACK_BYTES)
                        .spawn_scoped(scope, work)
                })
                .collect::<Result<Vec<_>, _>>()
                .map_err(CodegenError::Thread)?;
            Ok(threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect::<Vec<_>>())
        })?;
        results.sort_by_key(|(at, _)| *at);
        let objects = results
            .into_iter()
            .zip(&self.modules)
            .map(|((_, object), module)| {
                Ok(Compiled {
                    name: module.name,
                    object: object?,
                })
            })
            .collect::<Result<Vec<_>, CodegenError>>()?;
        merge(&objects, self.exports)
    }

    fn compile_module(&self, module: &Module<'_>) -> Result<Vec<u8>, CodegenError> {
        let compile = || llvm::compile(&self.machine, module.name, module.text, Output::Object);
        let Some(folder) = self.cache else {
            return compile();
        };
        let entry = Entry::new(folder, &self.machine, module.text);
        if let Some(object) = entry.read() {
            return Ok(object);
        }
        let object = compile()?;
        entry.write(&object)?;
        Ok(object)
    }
}
