//! A task at run time: its job, where its inputs and outputs lie, its hash chain, and the faults injected into it.

use crate::error::ExecutiveError;
use crate::job::Job;
use crate::records::Pin;
use crate::table::{Table, TaskRow};

/// A stall to inject: every `every`-th job takes `duration_ns` longer.
#[derive(Debug, Clone, Copy)]
pub struct Stall {
    pub task: usize,
    pub every: u64,
    pub duration_ns: i64,
}

/// What running a task takes beside its row in the table.
pub struct Task {
    pub row: TaskRow,
    pub id: u32,
    pub job: Box<dyn Job>,
    pub channels: Vec<usize>,
    /// Per input: index into `channels`, offset in the slot.
    inputs: Vec<(usize, usize)>,
    /// Per output: offset in the slot.
    outputs: Vec<usize>,
    input_pointers: Vec<*const u8>,
    output_pointers: Vec<*mut u8>,
    stall: Option<Stall>,
}

// SAFETY: the raw pointers are scratch, set from pinned slots before each step.
unsafe impl Send for Task {}

impl Task {
    /// Checks that the job's tensors are as large as the fields they are wired to.
    pub fn new(table: &Table, id: usize, job: Box<dyn Job>, stalls: &[Stall]) -> Result<Self, ExecutiveError> {
        let row = table.tasks[id].clone();
        let channels = row.read_channels();
        let (input_sizes, output_sizes) = job.sizes();
        let wrong = |what: &str| {
            Err(ExecutiveError::Table(format!("the {what} of task \"{}\" do not fit its program", row.name)))
        };
        let fields: Vec<_> = row.inputs.iter().map(|port| &table.channels[port.channel].fields[port.field]).collect();
        if fields.iter().map(|field| field.bytes).ne(input_sizes.iter().copied()) {
            return wrong("inputs");
        }
        let output_fields = &table.channels[row.output].fields;
        if output_fields.iter().map(|field| field.bytes).ne(output_sizes.iter().copied()) {
            return wrong("outputs");
        }
        let inputs: Vec<(usize, usize)> = row
            .inputs
            .iter()
            .zip(&fields)
            .map(|(port, field)| {
                (channels.iter().position(|channel| *channel == port.channel).unwrap_or(0), field.offset)
            })
            .collect();
        Ok(Self {
            id: id as u32,
            input_pointers: vec![std::ptr::null(); inputs.len()],
            output_pointers: vec![std::ptr::null_mut(); output_fields.len()],
            outputs: output_fields.iter().map(|field| field.offset).collect(),
            inputs,
            channels,
            stall: stalls.iter().copied().find(|stall| stall.task == id),
            row,
            job,
        })
    }

    /// How much longer a job takes on purpose.
    pub fn stall_of(&self, job: u64) -> Option<i64> {
        let stall = self.stall?;
        (stall.every > 0 && (job + 1).is_multiple_of(stall.every)).then_some(stall.duration_ns)
    }

    /// Runs the job on its inputs' slots, in the order of `channels`, into the output's slot, and commits its states.
    ///
    /// Real-time: no allocation, no lock, no system call.
    ///
    /// # Safety
    /// Each address is that of a slot of its channel: inputs pinned, the output owned by this task alone.
    pub unsafe fn run(&mut self, input: impl Fn(usize) -> *const u8, output: *mut u8) -> Result<(), i32> {
        for (pointer, (channel, offset)) in self.input_pointers.iter_mut().zip(&self.inputs) {
            // SAFETY: the offset was checked to lie within the slot.
            *pointer = unsafe { input(*channel).add(*offset) };
        }
        for (pointer, offset) in self.output_pointers.iter_mut().zip(&self.outputs) {
            // SAFETY: as above.
            *pointer = unsafe { output.add(*offset) };
        }
        // SAFETY: the caller vouches for the slots; sizes were checked when the task was made.
        unsafe { self.job.step(&self.input_pointers, &self.output_pointers) }?;
        self.job.commit();
        Ok(())
    }
}

/// Extends a task's hash chain by one cycle (`docs/architecture.md` §4).
pub fn extend_chain(chain: &mut [u8; 32], job: u64, release: i64, pins: &[Pin], overrun: bool, output: &[u8]) {
    let mut hash = blake3::Hasher::new();
    hash.update(chain);
    hash.update(&job.to_le_bytes());
    hash.update(&release.to_le_bytes());
    for pin in pins {
        hash.update(&pin.channel.to_le_bytes());
        hash.update(&pin.sequence.to_le_bytes());
        hash.update(&[pin.flags]);
    }
    hash.update(&[u8::from(overrun)]);
    hash.update(output);
    *chain = *hash.finalize().as_bytes();
}

/// The hash of a run: BLAKE3 over the tasks' final chains in their order.
pub fn run_hash<'a>(chains: impl Iterator<Item = &'a [u8; 32]>) -> String {
    let mut hash = blake3::Hasher::new();
    for chain in chains {
        hash.update(chain);
    }
    hash.finalize().to_hex().to_string()
}
