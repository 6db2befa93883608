//! Compiles LLVM IR text to relocatable object code.
