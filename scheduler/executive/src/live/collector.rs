//! Off the real-time path: drains the threads' decisions, extends the hash chains, and writes the records.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::lock;
use super::shared::{Decision, Shared};
use crate::records::{Losses, Pin, Writer};
use crate::task::{extend_chain, run_hash};

/// What a job's release told, kept until the job ends.
struct Open {
    release: i64,
    pins: Vec<Pin>,
}

pub struct Collector {
    shared: Arc<Shared>,
    writer: Arc<Mutex<Writer>>,
    chains: Vec<[u8; 32]>,
    open: Vec<Option<Open>>,
    /// Losses that were written down already.
    told: [u64; 3],
}

impl Collector {
    pub fn new(shared: Arc<Shared>, writer: Arc<Mutex<Writer>>) -> Self {
        let tasks = shared.table.tasks.len();
        Self { shared, writer, chains: vec![[0; 32]; tasks], open: (0..tasks).map(|_| None).collect(), told: [0; 3] }
    }

    /// Takes everything that waits.
    pub fn collect(&mut self) {
        let shared = self.shared.clone();
        let writer = self.writer.clone();
        let mut writer = lock(&writer);
        for group in &shared.groups {
            while let Some(decision) = group.decisions.pop() {
                self.record(decision, &mut writer);
            }
            while let Some(trace) = group.traces.pop() {
                writer.trace(trace.task, trace.job, trace.release, trace.start, trace.end);
            }
        }
        let lost = &shared.lost;
        let counts: [(Losses, &AtomicU64); 3] =
            [(Losses::Decisions, &lost.decisions), (Losses::Traces, &lost.traces), (Losses::Outputs, &lost.outputs)];
        for (told, (what, count)) in self.told.iter_mut().zip(counts) {
            let count = count.load(Ordering::Acquire);
            if count > *told {
                writer.lost(what, count - *told);
                *told = count;
            }
        }
    }

    pub fn hash(&self) -> String {
        run_hash(self.chains.iter())
    }

    fn record(&mut self, decision: Decision, writer: &mut Writer) {
        match decision {
            Decision::Release { task, job, time, count, pins } => {
                let pins: Vec<Pin> = pins[..count as usize]
                    .iter()
                    .map(|pin| Pin { channel: pin.channel, sequence: pin.sequence, flags: pin.flags })
                    .collect();
                writer.release(task, job, time, &pins);
                self.open[task as usize] = Some(Open { release: time, pins });
            }
            Decision::Skipped { task, job, time, reason } => writer.skipped(task, job, time, reason),
            Decision::Fault { task, job, duration } => writer.fault(task, job, duration),
            Decision::End { task, job, release, publication, overrun, slot } => {
                writer.verdict(task, job, publication, overrun);
                let open = self.open[task as usize].take().filter(|open| open.release == release);
                // Without its bytes the chain cannot go on, and the count of losses says so.
                let Some(slot) = slot else { return };
                let row = &self.shared.table.tasks[task as usize];
                let channel = &self.shared.channels[row.output];
                // SAFETY: the worker pinned the slot for the collector; it is written by nobody until it is unpinned.
                let bytes = unsafe { channel.bytes(slot) };
                let chain = &mut self.chains[task as usize];
                let pins = open.map(|open| open.pins).unwrap_or_default();
                extend_chain(chain, job, release, &pins, overrun, bytes);
                if overrun {
                    writer.discarded(task, job, bytes, chain);
                } else {
                    writer.output(task, job, row.output as u32, job + 1, publication, bytes, chain);
                }
                channel.index.unpin_from_recorder(slot);
            }
        }
    }
}
