//! Reads an artifact: every hash and bound is checked before anything of it is used.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use zip::{CompressionMethod, ZipArchive};

use crate::arena::ALIGN;
use crate::error::EngineError;
use crate::manifest::Manifest;

/// A checked artifact, whose weights and code are still where the artifact's bytes are.
pub struct Artifact<'a> {
    pub manifest: Manifest,
    /// The manifest as it stands in the file.
    pub manifest_text: String,
    pub weights: &'a [u8],
    code: BTreeMap<String, &'a [u8]>,
}

/// The bytes of an artifact, as an archive of entries that are not compressed.
struct Entries<'a> {
    bytes: &'a [u8],
    archive: ZipArchive<Cursor<&'a [u8]>>,
}

impl<'a> Entries<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, EngineError> {
        let archive = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| EngineError::NotAnArtifact(format!("it is no ZIP file ({error})")))?;
        Ok(Self { bytes, archive })
    }

    /// An entry's bytes where they are; only a hash tells whether they are those that were written.
    fn get(&mut self, name: &str) -> Result<&'a [u8], EngineError> {
        let wrong = |what: String| EngineError::NotAnArtifact(format!("entry {name}{what}"));
        let entry = self.archive.by_name(name).map_err(|error| wrong(format!(": {error}")))?;
        if entry.compression() != CompressionMethod::Stored {
            return Err(wrong(" is compressed".to_owned()));
        }
        let size = usize::try_from(entry.size()).unwrap_or(usize::MAX);
        if size > self.bytes.len() || entry.size() != entry.compressed_size() {
            return Err(wrong(format!(" claims {size} bytes")));
        }
        let Some(start) = entry.data_start().filter(|start| start % ALIGN as u64 == 0) else {
            return Err(EngineError::Bounds(format!("entry {name} does not start at a multiple of {ALIGN} bytes")));
        };
        let range = usize::try_from(start).ok().and_then(|start| Some(start..start.checked_add(size)?));
        range.and_then(|range| self.bytes.get(range)).ok_or_else(|| wrong(" ends behind the file".to_owned()))
    }

    /// An entry's bytes as a text, held to its checksum.
    fn text(&mut self, name: &str) -> Result<String, EngineError> {
        let mut bytes = Vec::with_capacity(self.get(name)?.len());
        let wrong = |error: &dyn std::fmt::Display| EngineError::NotAnArtifact(format!("entry {name}: {error}"));
        let mut entry = self.archive.by_name(name).map_err(|error| wrong(&error))?;
        entry.read_to_end(&mut bytes).map_err(|error| wrong(&error))?;
        String::from_utf8(bytes).map_err(|_| EngineError::NotAnArtifact(format!("{name} is not UTF-8")))
    }
}

fn check_hash(file: &str, bytes: &[u8], expected: &str) -> Result<(), EngineError> {
    let found = blake3::hash(bytes).to_hex().to_string();
    if found == expected {
        return Ok(());
    }
    Err(EngineError::Hash { file: file.to_owned(), found, expected: expected.to_owned() })
}

impl<'a> Artifact<'a> {
    /// Opens an artifact and checks every hash and bound in it.
    pub fn open(bytes: &'a [u8]) -> Result<Self, EngineError> {
        let mut entries = Entries::open(bytes)?;
        let manifest_text = entries.text("manifest.json")?;
        let manifest = Manifest::parse(&manifest_text)?;

        for method in manifest.methods.values() {
            check_hash(&method.graph.file, entries.get(&method.graph.file)?, &method.graph.blake3)?;
        }
        let weights = entries.get(&manifest.weights.file)?;
        check_hash(&manifest.weights.file, weights, &manifest.weights.blake3)?;
        if manifest.weights.bytes != Some(weights.len()) {
            let (file, stated) = (&manifest.weights.file, manifest.weights.bytes.unwrap_or(0));
            return Err(EngineError::Bounds(format!(
                "{file} holds {} bytes, the manifest says {stated}",
                weights.len()
            )));
        }
        let mut code = BTreeMap::new();
        for (name, target) in &manifest.targets {
            let object = entries.get(&target.file)?;
            check_hash(&target.file, object, &target.blake3)?;
            code.insert(name.clone(), object);
        }
        Ok(Self { manifest, manifest_text, weights, code })
    }

    /// The object code for the best of `preferred` targets that the artifact holds.
    pub fn code_for<'n>(&self, preferred: &[&'n str]) -> Result<(&'n str, &'a [u8]), EngineError> {
        for name in preferred {
            if let Some(object) = self.code.get(*name) {
                return Ok((name, object));
            }
        }
        let held: Vec<&str> = self.code.keys().map(String::as_str).collect();
        Err(EngineError::NoTarget {
            name: self.manifest.name.clone(),
            held: if held.is_empty() { "no target".to_owned() } else { held.join(", ") },
            runs: if preferred.is_empty() { "none of ours".to_owned() } else { preferred.join(", ") },
        })
    }
}
