//! What is written down of a run, in virtual time and live: every decision, hash chains, and the messages of outputs.

use std::sync::Arc;

use crate::error::ExecutiveError;
use crate::outlet::{Instant, Outlet, Output};
use crate::records::{Pin, Skip, Writer};
use crate::rules;
use crate::table::Table;
use crate::task::{extend_chain, run_hash};

/// A task's job that has been released, until it ends.
#[derive(Default)]
struct Open {
    release: Option<i64>,
    pins: Vec<Pin>,
}

/// How a job ended.
#[derive(Debug, Clone, Copy)]
pub struct End {
    pub task: u32,
    pub job: u64,
    pub release: i64,
    pub overrun: bool,
    pub ended: i64,
}

/// Who keeps records as they are made, such as a recorder.
pub trait Record: Send + Sync {
    /// Takes whole records; waits for nothing.
    fn record(&self, records: &[u8]);
}

/// The records of a run in their order.
pub struct Journal {
    table: Table,
    /// For records that nothing follows from.
    pub writer: Writer,
    pub outlet: Outlet,
    chains: Vec<[u8; 32]>,
    open: Vec<Open>,
    recorder: Option<Arc<dyn Record>>,
    /// Bytes of the writer that the recorder has.
    recorded: usize,
}

impl Journal {
    pub fn new(table: &Table) -> Self {
        let tasks = table.tasks.len();
        Self {
            writer: Writer::default(),
            outlet: Outlet::default(),
            chains: vec![[0; 32]; tasks],
            open: (0..tasks).map(|_| Open::default()).collect(),
            recorder: None,
            recorded: 0,
            table: table.clone(),
        }
    }

    /// Gives what makes messages of the values on tasks' channels; refuses an output of another channel.
    pub fn encode_with(&mut self, outputs: Vec<Output>) -> Result<(), ExecutiveError> {
        for (id, output) in outputs.iter().enumerate() {
            self.table.channels.get(output.channel).ok_or(ExecutiveError::Output(id))?;
        }
        self.outlet = Outlet::new(outputs);
        Ok(())
    }

    /// Goes on from a task's hash chain.
    pub fn resume(&mut self, task: usize, chain: [u8; 32]) {
        self.chains[task] = chain;
    }

    /// A job begins.
    pub fn release(&mut self, task: u32, job: u64, time: i64, pins: impl Iterator<Item = Pin>) {
        let open = &mut self.open[task as usize];
        open.release = Some(time);
        open.pins.clear();
        open.pins.extend(pins);
        self.writer.release(task, job, time, &open.pins);
    }

    /// A release has no job, or an arrival no release.
    pub fn skipped(&mut self, task: u32, job: u64, time: i64, reason: Skip, decided: i64) {
        self.writer.skipped(task, job, time, reason, decided);
        if !matches!(reason, Skip::Busy | Skip::Late | Skip::Gone) {
            return;
        }
        let row = &self.table.tasks[task as usize];
        let at = Instant { task, job, time: rules::publication(row, time) };
        self.outlet.publish(row, at, None, &mut self.writer);
    }

    /// A job has ended; without its output's bytes the hash chain cannot go on, and the count of losses says so.
    pub fn end(&mut self, end: End, bytes: Option<&[u8]>) {
        let End { task, job, release, overrun, ended } = end;
        let row = &self.table.tasks[task as usize];
        let time = rules::publication(row, release);
        let at = Instant { task, job, time };
        self.writer.verdict(task, job, time, overrun, ended);
        if overrun {
            self.outlet.publish(row, at, None, &mut self.writer);
        }
        let open = &mut self.open[task as usize];
        let known = open.release.take() == Some(release);
        let Some(bytes) = bytes else { return };
        let chain = &mut self.chains[task as usize];
        extend_chain(chain, job, release, if known { &open.pins } else { &[] }, overrun, bytes);
        if overrun {
            self.writer.discarded(task, job, bytes, chain);
        } else {
            self.writer.output(task, job, row.output as u32, job + 1, time, bytes, chain);
            self.outlet.publish(row, at, Some(bytes), &mut self.writer);
        }
    }

    /// From here on a recorder is handed the records as well.
    pub fn record_to(&mut self, recorder: Arc<dyn Record>) {
        self.recorded = self.writer.bytes().len();
        self.recorder = Some(recorder);
    }

    /// Hands the recorder what it does not have yet.
    pub fn hand_over(&mut self) {
        let bytes = &self.writer.bytes()[self.recorded..];
        if let Some(recorder) = &self.recorder
            && !bytes.is_empty()
        {
            recorder.record(bytes);
            self.recorded += bytes.len();
        }
    }

    /// The records since the last call.
    pub fn take(&mut self) -> Result<Vec<u8>, ExecutiveError> {
        self.hand_over();
        self.outlet.check()?;
        self.recorded = 0;
        Ok(self.writer.take())
    }

    /// BLAKE3 over the tasks' hash chains.
    pub fn hash(&self) -> String {
        run_hash(self.chains.iter())
    }
}
