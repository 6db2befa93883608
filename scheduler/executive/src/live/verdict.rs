//! The verdict of a task's newest job and the number of its outputs that stand, in one atomic word that only moves forward.

use crate::sync::atomic::{AtomicU64, Ordering};

const STATE_BITS: u32 = 2;
const RECORD_BITS: u32 = 20;
const JOB_SHIFT: u32 = STATE_BITS + RECORD_BITS;
/// Records are counted modulo this; a channel's ring of records is at most as long.
pub const RECORD_MODULUS: u64 = 1 << RECORD_BITS;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Running,
    Done,
    Overrun,
}

/// What a word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// The number of the newest job that the word speaks of, plus one; 0 before the first.
    pub jobs: u64,
    pub state: State,
    /// Records that stand, modulo `RECORD_MODULUS`.
    pub records: u64,
}

impl View {
    fn pack(self) -> u64 {
        (self.jobs << JOB_SHIFT) | ((self.records % RECORD_MODULUS) << STATE_BITS) | self.state as u64
    }

    fn unpack(word: u64) -> Self {
        let state = match word & 3 {
            0 => State::Running,
            1 => State::Done,
            _ => State::Overrun,
        };
        Self { jobs: word >> JOB_SHIFT, state, records: (word >> STATE_BITS) % RECORD_MODULUS }
    }
}

/// One task's word. The worker moves it to running and done, whoever needs a value that is not there moves it to overrun.
pub struct Verdict(AtomicU64);

impl Verdict {
    /// No job yet, and one record: the zero sample.
    pub fn new() -> Self {
        Self(AtomicU64::new(View { jobs: 0, state: State::Done, records: 1 }.pack()))
    }

    pub fn view(&self) -> View {
        // Acquire pairs with the Release in `finish`: who sees the record counted sees its fields and its slot's bytes.
        View::unpack(self.0.load(Ordering::Acquire))
    }

    /// Begins job `job`; false where a reader has settled it as overrun already, before it began.
    ///
    /// Real-time: retries only while readers settle older jobs.
    pub fn start(&self, job: u64) -> bool {
        let mut old = self.0.load(Ordering::Relaxed);
        loop {
            let view = View::unpack(old);
            if view.jobs > job {
                return false;
            }
            let new = View { jobs: job + 1, state: State::Running, ..view }.pack();
            // Relaxed: the word gives nothing away that was written before; records are counted by `finish`.
            match self.0.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(found) => old = found,
            }
        }
    }

    /// Ends running job `job` as done and counts its record, unless a reader settled it first; true where it stands.
    ///
    /// Real-time: one compare-and-swap.
    pub fn finish(&self, job: u64) -> bool {
        let old = self.0.load(Ordering::Relaxed);
        let view = View::unpack(old);
        if view.jobs != job + 1 || view.state != State::Running {
            return false;
        }
        let new = View { state: State::Done, records: view.records + 1, ..view }.pack();
        // Release pairs with the Acquire in `settle` and `view`. A running job's word changes only by being settled,
        // so a failure means that a reader won.
        self.0.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Settles every job below `due` that is not done as overrun; what is returned holds for all readers.
    ///
    /// `due` is the number of releases whose publication instant has come.
    /// Real-time: retries only while the worker moves the word.
    pub fn settle(&self, due: u64) -> View {
        let mut old = self.0.load(Ordering::Acquire);
        loop {
            let view = View::unpack(old);
            if view.jobs > due || (view.jobs == due && view.state != State::Running) {
                return view;
            }
            let settled = View { jobs: due, state: State::Overrun, ..view };
            // Acquire pairs with the Release in `finish`, also where the word is moved on from a done job: the exchange
            // continues that release sequence, so later readers see the done job's record too.
            match self.0.compare_exchange_weak(old, settled.pack(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return settled,
                Err(found) => old = found,
            }
        }
    }
}

impl Default for Verdict {
    fn default() -> Self {
        Self::new()
    }
}
