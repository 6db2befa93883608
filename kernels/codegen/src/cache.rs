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
        for part in [FORMAT, &llvm::version(), machine.triple, machine.cpu, machine.features, text] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self { path: folder.join(format!("{}.o", hash.finalize().to_hex())) }
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
        let temporary = self.path.with_extension(format!("{}-{unique}.tmp", std::process::id()));
        let mut bytes = object.to_vec();
        bytes.extend_from_slice(blake3::hash(object).as_bytes());
        fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, &self.path)).map_err(|error| {
            // The first error is the one to report; the file may not even exist.
            let _ = fs::remove_file(&temporary);
            fail(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Folder, X86};

    #[test]
    fn gives_back_what_was_put_in() {
        let folder = Folder::new("round-trip");
        let entry = Entry::new(&folder.0, &X86, "text");
        assert_eq!(entry.read(), None);
        entry.write(b"object").unwrap();
        assert_eq!(entry.read().as_deref(), Some(b"object".as_slice()));
    }

    #[test]
    fn every_part_of_the_question_has_its_own_entry() {
        let folder = Folder::new("keys");
        let path = |machine: &Machine<'_>, text| Entry::new(&folder.0, machine, text).path;
        let all = [
            path(&X86, "a"),
            path(&X86, "b"),
            path(&Machine { triple: "other", ..X86 }, "a"),
            path(&Machine { cpu: "other", ..X86 }, "a"),
            path(&Machine { features: "+other", ..X86 }, "a"),
            // The same bytes in a row, divided elsewhere.
            path(&Machine { cpu: "x86-64-v3a", ..X86 }, ""),
        ];
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn a_damaged_entry_counts_as_none() {
        let folder = Folder::new("damage");
        let entry = Entry::new(&folder.0, &X86, "text");
        entry.write(b"an object of some length").unwrap();
        let sound = fs::read(&entry.path).unwrap();
        for at in 0..sound.len() {
            let mut damaged = sound.clone();
            damaged[at] ^= 1;
            fs::write(&entry.path, &damaged).unwrap();
            assert_eq!(entry.read(), None, "byte {at}");
            fs::write(&entry.path, &sound[..at]).unwrap();
            assert_eq!(entry.read(), None, "cut to {at} bytes");
        }
    }

    #[test]
    fn readers_and_writers_at_once_see_all_or_nothing() {
        let folder = Folder::new("at-once");
        let object = vec![7; 100_000];
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let entry = Entry::new(&folder.0, &X86, "text");
                    for _ in 0..20 {
                        entry.write(&object).unwrap();
                        assert_eq!(entry.read().as_ref(), Some(&object));
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_is_an_error_and_leaves_nothing() {
        let folder = Folder::new("failed");
        let entry = Entry::new(&folder.0, &X86, "text");
        // A folder with something in it stands where the entry should go, so that the rename fails.
        fs::create_dir_all(entry.path.join("in the way")).unwrap();
        let error = entry.write(b"object").unwrap_err().to_string();
        assert!(error.starts_with("error[codegen/cache]: "), "{error}");
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
    }
}
