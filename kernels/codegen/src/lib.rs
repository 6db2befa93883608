//! LLVM IR text in, one relocatable ELF object out, in process; bound to Node as `isochron-compiler`.

// Node provides the symbols of the binding, so a test program is linked without it.
#[cfg(not(test))]
mod binding;
mod cache;
mod compilation;
mod error;
mod llvm;
mod merge;
#[cfg(test)]
mod testing;
