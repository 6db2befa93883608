//! Off the real-time path: drains the threads' decisions into the journal.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::inputs::Arrival;
use super::lock;
use super::shared::{Decision, PinEntry, Shared};
use crate::journal::{End, Journal};
use crate::records::{Losses, Pin, Skip};

pub struct Collector {
    shared: Arc<Shared>,
    journal: Arc<Mutex<Journal>>,
    /// Losses that were written down already.
    told: [u64; 3],
    /// Per thread: decisions that are taken this time.
    seen: Vec<usize>,
}

impl Collector {
    pub fn new(shared: Arc<Shared>, journal: Arc<Mutex<Journal>>) -> Self {
        Self { seen: vec![0; shared.groups.len()], shared, journal, told: [0; 3] }
    }

    /// Takes everything that waits.
    pub fn collect(&mut self) {
        let mut journal = lock(&self.journal);
        // What these decisions have read was announced before they were made, and is written down first.
        for (seen, group) in self.seen.iter_mut().zip(&self.shared.groups) {
            *seen = group.decisions.turns.waiting();
        }
        for channel in 0..self.shared.arrivals.len() {
            self.take_arrivals(channel, &mut journal);
        }
        for (seen, group) in self.seen.iter().zip(&self.shared.groups) {
            for _ in 0..*seen {
                let Some(decision) = group.decisions.pop() else { break };
                self.record(decision, &mut journal);
            }
            while let Some(trace) = group.traces.pop() {
                journal.writer.trace(trace.task, trace.job, trace.release, trace.start, trace.end);
            }
        }
        let lost = &self.shared.lost;
        let counts: [(Losses, &AtomicU64); 3] =
            [(Losses::Decisions, &lost.decisions), (Losses::Traces, &lost.traces), (Losses::Outputs, &lost.outputs)];
        for (told, (what, count)) in self.told.iter_mut().zip(counts) {
            let count = count.load(Ordering::Acquire);
            if count > *told {
                journal.writer.lost(what, count - *told);
                *told = count;
            }
        }
        journal.hand_over();
    }

    /// Writes down what a channel's messages told of, what has been announced included.
    fn take_arrivals(&self, channel: usize, journal: &mut Journal) {
        let arrivals = &self.shared.arrivals[channel];
        let announced = arrivals.turns.announced();
        loop {
            while let Some(arrival) = arrivals.read(|entry| std::mem::replace(entry, Arrival::Empty)) {
                Self::arrive(channel as u32, arrival, journal);
            }
            if arrivals.turns.has_read(announced) {
                return;
            }
            // Its sample stands: a few instructions are left until it is written.
            std::thread::yield_now();
        }
    }

    fn arrive(channel: u32, arrival: Arrival, journal: &mut Journal) {
        match arrival {
            Arrival::Empty => {}
            Arrival::Admitted { number, time, bytes } => journal.writer.admit(channel, number, time, &bytes),
            Arrival::Visible { number, time, hash } => journal.writer.visible(channel, number, time, &hash),
            Arrival::Rejected { number, time, reason } => journal.writer.rejected(channel, number, time, &reason),
            Arrival::Early { task, released, time } => journal.skipped(task, released, time, Skip::Early, time),
        }
    }

    fn record(&self, decision: Decision, journal: &mut Journal) {
        match decision {
            Decision::Release { task, job, time, count, pins } => {
                let pins = pins[..count as usize].iter();
                let pin = |pin: &PinEntry| Pin { channel: pin.channel, sequence: pin.sequence, flags: pin.flags };
                journal.release(task, job, time, pins.map(pin));
            }
            Decision::Skipped { task, job, time, reason, decided } => {
                journal.skipped(task, job, time, reason, decided);
            }
            Decision::Fault { task, job, duration } => journal.writer.fault(task, job, duration),
            Decision::End { task, job, release, overrun, ended, slot } => {
                let end = End { task, job, release, overrun, ended };
                let Some(slot) = slot else { return journal.end(end, None) };
                let channel = &self.shared.channels[self.shared.table.tasks[task as usize].output];
                // SAFETY: the worker pinned the slot for the collector; it is written by nobody until it is unpinned.
                journal.end(end, Some(unsafe { channel.bytes(slot) }));
                channel.index.unpin_from_recorder(slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::shared::Trace;
    use crate::records::{self, FAULT, LOST, Skip, TRACE, VERDICT};
    use crate::table::Table;

    const TABLE: &str = r#"{ "version": 1, "name": "t", "channels": [
        { "name": "f", "source": { "kind": "task", "task": 0 }, "depth": 1, "slotBytes": 8, "fields": [] } ],
      "tasks": [ { "name": "f", "program": 0, "trigger": { "kind": "periodic", "periodNs": 1000000000, "phaseNs": 0 },
          "budgetNs": 1, "deadlineNs": 5, "letNs": 5, "priority": 1, "core": 0, "onOverrun": "skip", "inputs": [],
          "output": 0 } ] }"#;

    fn collector() -> (Arc<Shared>, Arc<Mutex<Journal>>, Collector) {
        let shared = Arc::new(Shared::new(Table::parse(TABLE).expect("it is sound"), &[]).expect("it is laid out"));
        let journal = Arc::new(Mutex::new(Journal::new(&shared.table)));
        let collector = Collector::new(shared.clone(), journal.clone());
        (shared, journal, collector)
    }

    /// What is lost, as (kind of loss, count), and how many records there are of another kind.
    fn read(bytes: &[u8], kind: u8) -> (Vec<(u8, u64)>, usize) {
        let all = records::read_all(bytes).expect("the log is whole");
        let lost = all.iter().filter(|(kind, _)| *kind == LOST);
        let count = |payload: &[u8]| payload[1..].first_chunk().map_or(0, |count| u64::from_le_bytes(*count));
        let lost = lost.map(|(_, payload)| (payload[0], count(payload))).collect();
        (lost, all.iter().filter(|(each, _)| *each == kind).count())
    }

    #[test]
    fn decisions_that_do_not_fit_are_counted_once_and_mark_the_recording() {
        let (shared, journal, mut collector) = collector();
        let mut kept = 0;
        while shared.decide(0, Decision::Fault { task: 0, job: kept, duration: 1 }) {
            kept += 1;
        }
        shared.decide(0, Decision::Skipped { task: 0, job: kept, time: 0, reason: Skip::Late, decided: 5 });
        collector.collect();
        collector.collect();
        assert_eq!(
            read(&lock(&journal).take().expect("messages are made"), FAULT),
            (vec![(Losses::Decisions as u8, 2)], kept as usize)
        );
        assert!(shared.decide(0, Decision::Fault { task: 0, job: 0, duration: 1 }), "there is room again");
    }

    #[test]
    fn a_lost_trace_costs_no_decision() {
        let (shared, journal, mut collector) = collector();
        while shared.trace(0, Trace::default()) {}
        assert!(shared.decide(0, Decision::Fault { task: 0, job: 0, duration: 1 }));
        collector.collect();
        let bytes = lock(&journal).take().expect("messages are made");
        let (lost, traces) = read(&bytes, TRACE);
        assert_eq!((lost, read(&bytes, FAULT).1), (vec![(Losses::Traces as u8, 1)], 1));
        assert!(traces > 0);
    }

    #[test]
    fn a_verdict_is_recorded_even_where_the_bytes_of_its_output_did_not_fit() {
        let (shared, journal, mut collector) = collector();
        let before = lock(&journal).hash();
        let end = Decision::End { task: 0, job: 0, release: 0, overrun: false, ended: 3, slot: None };
        assert!(shared.decide(0, end));
        shared.lost.outputs.fetch_add(1, Ordering::Relaxed);
        collector.collect();
        let bytes = lock(&journal).take().expect("messages are made");
        assert_eq!(read(&bytes, VERDICT), (vec![(Losses::Outputs as u8, 1)], 1));
        assert_eq!(read(&bytes, records::OUTPUT).1, 0);
        assert_eq!(lock(&journal).hash(), before, "the chain cannot go on without the bytes");
    }
}
