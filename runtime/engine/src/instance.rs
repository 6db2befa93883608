//! A program (code and weights, shared) and its instances (states and scratch, each its own arena).

use std::sync::Arc;

use crate::arena::{Arena, aligned};
use crate::artifact::Artifact;
use crate::error::EngineError;
use crate::fpenv::FpGuard;
use crate::loader::Code;
use crate::manifest::{MethodCode, MethodSpec, StateSpec, TensorSpec};
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

/// A method of the program that named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodId(usize);

/// One method, loaded.
struct Method {
    name: String,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    /// The states that a step reads and writes, in the order in which its code numbers them.
    states: Vec<usize>,
    /// What a step may end with; the codes of faults count from 1.
    faults: Vec<String>,
    step: Step,
    kernels: Vec<(String, CallSite)>,
}

/// Code and weights of one artifact, loaded for this machine; shared by instances.
pub struct Program {
    name: String,
    manifest_text: String,
    target: String,
    methods: Vec<Method>,
    states: Vec<StateSpec>,
    /// Enough for any one method.
    scratch_bytes: usize,
    weights: Arena,
    _code: Code,
}

impl Program {
    /// Loads an artifact for `target`, else for what `ISOCHRON_TARGET` names, else for the best that this machine runs.
    pub fn load(artifact: &Artifact, target: Option<&str>) -> Result<Arc<Self>, EngineError> {
        let (target, object) = artifact.code_for(&target::preferred(target)?)?;
        let manifest = &artifact.manifest;
        let row =
            manifest.targets.get(target).ok_or_else(|| EngineError::Bounds(format!("no row for target {target}")))?;
        let code = Code::load(&row.file, object)?;
        let methods = manifest
            .methods
            .iter()
            .zip(row.methods.values())
            .map(|((name, spec), method)| {
                let states = spec.states.iter().filter_map(|state| manifest.state(state)).collect();
                Method::load(&code, &row.file, name, spec, method, states)
            })
            .collect::<Result<_, _>>()?;
        let weights = Arena::new(artifact.weights.len())?;
        // SAFETY: the arena holds at least as many bytes, and nothing else refers to it yet.
        unsafe { std::ptr::copy_nonoverlapping(artifact.weights.as_ptr(), weights.at(0), artifact.weights.len()) };
        Ok(Arc::new(Self {
            name: manifest.name.clone(),
            manifest_text: artifact.manifest_text.clone(),
            target: target.to_owned(),
            methods,
            states: manifest.states.clone(),
            scratch_bytes: row.methods.values().map(|method| method.scratch_bytes).max().unwrap_or(0),
            weights,
            _code: code,
        }))
    }

    /// `manifest.json` as it stands in the artifact.
    pub fn manifest_text(&self) -> &str {
        &self.manifest_text
    }

    pub fn target(&self) -> &str {
        &self.target
    }

    /// All methods, in the order of their names.
    pub fn methods(&self) -> impl Iterator<Item = MethodId> {
        (0..self.methods.len()).map(MethodId)
    }

    /// The method of a name.
    pub fn method(&self, name: &str) -> Result<MethodId, EngineError> {
        let place = self.methods.iter().position(|method| method.name == name);
        place.map(MethodId).ok_or_else(|| EngineError::Method {
            program: self.name.clone(),
            wanted: name.to_owned(),
            known: self.methods.iter().map(|method| method.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    pub fn name_of(&self, method: MethodId) -> &str {
        &self.methods[method.0].name
    }

    pub fn inputs(&self, method: MethodId) -> &[TensorSpec] {
        &self.methods[method.0].inputs
    }

    pub fn outputs(&self, method: MethodId) -> &[TensorSpec] {
        &self.methods[method.0].outputs
    }

    /// What a fault of a method's step means, in words.
    pub fn said_of(&self, method: MethodId, fault: Fault) -> String {
        let at = usize::try_from(fault.0).ok().and_then(|code| code.checked_sub(1));
        let known = at.and_then(|at| self.methods[method.0].faults.get(at));
        known.cloned().unwrap_or_else(|| format!("the step ended with fault {}", fault.0))
    }

    /// The names of a method's kernels in the order in which a step calls them.
    pub fn kernel_names(&self, method: MethodId) -> impl Iterator<Item = &str> {
        self.methods[method.0].kernels.iter().map(|(name, _)| name.as_str())
    }
}

impl Method {
    fn load(
        code: &Code,
        file: &str,
        name: &str,
        spec: &MethodSpec,
        row: &MethodCode,
        states: Vec<usize>,
    ) -> Result<Self, EngineError> {
        let function = |symbol: &str| {
            code.function(symbol)
                .ok_or_else(|| EngineError::Code { file: file.to_owned(), reason: format!("no function \"{symbol}\"") })
        };
        // SAFETY: the address is that of a function in loaded code whose hash was checked against the manifest;
        // by the artifact's format a method has the signature of `Step`.
        let step = unsafe { std::mem::transmute::<*const u8, Step>(function(&spec.symbol)?) };
        let mut kernels = Vec::with_capacity(row.kernels.len());
        for kernel in &row.kernels {
            // SAFETY: as above; by the artifact's format a kernel's symbol has the signature of `CallSite`.
            let call = unsafe { std::mem::transmute::<*const u8, CallSite>(function(&kernel.symbol)?) };
            kernels.push((kernel.name.clone(), call));
        }
        let (inputs, outputs, faults) = (spec.inputs.clone(), spec.outputs.clone(), spec.faults.clone());
        Ok(Self { name: name.to_owned(), inputs, outputs, states, faults, step, kernels })
    }
}

/// One run of a program through time: its states, double-buffered, and its scratch memory.
pub struct Instance {
    program: Arc<Program>,
    arena: Arena,
    /// Offsets of each state within a bank.
    state_offsets: Vec<usize>,
    bank_bytes: usize,
    /// The bank that holds each state's committed value, 0 or 1: a method swaps those of its own states only.
    banks: Vec<usize>,
    /// The method whose step's states are not committed yet.
    stepped: Option<MethodId>,
    /// The pointers that the step of a method is given, in the order of its states; room for the method with the most.
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
            .states
            .iter()
            .map(|state| {
                let offset = bank_bytes;
                bank_bytes += aligned(state.bytes);
                offset
            })
            .collect::<Vec<_>>();
        let arena = Arena::new(2 * bank_bytes + aligned(program.scratch_bytes))?;
        let most = program.methods.iter().map(|method| method.states.len()).max().unwrap_or(0);
        let mut instance = Self {
            arena,
            bank_bytes,
            banks: vec![0; state_offsets.len()],
            state_offsets,
            stepped: None,
            states_in: vec![std::ptr::null(); most],
            states_out: vec![std::ptr::null_mut(); most],
            program,
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
        self.stepped = None;
        for (at, state) in self.program.states.iter().enumerate() {
            // SAFETY: both ranges were checked when the artifact was opened and the arena laid out; they are different mappings.
            unsafe {
                std::ptr::copy_nonoverlapping(self.program.weights.at(state.initial), self.committed(at), state.bytes);
            }
        }
    }

    /// Where a state's committed value lies.
    fn committed(&self, state: usize) -> *mut u8 {
        self.arena.at(self.banks[state] * self.bank_bytes + self.state_offsets[state])
    }

    /// Where a state's next value is written.
    fn next(&self, state: usize) -> *mut u8 {
        self.arena.at((1 - self.banks[state]) * self.bank_bytes + self.state_offsets[state])
    }

    /// Runs one step of a method; the next states are written but not committed. NaNs in outputs and states are made canonical.
    ///
    /// Real-time, as long as no threads were asked for: no allocation, no lock, no system call.
    ///
    /// # Safety
    /// The method is one of this instance's program. `inputs` and `outputs` hold one pointer per input and output of it, in
    /// order, 64-byte aligned, to at least the bytes that the manifest states; no output overlaps an input or another output.
    pub unsafe fn step(&mut self, method: MethodId, inputs: &[*const u8], outputs: &[*mut u8]) -> Result<(), Fault> {
        self.stepped = None;
        let mut context = self.context(method, inputs, outputs);
        let Method { step, outputs: specs, states, .. } = &self.program.methods[method.0];
        let code = {
            let _mode = FpGuard::enter();
            // SAFETY: the context's pointers are valid as the step interface demands: the caller's for inputs and outputs,
            // this instance's arena for the rest.
            unsafe { step(&mut context) }
        };
        if let Some(pool) = &self.pool {
            pool.rest();
        }
        self.kernel_calls += context.kernel_calls;
        if code != 0 {
            return Err(Fault(code));
        }
        for (pointer, spec) in outputs.iter().zip(specs) {
            // SAFETY: the caller vouches for the output's bytes.
            nan::canonicalise(&spec.dtype, unsafe { std::slice::from_raw_parts_mut(*pointer, spec.bytes) });
        }
        for state in states {
            let spec = &self.program.states[*state];
            // SAFETY: the pointer is to this instance's own bank of states.
            nan::canonicalise(&spec.dtype, unsafe { std::slice::from_raw_parts_mut(self.next(*state), spec.bytes) });
        }
        self.stepped = Some(method);
        Ok(())
    }

    /// What a method's code is given; its states are pointed at in its own order.
    fn context(&mut self, method: MethodId, inputs: &[*const u8], outputs: &[*mut u8]) -> StepContext {
        for (at, state) in self.program.methods[method.0].states.iter().enumerate() {
            self.states_in[at] = self.committed(*state);
            self.states_out[at] = self.next(*state);
        }
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

    /// Runs a method's kernels one by one in their order and writes how many nanoseconds each took; commits nothing.
    ///
    /// A step runs before, so that kernels inside of loops find what they read. Real-time: as `step`, and two looks at the
    /// clock per kernel.
    ///
    /// # Safety
    /// As for `step`.
    pub unsafe fn profile(
        &mut self,
        method: MethodId,
        inputs: &[*const u8],
        outputs: &[*mut u8],
        nanoseconds: &mut [u64],
    ) {
        self.stepped = None;
        let mut context = self.context(method, inputs, outputs);
        let _mode = FpGuard::enter();
        let Method { step, kernels, .. } = &self.program.methods[method.0];
        // SAFETY: the context's pointers are valid as the step interface demands, as in `step`.
        unsafe { step(&mut context) };
        for ((_, call), taken) in kernels.iter().zip(nanoseconds) {
            let start = std::time::Instant::now();
            // SAFETY: the context's pointers are valid as the step interface demands, as in `step`.
            unsafe { call(&mut context) };
            *taken = start.elapsed().as_nanos() as u64;
        }
        if let Some(pool) = &self.pool {
            pool.rest();
        }
        self.kernel_calls += kernels.len() as u64;
    }

    /// Makes the states that the last step wrote the current ones; those that its method does not have stay what they are.
    ///
    /// Real-time: swaps banks, copies nothing.
    pub fn commit(&mut self) {
        let Some(method) = self.stepped.take() else { return };
        for state in &self.program.methods[method.0].states {
            self.banks[*state] = 1 - self.banks[*state];
        }
    }

    /// Bytes of all states, one after the other without padding.
    pub fn states_bytes(&self) -> usize {
        self.program.states.iter().map(|state| state.bytes).sum()
    }

    /// Copies the committed states into `out`, which has `states_bytes()` bytes.
    ///
    /// Real-time: copies only.
    pub fn copy_states(&self, out: &mut [u8]) {
        let mut at = 0;
        for (state, spec) in self.program.states.iter().enumerate() {
            // SAFETY: the pointer is to this instance's own bank of states, which nobody writes meanwhile.
            let value = unsafe { std::slice::from_raw_parts(self.committed(state), spec.bytes) };
            out[at..at + spec.bytes].copy_from_slice(value);
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
        self.stepped = None;
        for (state, spec) in self.program.states.iter().enumerate() {
            // SAFETY: the pointer is to this instance's own bank, borrowed mutably through `self`.
            unsafe { std::ptr::copy_nonoverlapping(bytes[at..].as_ptr(), self.committed(state), spec.bytes) };
            at += spec.bytes;
        }
        Ok(())
    }
}
