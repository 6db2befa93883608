//! A program (code and weights, shared) and its instances (states and scratch, each its own arena).

use std::sync::Arc;

use crate::arena::{Arena, aligned};
use crate::artifact::{Artifact, Manifest, TensorSpec};
use crate::error::EngineError;
use crate::fpenv::FpGuard;
use crate::loader::Code;
use crate::nan;
use crate::pool::{self, ParallelFor, Pool};
use crate::target;

/// What compiled code is given; the layout is fixed by `docs/architecture.md` §2.
#[repr(C)]
pub struct StepContext {
    pub inputs: *const *const u8,
    pub outputs: *const *mut u8,
    pub states_in: *const *const u8,
    pub states_out: *const *mut u8,
    pub scratch: *mut u8,
    pub weights: *const u8,
    pub parallel_for: Option<ParallelFor>,
    pub pool: *mut u8,
    pub kernel_calls: u64,
}

type Step = unsafe extern "C" fn(*mut StepContext) -> i32;
type CallSite = unsafe extern "C" fn(*mut StepContext);

/// A step that ended with a fault code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault(pub i32);

/// Code and weights of one artifact, loaded for this machine; shared by instances.
pub struct Program {
    manifest: Manifest,
    manifest_text: String,
    target: String,
    scratch_bytes: usize,
    weights: Arena,
    step: Step,
    kernels: Vec<(String, CallSite)>,
    _code: Code,
}

impl Program {
    /// Loads an artifact for `target`, else for what `ISOCHRON_TARGET` names, else for the best that this machine runs.
    pub fn load(artifact: &Artifact, target: Option<&str>) -> Result<Arc<Self>, EngineError> {
        let (target, object) = artifact.code_for(&target::preferred(target)?)?;
        let manifest = artifact.manifest.clone();
        let row =
            manifest.targets.get(target).ok_or_else(|| EngineError::Bounds(format!("no row for target {target}")))?;
        let code = Code::load(&row.file, object)?;
        let function = |symbol: &str| {
            code.function(symbol).ok_or_else(|| EngineError::Code {
                file: row.file.clone(),
                reason: format!("no function \"{symbol}\""),
            })
        };
        let forward = manifest.methods.get("forward").map_or("forward", |method| method.symbol.as_str());
        // SAFETY: the address is that of a function in loaded code whose hash was checked against the manifest;
        // by the artifact's format a method has the signature of `Step`.
        let step = unsafe { std::mem::transmute::<*const u8, Step>(function(forward)?) };
        let mut kernels = Vec::with_capacity(row.kernels.len());
        for kernel in &row.kernels {
            // SAFETY: as above; by the artifact's format a kernel's symbol has the signature of `CallSite`.
            let call = unsafe { std::mem::transmute::<*const u8, CallSite>(function(&kernel.symbol)?) };
            kernels.push((kernel.name.clone(), call));
        }
        let weights = Arena::new(artifact.weights.len())?;
        // SAFETY: the arena holds at least as many bytes, and nothing else refers to it yet.
        unsafe { std::ptr::copy_nonoverlapping(artifact.weights.as_ptr(), weights.at(0), artifact.weights.len()) };
        Ok(Arc::new(Self {
            scratch_bytes: row.scratch_bytes,
            manifest_text: artifact.manifest_text.clone(),
            target: target.to_owned(),
            weights,
            step,
            kernels,
            _code: code,
            manifest,
        }))
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// `manifest.json` as it stands in the artifact.
    pub fn manifest_text(&self) -> &str {
        &self.manifest_text
    }

    pub fn target(&self) -> &str {
        &self.target
    }

    /// The names of the kernels in the order in which a step calls them.
    pub fn kernel_names(&self) -> impl Iterator<Item = &str> {
        self.kernels.iter().map(|(name, _)| name.as_str())
    }
}

/// One run of a program through time: its states, double-buffered, and its scratch memory.
pub struct Instance {
    program: Arc<Program>,
    arena: Arena,
    /// Offsets of each state within a bank.
    state_offsets: Vec<usize>,
    bank_bytes: usize,
    /// The bank that holds the committed states, 0 or 1.
    current: usize,
    states_in: Vec<*const u8>,
    states_out: Vec<*mut u8>,
    kernel_calls: u64,
    pool: Option<Pool>,
}

// SAFETY: the raw pointers point into the instance's own arena.
unsafe impl Send for Instance {}

impl Instance {
    /// Lays out the arena (two banks of states, then scratch) and sets the states to their initial values.
    pub fn new(program: Arc<Program>) -> Result<Self, EngineError> {
        let mut bank_bytes = 0;
        let state_offsets = program
            .manifest
            .states
            .iter()
            .map(|state| {
                let offset = bank_bytes;
                bank_bytes += aligned(state.bytes);
                offset
            })
            .collect::<Vec<_>>();
        let arena = Arena::new(2 * bank_bytes + aligned(program.scratch_bytes))?;
        let count = state_offsets.len();
        let mut instance = Self {
            program,
            arena,
            state_offsets,
            bank_bytes,
            current: 0,
            states_in: vec![std::ptr::null(); count],
            states_out: vec![std::ptr::null_mut(); count],
            kernel_calls: 0,
            pool: None,
        };
        instance.reset();
        Ok(instance)
    }

    /// Lets steps run on as many threads, the caller's among them; only for instances whose steps may make system calls.
    pub fn set_threads(&mut self, threads: usize) -> Result<(), EngineError> {
        self.pool = None;
        if threads != 1 {
            self.pool = Some(Pool::new(threads)?);
        }
        Ok(())
    }

    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Bytes of the instance's arena and of the program's weights.
    pub fn arena_bytes(&self) -> usize {
        self.arena.bytes() + self.program.weights.bytes()
    }

    /// Keeps the arena and the weights from being paged out; false where that was not granted.
    pub fn lock_memory(&self) -> bool {
        self.arena.lock() & self.program.weights.lock()
    }

    /// Kernels called since the instance was made.
    pub fn kernel_calls(&self) -> u64 {
        self.kernel_calls
    }

    /// Sets every state to its initial value.
    pub fn reset(&mut self) {
        self.current = 0;
        for (offset, state) in self.state_offsets.iter().zip(&self.program.manifest.states) {
            // SAFETY: both ranges were checked when the artifact was opened and the arena laid out; they are different mappings.
            unsafe {
                std::ptr::copy_nonoverlapping(
                    self.program.weights.at(state.initial),
                    self.arena.at(*offset),
                    state.bytes,
                );
            }
        }
        self.point();
    }

    fn point(&mut self) {
        let (from, to) = (self.current * self.bank_bytes, (1 - self.current) * self.bank_bytes);
        for (at, offset) in self.state_offsets.iter().enumerate() {
            self.states_in[at] = self.arena.at(from + offset);
            self.states_out[at] = self.arena.at(to + offset);
        }
    }

    /// Runs one step; the next states are written but not committed. NaNs in outputs and states are made canonical.
    ///
    /// Real-time, as long as no threads were asked for: no allocation, no lock, no system call.
    ///
    /// # Safety
    /// `inputs` and `outputs` hold one pointer per input and output of the manifest, in order, 64-byte aligned, to at least
    /// the bytes that it states; no output overlaps an input or another output.
    pub unsafe fn step(&mut self, inputs: &[*const u8], outputs: &[*mut u8]) -> Result<(), Fault> {
        let mut context = self.context(inputs, outputs);
        let code = {
            let _mode = FpGuard::enter();
            // SAFETY: the context's pointers are valid as the step interface demands: the caller's for inputs and outputs,
            // this instance's arena for the rest.
            unsafe { (self.program.step)(&mut context) }
        };
        if let Some(pool) = &self.pool {
            pool.rest();
        }
        self.kernel_calls += context.kernel_calls;
        if code != 0 {
            return Err(Fault(code));
        }
        for (pointer, spec) in outputs.iter().zip(&self.program.manifest.outputs) {
            // SAFETY: the caller vouches for the output's bytes.
            nan::canonicalise(&spec.dtype, unsafe { std::slice::from_raw_parts_mut(*pointer, spec.bytes) });
        }
        for (pointer, spec) in self.states_out.iter().zip(&self.program.manifest.states) {
            // SAFETY: the pointer is to this instance's own bank of states.
            nan::canonicalise(&spec.dtype, unsafe { std::slice::from_raw_parts_mut(*pointer, spec.bytes) });
        }
        Ok(())
    }

    fn context(&self, inputs: &[*const u8], outputs: &[*mut u8]) -> StepContext {
        StepContext {
            inputs: inputs.as_ptr(),
            outputs: outputs.as_ptr(),
            states_in: self.states_in.as_ptr(),
            states_out: self.states_out.as_ptr(),
            scratch: self.arena.at(2 * self.bank_bytes),
            weights: self.program.weights.at(0),
            parallel_for: self.pool.as_ref().map(|_| pool::parallel_for as ParallelFor),
            pool: self.pool.as_ref().map_or(std::ptr::null_mut(), Pool::handle),
            kernel_calls: 0,
        }
    }

    /// Runs the kernels one by one in their order and writes how many nanoseconds each took; commits nothing.
    ///
    /// Real-time: as `step`, and two looks at the clock per kernel.
    ///
    /// # Safety
    /// As for `step`.
    pub unsafe fn profile(&mut self, inputs: &[*const u8], outputs: &[*mut u8], nanoseconds: &mut [u64]) {
        let mut context = self.context(inputs, outputs);
        let _mode = FpGuard::enter();
        for ((_, call), taken) in self.program.kernels.iter().zip(nanoseconds) {
            let start = std::time::Instant::now();
            // SAFETY: the context's pointers are valid as the step interface demands, as in `step`.
            unsafe { call(&mut context) };
            *taken = start.elapsed().as_nanos() as u64;
        }
        if let Some(pool) = &self.pool {
            pool.rest();
        }
        self.kernel_calls += self.program.kernels.len() as u64;
    }

    /// Makes the states that the last step wrote the current ones.
    ///
    /// Real-time: swaps pointers.
    pub fn commit(&mut self) {
        self.current = 1 - self.current;
        self.point();
    }

    /// Bytes of all states, one after the other without padding.
    pub fn states_bytes(&self) -> usize {
        self.program.manifest.states.iter().map(|state| state.bytes).sum()
    }

    /// Copies the committed states into `out`, which has `states_bytes()` bytes.
    ///
    /// Real-time: copies only.
    pub fn copy_states(&self, out: &mut [u8]) {
        let mut at = 0;
        for (pointer, spec) in self.states_in.iter().zip(&self.program.manifest.states) {
            // SAFETY: the pointer is to this instance's own bank of states, which nobody writes meanwhile.
            out[at..at + spec.bytes].copy_from_slice(unsafe { std::slice::from_raw_parts(*pointer, spec.bytes) });
            at += spec.bytes;
        }
    }

    /// Sets the committed states from bytes that `copy_states` gave.
    pub fn set_states(&mut self, bytes: &[u8]) -> Result<(), EngineError> {
        let expected = self.states_bytes();
        if bytes.len() != expected {
            return Err(EngineError::Length {
                what: "states",
                name: "of the program".to_owned(),
                expected,
                found: bytes.len(),
            });
        }
        let mut at = 0;
        for (pointer, spec) in self.states_in.iter().zip(&self.program.manifest.states) {
            // SAFETY: the pointer is to this instance's own bank, borrowed mutably through `self`.
            unsafe { std::ptr::copy_nonoverlapping(bytes[at..].as_ptr(), pointer.cast_mut(), spec.bytes) };
            at += spec.bytes;
        }
        Ok(())
    }

    pub fn inputs(&self) -> &[TensorSpec] {
        &self.program.manifest.inputs
    }

    pub fn outputs(&self) -> &[TensorSpec] {
        &self.program.manifest.outputs
    }
}
