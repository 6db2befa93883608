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
                .map(|_| thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work))
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
            .map(|((_, object), module)| Ok(Compiled { name: module.name, object: object? }))
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::{ARM, Folder, X86};

    const CALLER: &str = "declare hidden void @callee(ptr)\ndefine void @caller(ptr %a) nounwind {\n  call void @callee(ptr %a)\n  store i32 2, ptr %a\n  ret void\n}\n";
    const CALLEE: &str = "define void @callee(ptr %a) nounwind {\n  store i32 1, ptr %a\n  ret void\n}\n";

    fn run(machine: Machine<'_>, texts: &[(&str, &str)], cache: Option<&Path>) -> Result<Vec<u8>, CodegenError> {
        let exports = ["caller".to_owned()];
        let modules = texts.iter().map(|&(name, text)| Module { name, text }).collect();
        Compilation { machine, modules, exports: &exports, cache }.run()
    }

    #[test]
    fn the_order_of_modules_not_of_threads_fixes_the_bytes() {
        let many: Vec<(String, String)> = (0..12)
            .map(|at| {
                (
                    format!("m{at}"),
                    CALLEE.replace("callee", &format!("other_{at}")).replace("i32 1", &format!("i32 {at}")),
                )
            })
            .collect();
        let mut texts = vec![("caller", CALLER), ("callee", CALLEE)];
        texts.extend(many.iter().map(|(name, text)| (name.as_str(), text.as_str())));
        for machine in [X86, ARM] {
            let first = run(machine, &texts, None).unwrap();
            for _ in 0..3 {
                assert!(run(machine, &texts, None).unwrap() == first);
            }
        }
    }

    #[test]
    fn the_first_broken_module_in_order_is_reported() {
        let error = run(X86, &[("good", CALLER), ("first", "nonsense"), ("second", "nonsense")], None).unwrap_err();
        assert!(error.to_string().contains("module \"first\""), "{error}");
    }

    #[test]
    fn nothing_to_compile_is_an_error() {
        assert!(matches!(run(ARM, &[], None), Err(CodegenError::Empty)));
    }

    #[test]
    fn the_cache_is_used_and_a_damaged_entry_is_compiled_again() {
        let folder = Folder::new("compilation");
        let texts = [("caller", CALLER), ("callee", CALLEE)];
        let fresh = run(X86, &texts, Some(&folder.0)).unwrap();
        assert_eq!(fresh, run(X86, &texts, None).unwrap());
        let files: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), 2);

        // Other sound content under the callee's name shows: the entry is what is merged.
        let other = llvm::compile(&X86, "m", &CALLEE.replace("i32 1", "i32 9"), Output::Object).unwrap();
        Entry::new(&folder.0, &X86, CALLEE).write(&other).unwrap();
        assert_ne!(run(X86, &texts, Some(&folder.0)).unwrap(), fresh);

        for file in &files {
            let mut bytes = fs::read(file).unwrap();
            bytes[64] ^= 0xff;
            fs::write(file, bytes).unwrap();
        }
        assert_eq!(run(X86, &texts, Some(&folder.0)).unwrap(), fresh);
        assert_eq!(run(X86, &texts, Some(&folder.0)).unwrap(), fresh);
    }
}
