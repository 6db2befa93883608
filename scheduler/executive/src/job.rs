//! What a task runs: a method of a program on an instance of its own, or plain Rust in tests.

use std::sync::Arc;

use isochron_engine::{EngineError, Instance, MethodId, Program, TensorSpec};

/// A computation with states; pointers are as the engine's step interface demands.
pub trait Job: Send {
    /// Runs once without committing the states; a fault code on failure.
    ///
    /// Real-time: no allocation, no lock, no system call.
    ///
    /// # Safety
    /// One 64-byte aligned pointer per input and output, in order, to memory of the declared sizes; outputs overlap nothing.
    unsafe fn step(&mut self, inputs: &[*const u8], outputs: &[*mut u8]) -> Result<(), i32>;
    /// Makes the states that the last step wrote the current ones.
    fn commit(&mut self);
    fn states_bytes(&self) -> usize;
    fn copy_states(&self, out: &mut [u8]);
    /// Sets the states to what `copy_states` gave; false where they do not fit.
    fn set_states(&mut self, states: &[u8]) -> bool;
    fn kernel_calls(&self) -> u64;
    /// Keeps the memory that a step touches from being paged out; false where that was not granted.
    fn lock_memory(&self) -> bool {
        true
    }
    /// Bytes of each input and each output.
    fn sizes(&self) -> (Vec<usize>, Vec<usize>);
}

/// One method of a program, on an instance of its own.
pub struct MethodJob {
    instance: Instance,
    method: MethodId,
}

impl MethodJob {
    /// Lays out an instance and sets its states to their initial values.
    pub fn new(program: &Arc<Program>, method: &str) -> Result<Self, EngineError> {
        Ok(Self { method: program.method(method)?, instance: Instance::new(program.clone())? })
    }
}

impl Job for MethodJob {
    unsafe fn step(&mut self, inputs: &[*const u8], outputs: &[*mut u8]) -> Result<(), i32> {
        // SAFETY: the method is of the instance's program; the rest is passed on from the caller.
        unsafe { self.instance.step(self.method, inputs, outputs) }.map_err(|fault| fault.0)
    }
    fn commit(&mut self) {
        self.instance.commit();
    }
    fn states_bytes(&self) -> usize {
        self.instance.states_bytes()
    }
    fn copy_states(&self, out: &mut [u8]) {
        self.instance.copy_states(out);
    }
    fn set_states(&mut self, states: &[u8]) -> bool {
        self.instance.set_states(states).is_ok()
    }
    fn kernel_calls(&self) -> u64 {
        self.instance.kernel_calls()
    }
    fn lock_memory(&self) -> bool {
        self.instance.lock_memory()
    }
    fn sizes(&self) -> (Vec<usize>, Vec<usize>) {
        let program = self.instance.program();
        let bytes = |specs: &[TensorSpec]| specs.iter().map(|spec| spec.bytes).collect();
        (bytes(program.inputs(self.method)), bytes(program.outputs(self.method)))
    }
}
