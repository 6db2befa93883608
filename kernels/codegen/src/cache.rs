//! Compiled modules kept on disk under the hash of all that went in; safe when several processes build at once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::CodegenError;
use crate::llvm::{self, Machine};

/// Changes when the pipeline behind the same IR would give other code.
const FORMAT: &str = "isochron-codegen 1";
const HASH_BYTES: usize = 32;

/// One place in the cache; the file is the object followed by the BLAKE3 hash of its bytes.
pub struct Entry {
    path: PathBuf,
}

impl Entry {
    pub fn new(folder: &Path, machine: &Machine<'_>, text: &str) -> Self {
        let mut hash = blake3::Hasher::new();
        for part in [
            FORMAT,
            &llvm::version(),
            machine.triple,
            machine.cpu,
            machine.features,
            text,
        ] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self {
            path: folder.join(format!("{}.o", hash.finalize().to_hex())),
        }
    }

    /// The object, unless there is none or its bytes are damaged.
    pub fn read(&self) -> Option<Vec<u8>> {
        let mut bytes = fs::read(&self.path).ok()?;
        let object_len = bytes.len().checked_sub(HASH_BYTES)?;
        let sound = blake3::hash(&bytes[..object_len]).as_bytes() == &bytes[object_len..];
        bytes.truncate(object_len);
        sound.then_some(bytes)
    }

    /// Puts the object in place with one rename, so that a reader sees all of it or nothing.
    pub fn write(&self, object: &[u8]) -> Result<(), CodegenError> {
        static UNIQUE: AtomicU64 = AtomicU64::new(0);
        let unique = UNIQUE.fetch_add(1, Ordering::Relaxed);
        let fail = |error| CodegenError::Cache(self.path.display().to_string(), error);
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(fail)?;
        }
        let temporary = self
            .path
            .with_extension(format!("{}-{unique}.tmp", std::process::id()));
        let mut bytes = object.to_vec();
        bytes.extend_from_slice(blake3::hash(object).as_bytes());
        fs::write(&temporary, bytes)
            .and_then(|()| fs::rename(&temporary, &self.path))
            .map_err(|error| {
                // The first error is the one to report; the file may not even exist.
                let _ = fs::remove_file(&temporary);
                fail(error)
            })
    }
}
