//! A real-time thread: releases its tasks on time, pins, runs, settles, and sleeps until the next release.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::channel::{Pinned, Producer};
use super::fault::Fault;
use super::shared::{Decision, MAX_PINS, PinEntry, Shared, Trace};
use super::sys;
use super::upstream::Upstream;
use crate::records::Skip;
use crate::rules;
use crate::task::Task;

/// A task as its thread runs it.
pub struct Worker {
    pub task: Task,
    pub producer: Producer,
    /// What releases it, where that is another task's output.
    pub upstream: Option<Upstream>,
    /// The number of the next release.
    pub next: u64,
    /// When its newest job ended.
    pub ended: i64,
}

impl Worker {
    /// Time of the next release, if it is known.
    fn next_release(&mut self, shared: &Shared) -> Option<i64> {
        let id = self.task.id as usize;
        let gone = shared.oldest_release(id).saturating_sub(self.next);
        if gone > 0 {
            shared.lost.decisions.fetch_add(gone, Ordering::Relaxed);
            self.next += gone;
        }
        shared.release(id, self.next)
    }

    /// Takes the releases that another task's publications up to `now` cause; the next such instant, if it is known.
    fn follow(&mut self, shared: &Shared, group: usize, now: i64) -> Option<i64> {
        let id = self.task.id as usize;
        self.upstream.as_mut().and_then(|upstream| upstream.follow(shared, group, id, now))
    }

    fn is_over(&self) -> bool {
        self.upstream.as_ref().is_none_or(Upstream::is_over)
    }
}

/// The loop of one thread; returns when the run ends.
///
/// Real-time: no allocation, no lock, no system call but the futex's wait and wake.
pub fn run(shared: &Arc<Shared>, group: usize, workers: &mut [Worker]) {
    let sleep = &shared.groups[group].wakeups;
    loop {
        let wakeups = sleep.load(Ordering::Acquire);
        let end = shared.end.load(Ordering::Acquire);
        let now = shared.now();
        let mut wake = now + 1_000_000_000;
        let mut earliest: Option<(i64, usize)> = None;
        for (at, worker) in workers.iter_mut().enumerate() {
            if let Some(publication) = worker.follow(shared, group, now) {
                wake = wake.min(publication);
            }
            if let Some(time) = worker.next_release(shared)
                && time < end
                && earliest.is_none_or(|(best, _)| time < best)
            {
                earliest = Some((time, at));
            }
        }
        match earliest {
            Some((time, at)) if time <= now => {
                job(shared, group, &mut workers[at], time);
                continue;
            }
            Some((time, _)) => wake = wake.min(time),
            None if now < end => wake = wake.min(end),
            None if workers.iter().all(Worker::is_over) || shared.broken.load(Ordering::Acquire) => return,
            // The last publications of another thread's task are not known yet; it will wake this one.
            None => {}
        }
        sys::wait(sleep, wakeups, wake + shared.epoch.load(Ordering::Relaxed));
    }
}

/// One release: pins its inputs, runs its job, and settles what stands at its publication instant.
fn job(shared: &Shared, group: usize, worker: &mut Worker, time: i64) {
    let (task, number) = (worker.task.id, worker.next);
    let publication = rules::publication(&worker.task.row, time);
    worker.next += 1;
    let channel = &shared.channels[worker.task.row.output];
    let skip = |reason: Skip| {
        shared.decide(group, Decision::Skipped { task, job: number, time, reason, decided: shared.now() });
    };
    // It fell while the job before ran.
    if rules::is_busy(time, worker.ended) {
        skip(Skip::Busy);
        return;
    }
    // Not started in time: whoever needs the value has settled it, or would.
    if rules::is_late(publication, shared.now()) || !channel.index.verdict.start(number) {
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
        skip(Skip::Gone);
        return;
    }
    let Some(slot) = channel.index.claim(&mut worker.producer) else {
        unpin(worker);
        skip(Skip::Gone);
        return;
    };
    shared.decide(group, Decision::Release { task, job: number, time, count: count as u32, pins });

    let start = shared.now();
    let mut inputs = [std::ptr::null::<u8>(); MAX_PINS];
    for ((address, id), sample) in inputs.iter_mut().zip(&worker.task.channels).zip(&pinned) {
        *address = shared.channels[*id].address(sample.slot).cast_const();
    }
    // SAFETY: the inputs are pinned, and the output slot is claimed by this thread, the channel's one producer.
    let ran = unsafe { worker.task.run(|at| inputs[at], channel.address(slot)) };
    unpin(worker);
    if let Err(code) = ran {
        shared.fault.note(Fault { task, job: number, release: time, code });
    }
    if let Some(duration) = worker.task.stall_of(number) {
        shared.decide(group, Decision::Fault { task, job: number, duration });
        let until = start + duration;
        while shared.now() < until {
            std::hint::spin_loop();
        }
    }

    let recorded = channel.index.pin_for_recorder(slot);
    if !recorded {
        shared.lost.outputs.fetch_add(1, Ordering::Relaxed);
    }
    channel.index.prepare(&worker.producer, slot, publication, number + 1, number + 1);
    let mut end = shared.now();
    let in_time = ran.is_ok() && !rules::is_overrun(publication, end);
    let done = in_time && channel.index.verdict.finish(number);
    if done {
        channel.index.retain(&mut worker.producer, slot);
        shared.completed(task as usize, end);
    }
    // A reader settled it at its instant, before this thread could say so: that is when it ended.
    while in_time && !done && !rules::is_overrun(publication, end) {
        end = shared.now();
    }
    let kept = recorded.then_some(slot);
    let ended = Decision::End { task, job: number, release: time, overrun: !done, ended: end, slot: kept };
    if !shared.decide(group, ended) && recorded {
        channel.index.unpin_from_recorder(slot);
    }
    shared.trace(group, Trace { task, job: number, release: time, start, end });
    worker.ended = end;
}
