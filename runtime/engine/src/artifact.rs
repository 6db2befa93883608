//! Reads an artifact: every hash and bound is checked before anything of it is used.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use serde::Deserialize;
use zip::{CompressionMethod, ZipArchive};

use crate::arena::ALIGN;
use crate::error::EngineError;

/// One tensor of the signature.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    pub name: String,
    pub dtype: String,
    pub shape: Vec<usize>,
    pub bytes: usize,
}

/// One state; `initial` is the offset of its first value in the weights.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateSpec {
    pub name: String,
    pub dtype: String,
    pub shape: Vec<usize>,
    pub bytes: usize,
    pub initial: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    pub symbol: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashedFile {
    pub file: String,
    #[serde(default)]
    pub bytes: Option<usize>,
    pub blake3: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelRow {
    pub symbol: String,
    pub name: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TargetCode {
    pub file: String,
    pub blake3: String,
    pub scratch_bytes: usize,
    pub kernels: Vec<KernelRow>,
}

/// `manifest.json` of an artifact.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: String,
    pub version: u32,
    pub name: String,
    pub provenance: BTreeMap<String, String>,
    pub inputs: Vec<TensorSpec>,
    pub outputs: Vec<TensorSpec>,
    pub states: Vec<StateSpec>,
    pub methods: BTreeMap<String, Method>,
    pub graph: HashedFile,
    pub weights: HashedFile,
    pub targets: BTreeMap<String, TargetCode>,
}

/// A checked artifact.
pub struct Artifact {
    pub manifest: Manifest,
    /// The manifest as it stands in the file.
    pub manifest_text: String,
    pub weights: Vec<u8>,
    code: BTreeMap<String, Vec<u8>>,
}

const FORMAT: &str = "isochron-artifact";
const VERSION: u32 = 1;
/// A limit on any one block of memory that an artifact may ask for.
const MAX_BYTES: usize = 1 << 36;

/// Bytes of one element, if the name is a dtype.
pub fn element_bytes(dtype: &str) -> Option<usize> {
    Some(match dtype {
        "bool" | "i8" | "u8" => 1,
        "i16" | "u16" => 2,
        "i32" | "u32" | "f32" => 4,
        "i64" | "u64" | "f64" => 8,
        _ => return None,
    })
}

fn check_tensor(what: &str, name: &str, dtype: &str, shape: &[usize], bytes: usize) -> Result<(), EngineError> {
    let wrong = |reason: String| EngineError::Bounds(format!("{what} \"{name}\": {reason}"));
    let element = element_bytes(dtype).ok_or_else(|| wrong(format!("unknown dtype {dtype}")))?;
    let expected = shape.iter().try_fold(element, |product, dimension| product.checked_mul(*dimension));
    if expected != Some(bytes) || bytes > MAX_BYTES {
        return Err(wrong(format!("{dtype}{shape:?} does not take {bytes} bytes")));
    }
    Ok(())
}

fn names_of(specs: &[TensorSpec]) -> Vec<&str> {
    specs.iter().map(|spec| spec.name.as_str()).collect()
}

fn check_unique(what: &str, mut names: Vec<&str>) -> Result<(), EngineError> {
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(EngineError::Bounds(format!("{what} \"{}\" is there twice", pair[0]))),
        None => Ok(()),
    }
}

impl Manifest {
    fn check(&self) -> Result<(), EngineError> {
        if self.format != FORMAT {
            return Err(EngineError::NotAnArtifact(format!("its format is \"{}\"", self.format)));
        }
        if self.version != VERSION {
            let found = self.version;
            return Err(EngineError::NotAnArtifact(format!("its version is {found}, this runtime reads {VERSION}")));
        }
        for each in &self.inputs {
            check_tensor("input", &each.name, &each.dtype, &each.shape, each.bytes)?;
        }
        for each in &self.outputs {
            check_tensor("output", &each.name, &each.dtype, &each.shape, each.bytes)?;
        }
        let weights = self.weights.bytes.unwrap_or(0);
        for each in &self.states {
            check_tensor("state", &each.name, &each.dtype, &each.shape, each.bytes)?;
            if each.initial.checked_add(each.bytes).is_none_or(|end| end > weights) {
                return Err(EngineError::Bounds(format!("state \"{}\" begins outside the weights", each.name)));
            }
        }
        let kinds = [("input", &self.inputs), ("output", &self.outputs)].map(|(what, specs)| (what, names_of(specs)));
        let states = ("state", self.states.iter().map(|state| state.name.as_str()).collect());
        for (what, names) in kinds.into_iter().chain([states]) {
            check_unique(what, names)?;
        }
        if !self.methods.contains_key("forward") {
            return Err(EngineError::Bounds("there is no method \"forward\"".to_owned()));
        }
        for (name, target) in &self.targets {
            if target.scratch_bytes > MAX_BYTES {
                return Err(EngineError::Bounds(format!(
                    "target {name} asks for {} bytes of scratch",
                    target.scratch_bytes
                )));
            }
        }
        Ok(())
    }
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
        let manifest: Manifest = serde_json::from_str(&manifest_text)
            .map_err(|error| EngineError::NotAnArtifact(format!("manifest.json: {error}")))?;
        manifest.check()?;

        let graph = read_entry(&mut archive, &manifest.graph.file, limit)?;
        check_hash(&manifest.graph.file, &graph, &manifest.graph.blake3)?;
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
