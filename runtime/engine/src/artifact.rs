//! Reads an artifact: every hash and bound is checked before anything of it is used.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use zip::{CompressionMethod, ZipArchive};

use crate::arena::ALIGN;
use crate::error::EngineError;
use crate::manifest::Manifest;

/// A checked artifact.
pub struct Artifact {
    pub manifest: Manifest,
    /// The manifest as it stands in the file.
    pub manifest_text: String,
    pub weights: Vec<u8>,
    code: BTreeMap<String, Vec<u8>>,
}

fn read_entry(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str, limit: usize) -> Result<Vec<u8>, EngineError> {
    let mut entry =
        archive.by_name(name).map_err(|error| EngineError::NotAnArtifact(format!("entry {name}: {error}")))?;
    if entry.compression() != CompressionMethod::Stored {
        return Err(EngineError::NotAnArtifact(format!("entry {name} is compressed")));
    }
    let size = usize::try_from(entry.size()).unwrap_or(usize::MAX);
    if size > limit || entry.size() != entry.compressed_size() {
        return Err(EngineError::NotAnArtifact(format!("entry {name} claims {size} bytes")));
    }
    if entry.data_start().is_none_or(|start| start % ALIGN as u64 != 0) {
        return Err(EngineError::Bounds(format!("entry {name} does not start at a multiple of {ALIGN} bytes")));
    }
    let mut bytes = Vec::with_capacity(size);
    entry.read_to_end(&mut bytes).map_err(|error| EngineError::NotAnArtifact(format!("entry {name}: {error}")))?;
    Ok(bytes)
}

fn check_hash(file: &str, bytes: &[u8], expected: &str) -> Result<(), EngineError> {
    let found = blake3::hash(bytes).to_hex().to_string();
    if found == expected {
        return Ok(());
    }
    Err(EngineError::Hash { file: file.to_owned(), found, expected: expected.to_owned() })
}

impl Artifact {
    /// Opens an artifact and checks every hash and bound in it.
    pub fn open(bytes: &[u8]) -> Result<Self, EngineError> {
        let mut archive = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| EngineError::NotAnArtifact(format!("it is no ZIP file ({error})")))?;
        let limit = bytes.len();
        let manifest_bytes = read_entry(&mut archive, "manifest.json", limit)?;
        let manifest_text = String::from_utf8(manifest_bytes)
            .map_err(|_| EngineError::NotAnArtifact("manifest.json is not UTF-8".to_owned()))?;
        let manifest = Manifest::parse(&manifest_text)?;

        for method in manifest.methods.values() {
            let graph = read_entry(&mut archive, &method.graph.file, limit)?;
            check_hash(&method.graph.file, &graph, &method.graph.blake3)?;
        }
        let weights = read_entry(&mut archive, &manifest.weights.file, limit)?;
        check_hash(&manifest.weights.file, &weights, &manifest.weights.blake3)?;
        if manifest.weights.bytes != Some(weights.len()) {
            let (file, stated) = (&manifest.weights.file, manifest.weights.bytes.unwrap_or(0));
            return Err(EngineError::Bounds(format!(
                "{file} holds {} bytes, the manifest says {stated}",
                weights.len()
            )));
        }
        let mut code = BTreeMap::new();
        for (name, target) in &manifest.targets {
            let object = read_entry(&mut archive, &target.file, limit)?;
            check_hash(&target.file, &object, &target.blake3)?;
            code.insert(name.clone(), object);
        }
        Ok(Self { manifest, manifest_text, weights, code })
    }

    /// The object code for the best of `preferred` targets that the artifact holds.
    pub fn code_for<'a>(&'a self, preferred: &[&'a str]) -> Result<(&'a str, &'a [u8]), EngineError> {
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
