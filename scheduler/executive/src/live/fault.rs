//! The first fault of a job in a live run: noted by its thread, read by whoever asks.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU32, AtomicU64, Ordering};

/// A job that ended with a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub task: u32,
    pub job: u64,
    pub release: i64,
    pub code: i32,
}

#[derive(Default)]
pub struct FaultNote {
    taken: AtomicBool,
    written: AtomicBool,
    task: AtomicU32,
    job: AtomicU64,
    release: AtomicI64,
    code: AtomicI32,
}

impl FaultNote {
    /// Keeps a fault, if it is the first.
    ///
    /// Real-time: no allocation, no lock.
    pub fn note(&self, fault: Fault) {
        if self.taken.swap(true, Ordering::Relaxed) {
            return;
        }
        self.task.store(fault.task, Ordering::Relaxed);
        self.job.store(fault.job, Ordering::Relaxed);
        self.release.store(fault.release, Ordering::Relaxed);
        self.code.store(fault.code, Ordering::Relaxed);
        // Release pairs with the Acquire in `get`: who sees the mark sees the fields.
        self.written.store(true, Ordering::Release);
    }

    pub fn get(&self) -> Option<Fault> {
        self.written.load(Ordering::Acquire).then(|| Fault {
            task: self.task.load(Ordering::Relaxed),
            job: self.job.load(Ordering::Relaxed),
            release: self.release.load(Ordering::Relaxed),
            code: self.code.load(Ordering::Relaxed),
        })
    }
}
