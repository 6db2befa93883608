//! `manifest.json` of an artifact: version 2, and version 1 as the version 2 that says the same; checked before anything is used.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::EngineError;

/// One tensor of a signature.
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

/// One method: what it takes and gives, and the states that each of its steps reads and writes, in the order of its code.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodSpec {
    pub symbol: String,
    pub inputs: Vec<TensorSpec>,
    pub outputs: Vec<TensorSpec>,
    pub states: Vec<String>,
    /// What a step may end with; the codes of faults count from 1.
    #[serde(default)]
    pub faults: Vec<String>,
    pub graph: HashedFile,
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

/// What a method takes on one target.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MethodCode {
    pub scratch_bytes: usize,
    pub kernels: Vec<KernelRow>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetCode {
    pub file: String,
    pub blake3: String,
    pub methods: BTreeMap<String, MethodCode>,
}

/// What `manifest.json` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: String,
    pub version: u32,
    pub name: String,
    pub provenance: BTreeMap<String, String>,
    pub states: Vec<StateSpec>,
    pub methods: BTreeMap<String, MethodSpec>,
    pub weights: HashedFile,
    pub targets: BTreeMap<String, TargetCode>,
}

/// Version 1: one method, `forward`, which has all states.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Version1 {
    format: String,
    version: u32,
    name: String,
    provenance: BTreeMap<String, String>,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    states: Vec<StateSpec>,
    methods: BTreeMap<String, Symbol1>,
    graph: HashedFile,
    weights: HashedFile,
    targets: BTreeMap<String, TargetCode1>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Symbol1 {
    symbol: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TargetCode1 {
    file: String,
    blake3: String,
    scratch_bytes: usize,
    kernels: Vec<KernelRow>,
}

/// What says how the rest is to be read.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

pub const FORMAT: &str = "isochron-artifact";
/// The method that is meant where none is named.
pub const FORWARD: &str = "forward";
/// A limit on any one block of memory that an artifact may ask for.
const MAX_BYTES: usize = 1 << 36;

impl Version1 {
    fn upgraded(mut self) -> Result<Manifest, EngineError> {
        let Some(Symbol1 { symbol }) = self.methods.remove(FORWARD) else {
            return Err(EngineError::Bounds(format!("there is no method \"{FORWARD}\"")));
        };
        let forward = MethodSpec {
            symbol,
            inputs: self.inputs,
            outputs: self.outputs,
            states: self.states.iter().map(|state| state.name.clone()).collect(),
            faults: Vec::new(),
            graph: self.graph,
        };
        let code = |TargetCode1 { file, blake3, scratch_bytes, kernels }| TargetCode {
            file,
            blake3,
            methods: BTreeMap::from([(FORWARD.to_owned(), MethodCode { scratch_bytes, kernels })]),
        };
        Ok(Manifest {
            format: self.format,
            version: self.version,
            name: self.name,
            provenance: self.provenance,
            states: self.states,
            methods: BTreeMap::from([(FORWARD.to_owned(), forward)]),
            weights: self.weights,
            targets: self.targets.into_iter().map(|(name, target)| (name, code(target))).collect(),
        })
    }
}

/// Bytes of one element, if the name is a dtype.
pub fn element_bytes(dtype: &str) -> Option<usize> {
    Some(match dtype {
        // Those of 4 and 2 bits lie one to a byte.
        "bool" | "i8" | "u8" | "i4" | "u4" | "i2" | "u2" | "f8e4m3fn" | "f8e4m3fnuz" | "f8e5m2" | "f8e5m2fnuz"
        | "f8e8m0" | "f4e2m1" => 1,
        "i16" | "u16" | "f16" | "bf16" => 2,
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

fn check_unique<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<(), EngineError> {
    let mut names: Vec<&String> = names.collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(EngineError::Bounds(format!("{what} \"{}\" is there twice", pair[0]))),
        None => Ok(()),
    }
}

impl Manifest {
    /// Reads a manifest of any version and checks every bound in it.
    pub fn parse(text: &str) -> Result<Self, EngineError> {
        let unreadable = |error: serde_json::Error| EngineError::NotAnArtifact(format!("manifest.json: {error}"));
        let head: Head = serde_json::from_str(text).map_err(unreadable)?;
        if head.format != FORMAT {
            return Err(EngineError::NotAnArtifact(format!("its format is \"{}\"", head.format)));
        }
        let manifest = match head.version {
            1 => serde_json::from_str::<Version1>(text).map_err(unreadable)?.upgraded()?,
            2 => serde_json::from_str::<Self>(text).map_err(unreadable)?,
            found => {
                let reason = format!("its version is {found}, this runtime reads 1 and 2");
                return Err(EngineError::NotAnArtifact(reason));
            }
        };
        manifest.check()?;
        Ok(manifest)
    }

    /// The place of a state by its name.
    pub fn state(&self, name: &str) -> Option<usize> {
        self.states.iter().position(|state| state.name == name)
    }

    fn check(&self) -> Result<(), EngineError> {
        let weights = self.weights.bytes.unwrap_or(0);
        for each in &self.states {
            check_tensor("state", &each.name, &each.dtype, &each.shape, each.bytes)?;
            if each.initial.checked_add(each.bytes).is_none_or(|end| end > weights) {
                return Err(EngineError::Bounds(format!("state \"{}\" begins outside the weights", each.name)));
            }
        }
        check_unique("state", self.states.iter().map(|state| &state.name))?;
        if self.methods.is_empty() {
            return Err(EngineError::Bounds("there is no method".to_owned()));
        }
        self.methods.iter().try_for_each(|(name, method)| self.check_method(name, method))?;
        self.targets.iter().try_for_each(|(name, target)| self.check_target(name, target))
    }

    fn check_method(&self, name: &str, method: &MethodSpec) -> Result<(), EngineError> {
        for (what, specs) in [("input", &method.inputs), ("output", &method.outputs)] {
            for each in specs {
                check_tensor(what, &each.name, &each.dtype, &each.shape, each.bytes)?;
            }
            check_unique(what, specs.iter().map(|spec| &spec.name))?;
        }
        if let Some(unknown) = method.states.iter().find(|state| self.state(state).is_none()) {
            return Err(EngineError::Bounds(format!("method \"{name}\" has a state \"{unknown}\" that is not there")));
        }
        check_unique("state", method.states.iter())
    }

    fn check_target(&self, name: &str, target: &TargetCode) -> Result<(), EngineError> {
        if !self.methods.keys().eq(target.methods.keys()) {
            return Err(EngineError::Bounds(format!("target {name} has other methods than the artifact")));
        }
        for (method, code) in &target.methods {
            if code.scratch_bytes > MAX_BYTES {
                return Err(EngineError::Bounds(format!(
                    "method \"{method}\" of target {name} asks for {} bytes of scratch",
                    code.scratch_bytes
                )));
            }
        }
        Ok(())
    }
}
