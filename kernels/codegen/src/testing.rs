//! What the tests of several modules share.

use std::fs;
use std::path::PathBuf;

use crate::llvm::Machine;

pub const X86: Machine<'_> = Machine { triple: "x86_64-unknown-linux-gnu", cpu: "x86-64-v3", features: "" };
pub const ARM: Machine<'_> = Machine { triple: "aarch64-unknown-linux-gnu", cpu: "generic", features: "+neon" };

/// An empty folder that goes away with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("isochron-codegen-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
