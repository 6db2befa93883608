//! `Program`: one artifact with its own instance and 64-byte aligned buffers, run from JavaScript without allocation.

use isochron_engine::arena::{Arena, aligned};
use isochron_engine::{Artifact, EngineError, Instance};
use napi::bindgen_prelude::{Buffer, Uint8Array};
use napi_derive::napi;

use crate::failure;

/// A loaded artifact.
#[napi]
pub struct Program {
    instance: Instance,
    buffers: Arena,
    inputs: Vec<*const u8>,
    outputs: Vec<*mut u8>,
}

#[napi(object)]
pub struct LoadOptions {
    /// Code to run instead of the best for this machine.
    pub target: Option<String>,
}

fn check_lengths(what: &'static str, specs: &[isochron_engine::TensorSpec], given: &[Uint8Array]) -> Result<(), EngineError> {
    if specs.len() != given.len() {
        return Err(EngineError::Count { what, expected: specs.len(), found: given.len() });
    }
    for (spec, bytes) in specs.iter().zip(given) {
        if spec.bytes != bytes.len() {
            let what = if what == "inputs" { "input" } else { "output" };
            return Err(EngineError::Length { what, name: spec.name.clone(), expected: spec.bytes, found: bytes.len() });
        }
    }
    Ok(())
}

#[napi]
impl Program {
    /// Loads an artifact; every hash and bound is checked first.
    #[napi(factory)]
    pub fn load(artifact: Buffer, options: Option<LoadOptions>) -> napi::Result<Self> {
        let artifact = Artifact::open(&artifact).map_err(failure)?;
        let wanted = options.and_then(|options| options.target);
        let program = isochron_engine::Program::load(&artifact, wanted.as_deref()).map_err(failure)?;
        let instance = Instance::new(program).map_err(failure)?;
        let mut end = 0;
        let mut place = |bytes: usize| {
            let offset = end;
            end += aligned(bytes);
            offset
        };
        let input_offsets: Vec<usize> = instance.inputs().iter().map(|spec| place(spec.bytes)).collect();
        let output_offsets: Vec<usize> = instance.outputs().iter().map(|spec| place(spec.bytes)).collect();
        let buffers = Arena::new(end).map_err(failure)?;
        let inputs = input_offsets.iter().map(|offset| buffers.at(*offset).cast_const()).collect();
        let outputs = output_offsets.iter().map(|offset| buffers.at(*offset)).collect();
        Ok(Self { instance, buffers, inputs, outputs })
    }

    /// `manifest.json` as it stands in the artifact.
    #[napi(getter)]
    pub fn manifest(&self) -> String {
        self.instance.program().manifest_text().to_owned()
    }

    /// The target whose code runs.
    #[napi(getter)]
    pub fn target(&self) -> String {
        self.instance.program().target().to_owned()
    }

    /// Bytes of memory that the program holds: states, scratch, weights, inputs and outputs.
    #[napi(getter)]
    pub fn arena_bytes(&self) -> f64 {
        (self.instance.arena_bytes() + self.buffers.bytes()) as f64
    }

    /// Runs one step: copies the inputs in, steps, commits the states, copies the outputs out.
    #[napi]
    pub fn run(&mut self, inputs: Vec<Uint8Array>, mut outputs: Vec<Uint8Array>) -> napi::Result<()> {
        check_lengths("inputs", self.instance.inputs(), &inputs).map_err(failure)?;
        check_lengths("outputs", self.instance.outputs(), &outputs).map_err(failure)?;
        for (bytes, pointer) in inputs.iter().zip(&self.inputs) {
            // SAFETY: the buffer was laid out for this input's length, which was checked above.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), pointer.cast_mut(), bytes.len()) };
        }
        // SAFETY: one aligned, disjoint buffer of the manifest's size stands behind each pointer.
        unsafe { self.instance.step(&self.inputs, &self.outputs) }
            .map_err(|fault| failure(format!("error[program/fault]: the step ended with fault {}", fault.0)))?;
        self.instance.commit();
        for (bytes, pointer) in outputs.iter_mut().zip(&self.outputs) {
            // SAFETY: JavaScript is waiting for this call, so nothing else touches the array's memory; lengths were checked.
            unsafe { std::ptr::copy_nonoverlapping(*pointer, bytes.as_mut().as_mut_ptr(), bytes.len()) };
        }
        Ok(())
    }

    /// Sets every state to its initial value.
    #[napi]
    pub fn reset(&mut self) {
        self.instance.reset();
    }

    /// The states, one after the other.
    #[napi]
    pub fn states(&self) -> Buffer {
        let mut bytes = vec![0; self.instance.states_bytes()];
        self.instance.copy_states(&mut bytes);
        bytes.into()
    }

    /// Sets the states to what `states` gave.
    #[napi]
    pub fn set_states(&mut self, bytes: Buffer) -> napi::Result<()> {
        self.instance.set_states(&bytes).map_err(failure)
    }

    /// Kernels called since the artifact was loaded.
    #[napi]
    pub fn kernel_calls(&self) -> f64 {
        self.instance.kernel_calls() as f64
    }
}
