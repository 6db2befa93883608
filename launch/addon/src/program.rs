//! `Program`: one artifact with its own instance and 64-byte aligned buffers, run from JavaScript without allocation.

use std::sync::Arc;

use isochron_engine::arena::{Arena, aligned};
use isochron_engine::{Artifact, Instance};
use napi::bindgen_prelude::{BigInt, Buffer, Float64Array, Uint8Array};
use napi_derive::napi;

use crate::{failure, guarded};

/// A loaded artifact.
#[napi]
pub struct Program {
    instance: Instance,
    buffers: Arc<Arena>,
    /// Offsets of the inputs and then the outputs in `buffers`.
    offsets: Vec<usize>,
    /// Where the inputs lie: in `buffers`, then in each set that was asked for.
    inputs: Vec<Vec<*const u8>>,
    outputs: Vec<*mut u8>,
    sets: Vec<Arc<Arena>>,
}

#[napi(object)]
pub struct LoadOptions {
    /// Code to run instead of the best for this machine.
    pub target: Option<String>,
    /// Threads that a step may use, JavaScript's among them; 1 unless given.
    pub threads: Option<u32>,
}

#[napi]
impl Program {
    /// Loads an artifact; every hash and bound is checked first.
    #[napi(factory)]
    pub fn load(artifact: Buffer, options: Option<LoadOptions>) -> napi::Result<Self> {
        guarded(|| Self::from_bytes(&artifact, options))
    }

    fn from_bytes(artifact: &[u8], options: Option<LoadOptions>) -> napi::Result<Self> {
        let artifact = Artifact::open(artifact).map_err(failure)?;
        let (wanted, threads) = options.map_or((None, None), |options| (options.target, options.threads));
        let program = isochron_engine::Program::load(&artifact, wanted.as_deref()).map_err(failure)?;
        let mut instance = Instance::new(program).map_err(failure)?;
        instance.set_threads(threads.map_or(1, |count| count as usize)).map_err(failure)?;
        let mut end = 0;
        let mut place = |bytes: usize| {
            let offset = end;
            end += aligned(bytes);
            offset
        };
        let input_offsets: Vec<usize> = instance.inputs().iter().map(|spec| place(spec.bytes)).collect();
        let output_offsets: Vec<usize> = instance.outputs().iter().map(|spec| place(spec.bytes)).collect();
        let buffers = Arc::new(Arena::new(end).map_err(failure)?);
        let offsets = input_offsets.iter().chain(&output_offsets).copied().collect();
        let inputs = vec![input_offsets.iter().map(|offset| buffers.at(*offset).cast_const()).collect()];
        let outputs = output_offsets.iter().map(|offset| buffers.at(*offset)).collect();
        Ok(Self { instance, buffers, offsets, inputs, outputs, sets: Vec::new() })
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
        let sets: usize = self.sets.iter().map(|each| each.bytes()).sum();
        (self.instance.arena_bytes() + self.buffers.bytes() + sets) as f64
    }

    /// Runs one step on a set of inputs, 0 being those of `memory()`, and commits the states. Allocates nothing.
    #[napi]
    pub fn step(&mut self, set: u32) -> napi::Result<()> {
        guarded(|| self.step_on(set as usize))
    }

    fn step_on(&mut self, set: usize) -> napi::Result<()> {
        let inputs = self.inputs.get(set).ok_or_else(|| {
            failure(format!(
                "error[program/inputs]: there is no set {set} of inputs\nhelp: ask for it with newInputs()"
            ))
        })?;
        // SAFETY: one aligned, disjoint buffer of the manifest's size stands behind each pointer.
        unsafe { self.instance.step(inputs, &self.outputs) }.map_err(|fault| {
            failure(format!(
                "error[program/fault]: the step ended with fault {}\nhelp: check the inputs' values",
                fault.0
            ))
        })?;
        self.instance.commit();
        Ok(())
    }

    /// Runs `count` steps, on each set of inputs in turn, and returns how many nanoseconds each took, two looks at the
    /// clock included. For benchmarks: what a call costs without JavaScript.
    #[napi]
    pub fn time_steps(&mut self, count: u32) -> napi::Result<Float64Array> {
        guarded(|| {
            let mut nanoseconds = Vec::with_capacity(count as usize);
            for at in 0..count as usize {
                let start = std::time::Instant::now();
                self.step_on(at % self.inputs.len())?;
                nanoseconds.push(start.elapsed().as_nanos() as f64);
            }
            Ok(Float64Array::new(nanoseconds))
        })
    }

    /// Memory of another set of inputs, zeroed, each where `offsets` says; its number is the count of those before.
    #[napi]
    pub fn new_inputs(&mut self) -> napi::Result<Uint8Array> {
        guarded(|| {
            let offsets = &self.offsets[..self.instance.inputs().len()];
            let end =
                offsets.iter().zip(self.instance.inputs()).map(|(offset, spec)| offset + aligned(spec.bytes)).max();
            let set = Arc::new(Arena::new(end.unwrap_or(0)).map_err(failure)?);
            self.inputs.push(offsets.iter().map(|offset| set.at(*offset).cast_const()).collect());
            self.sets.push(Arc::clone(&set));
            Ok(array_over(set))
        })
    }

    /// Runs the kernels of one step one by one and returns how many nanoseconds each took; no states are committed.
    #[napi]
    pub fn profile(&mut self) -> napi::Result<Float64Array> {
        guarded(|| {
            let mut nanoseconds = vec![0; self.instance.program().kernel_names().count()];
            // SAFETY: as for a step.
            unsafe { self.instance.profile(&self.inputs[0], &self.outputs, &mut nanoseconds) };
            Ok(Float64Array::new(nanoseconds.into_iter().map(|each| each as f64).collect()))
        })
    }

    /// The memory of all inputs and outputs; it lives as long as JavaScript holds it. To be asked for once.
    #[napi]
    pub fn memory(&self) -> Uint8Array {
        array_over(Arc::clone(&self.buffers))
    }

    /// Where each input and then each output starts in `memory()`.
    #[napi(getter)]
    pub fn offsets(&self) -> Vec<f64> {
        self.offsets.iter().map(|offset| *offset as f64).collect()
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
    pub fn kernel_calls(&self) -> BigInt {
        self.instance.kernel_calls().into()
    }
}

/// An arena as an array of JavaScript's.
fn array_over(arena: Arc<Arena>) -> Uint8Array {
    let (base, bytes) = (arena.at(0), arena.bytes());
    // SAFETY: the mapping lives until the last holder drops it, and the array's finaliser is one. Between steps only
    // JavaScript touches it, and a step runs on JavaScript's own thread.
    unsafe { Uint8Array::with_external_data(base, bytes, move |_, _| drop(arena)) }
}
