//! What a task runs: a program's instance, or plain Rust in tests.

use isochron_engine::Instance;

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
    fn kernel_calls(&self) -> u64;
    /// Keeps the memory that a step touches from being paged out; false where that was not granted.
    fn lock_memory(&self) -> bool {
        true
    }
    /// Bytes of each input and each output.
    fn sizes(&self) -> (Vec<usize>, Vec<usize>);
}

impl Job for Instance {
    unsafe fn step(&mut self, inputs: &[*const u8], outputs: &[*mut u8]) -> Result<(), i32> {
        // SAFETY: passed on from the caller.
        unsafe { Instance::step(self, inputs, outputs) }.map_err(|fault| fault.0)
    }
    fn commit(&mut self) {
        Instance::commit(self);
    }
    fn states_bytes(&self) -> usize {
        Instance::states_bytes(self)
    }
    fn copy_states(&self, out: &mut [u8]) {
        Instance::copy_states(self, out);
    }
    fn kernel_calls(&self) -> u64 {
        Instance::kernel_calls(self)
    }
    fn lock_memory(&self) -> bool {
        Instance::lock_memory(self)
    }
    fn sizes(&self) -> (Vec<usize>, Vec<usize>) {
        let bytes = |specs: &[isochron_engine::TensorSpec]| specs.iter().map(|spec| spec.bytes).collect();
        (bytes(self.inputs()), bytes(self.outputs()))
    }
}
