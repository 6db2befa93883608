//! A real-time thread: releases its tasks on time, pins, runs, settles, and sleeps until the next release.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::channel::{Pinned, Producer};
use super::shared::{Decision, Group, MAX_PINS, PinEntry, Shared};
use super::sys;
use crate::records::Skip;
use crate::table::Trigger;
use crate::task::Task;

/// A task as its thread runs it.
pub struct Worker {
    pub task: Task,
    pub producer: Producer,
    /// The number of the next release.
    pub next: u64,
}

impl Worker {
    /// Time of the next release, if it is known.
    fn next_release(&self, shared: &Shared) -> Option<i64> {
        match self.task.row.trigger {
            Trigger::Periodic { period_ns, phase_ns } => Some(phase_ns + self.next as i64 * period_ns),
            Trigger::Arrival { .. } => {
                let releases = &shared.releases[self.task.id as usize];
                (self.next < releases.count()).then(|| releases.time(self.next))
            }
        }
    }
}

/// The loop of one thread; returns when the run ends.
///
/// Real-time: no allocation, no lock, no system call but the futex wait.
pub fn run(shared: &Arc<Shared>, group: usize, workers: &mut [Worker]) {
    let group = &shared.groups[group];
    loop {
        let wakeups = group.wakeups.load(Ordering::Acquire);
        let end = shared.end.load(Ordering::Acquire);
        let mut earliest: Option<(i64, usize)> = None;
        for (at, worker) in workers.iter().enumerate() {
            if let Some(time) = worker.next_release(shared)
                && earliest.is_none_or(|(best, _)| time < best)
            {
                earliest = Some((time, at));
            }
        }
        let now = shared.now();
        match earliest {
            Some((time, at)) if time < end && time <= now => job(shared, group, &mut workers[at], time),
            _ if now >= end => return,
            _ => {
                let until = earliest.map_or(i64::MAX, |(time, _)| time).min(end).min(now + 1_000_000_000);
                sys::wait(&group.wakeups, wakeups, until + shared.epoch.load(Ordering::Relaxed));
            }
        }
    }
}

/// Hands a decision to the collector; what does not fit is counted.
fn decide(shared: &Shared, group: &Group, decision: Decision) -> bool {
    let kept = group.decisions.push(decision);
    if !kept {
        shared.lost.fetch_add(1, Ordering::Relaxed);
    }
    kept
}

/// One release: pins its inputs, runs its job, and settles what stands at its publication instant.
fn job(shared: &Shared, group: &Group, worker: &mut Worker, time: i64) {
    let (task, number) = (worker.task.id, worker.next);
    let publication = time + worker.task.row.let_ns;
    worker.next += 1;
    let channel = &shared.channels[worker.task.row.output];
    let skip = |reason: Skip| {
        decide(shared, group, Decision::Skipped { task, job: number, time, reason });
    };
    // Not started in time: whoever needs the value has settled it, or would.
    if shared.now() > publication || !channel.index.verdict.start(number) {
        skip(Skip::Late);
        return;
    }
    let mut pinned = [Pinned { slot: 0, time: 0, jobs: 0, sequence: 0, late: false }; MAX_PINS];
    let mut pins = [PinEntry::default(); MAX_PINS];
    let count = worker.task.channels.len();
    for (at, id) in worker.task.channels.iter().enumerate() {
        let (sample, flags) = shared.pin(*id, time);
        pinned[at] = sample;
        pins[at] = PinEntry { channel: *id as u32, sequence: sample.sequence, flags };
    }
    let unpin = |worker: &Worker| {
        for (id, sample) in worker.task.channels.iter().zip(&pinned) {
            shared.channels[*id].index.unpin(sample.slot);
        }
    };
    if pinned[..count].iter().any(|sample| sample.late) {
        unpin(worker);
        skip(Skip::Late);
        return;
    }
    decide(shared, group, Decision::Release { task, job: number, time, count: count as u32, pins });

    let start = shared.now();
    let slot = channel.index.claim(&mut worker.producer);
    let mut inputs = [std::ptr::null::<u8>(); MAX_PINS];
    for ((address, id), sample) in inputs.iter_mut().zip(&worker.task.channels).zip(&pinned) {
        *address = shared.channels[*id].address(sample.slot).cast_const();
    }
    // SAFETY: the inputs are pinned, and the output slot is claimed by this thread, the channel's one producer.
    let failed = unsafe { worker.task.run(|at| inputs[at], channel.address(slot)) }.is_err();
    unpin(worker);
    if failed {
        shared.failed.store(true, Ordering::Release);
    }
    if let Some(duration) = worker.task.stall_of(number) {
        decide(shared, group, Decision::Fault { task, job: number, duration });
        let until = start + duration;
        while shared.now() < until {
            std::hint::spin_loop();
        }
    }

    let recorded = channel.index.pin_for_recorder(slot);
    if !recorded {
        shared.lost.fetch_add(1, Ordering::Relaxed);
    }
    channel.index.prepare(&worker.producer, slot, publication, number + 1, number + 1);
    let end = shared.now();
    let done = !failed && end <= publication && channel.index.verdict.finish(number);
    if done {
        channel.index.retain(&mut worker.producer, slot);
    }
    if recorded {
        let ended = Decision::End { task, job: number, publication, overrun: !done, slot, release: time, start, end };
        if !decide(shared, group, ended) {
            channel.index.unpin_from_recorder(slot);
        }
    }
    // Releases that fell while the job ran have no job of their own.
    while let Some(release) = worker.next_release(shared)
        && release <= end
        && release < shared.end.load(Ordering::Acquire)
    {
        decide(shared, group, Decision::Skipped { task, job: worker.next, time: release, reason: Skip::Busy });
        worker.next += 1;
    }
}
