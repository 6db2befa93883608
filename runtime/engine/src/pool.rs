//! Threads that share the chunks of a step's kernels: awake only while a step runs, never more than were declared.

use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize};
use std::thread::{self, JoinHandle};

use crate::error::EngineError;
use crate::fpenv::FpGuard;

/// One chunk of a kernel: compiled code over the step's context and the chunk's number.
pub type Body = unsafe extern "C" fn(*mut u8, i64);
/// What a step calls to have chunks run; the first argument is the pool's `handle`.
pub type ParallelFor = unsafe extern "C" fn(*mut u8, Body, *mut u8, i64);

const MOST_THREADS: usize = 64;
/// Chunk numbers take 16 bits each in the queue.
const MOST_CHUNKS: i64 = 0xffff;
/// Looks at an empty queue before a thread lets others have its core, in case they wait for it.
const PATIENCE: u32 = 1000;

const ASLEEP: u32 = 0;
const AWAKE: u32 = 1;
const ENDING: u32 = 2;

/// The chunks not taken yet: those from `front` to below `back`. The job's number makes every queue differ from all others.
#[derive(Clone, Copy)]
struct Queue {
    job: u32,
    front: u16,
    back: u16,
}

impl Queue {
    fn unpack(bits: u64) -> Self {
        Self { job: (bits >> 32) as u32, front: (bits >> 16) as u16, back: bits as u16 }
    }

    fn pack(self) -> u64 {
        u64::from(self.job) << 32 | u64::from(self.front) << 16 | u64::from(self.back)
    }
}

/// A field of its own cache line, since others wait on its neighbours.
#[repr(align(128))]
struct Apart<T>(T);

struct Shared {
    queue: Apart<AtomicU64>,
    /// Chunks of the job that workers have ended.
    ended: Apart<AtomicU32>,
    state: Apart<AtomicU32>,
    /// The job: a `Body` and its context. Written only between jobs.
    body: AtomicUsize,
    context: AtomicPtr<u8>,
}

impl Shared {
    /// Takes the last chunk that is left, and what to run it with.
    fn take_back(&self) -> Option<(usize, *mut u8, i64)> {
        // Acquire pairs with the Release in `Pool::run`: who sees a job's queue sees its body and context.
        let mut bits = self.queue.0.load(Acquire);
        loop {
            let queue = Queue::unpack(bits);
            if queue.front >= queue.back {
                return None;
            }
            let (body, context) = (self.body.load(Relaxed), self.context.load(Relaxed));
            let left = Queue { back: queue.back - 1, ..queue };
            // A job ends only when its queue is empty, and no queue ever comes back: where the exchange succeeds, the
            // job whose queue was read has not ended, and body and context are its own.
            match self.queue.0.compare_exchange_weak(bits, left.pack(), AcqRel, Acquire) {
                Ok(_) => return Some((body, context, i64::from(left.back))),
                Err(now) => bits = now,
            }
        }
    }

    /// Takes the first chunk that is left.
    fn take_front(&self) -> Option<i64> {
        let mut bits = self.queue.0.load(Relaxed);
        loop {
            let queue = Queue::unpack(bits);
            if queue.front >= queue.back {
                return None;
            }
            let left = Queue { front: queue.front + 1, ..queue };
            match self.queue.0.compare_exchange_weak(bits, left.pack(), AcqRel, Relaxed) {
                Ok(_) => return Some(i64::from(queue.front)),
                Err(now) => bits = now,
            }
        }
    }

    /// What a worker does until the pool ends.
    fn work(&self) {
        let _mode = FpGuard::enter();
        let mut idle = 0;
        loop {
            match self.state.0.load(Acquire) {
                ENDING => return,
                ASLEEP => {
                    thread::park();
                    continue;
                }
                _ => {}
            }
            let Some((body, context, chunk)) = self.take_back() else {
                pause(&mut idle);
                continue;
            };
            idle = 0;
            // SAFETY: the address was made from a `Body` in `run`, which waits until this chunk has ended.
            unsafe { std::mem::transmute::<usize, Body>(body)(context, chunk) };
            // Release pairs with the Acquire in `run`: who sees the chunk ended sees what it wrote.
            self.ended.0.fetch_add(1, Release);
        }
    }
}

/// Waits a moment; others get the core where the wait grows long.
fn pause(looks: &mut u32) {
    *looks += 1;
    if looks.is_multiple_of(PATIENCE) {
        thread::yield_now();
    } else {
        std::hint::spin_loop();
    }
}

/// The threads of one instance.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts the threads that join the caller's, `threads` with it.
    pub fn new(threads: usize) -> Result<Self, EngineError> {
        let refuse = |reason: String| EngineError::Threads { threads, most: MOST_THREADS, reason };
        if threads == 0 || threads > MOST_THREADS {
            return Err(refuse("that is out of range".to_owned()));
        }
        let shared = Arc::new(Shared {
            queue: Apart(AtomicU64::new(0)),
            ended: Apart(AtomicU32::new(0)),
            state: Apart(AtomicU32::new(ASLEEP)),
            body: AtomicUsize::new(0),
            context: AtomicPtr::new(std::ptr::null_mut()),
        });
        let mut pool = Self { shared, workers: Vec::with_capacity(threads - 1) };
        for at in 1..threads {
            let shared = Arc::clone(&pool.shared);
            let started = thread::Builder::new().name(format!("isochron-{at}")).spawn(move || shared.work());
            pool.workers.push(started.map_err(|error| refuse(error.to_string()))?);
        }
        Ok(pool)
    }

    /// What a step is given to pass to `parallel_for`.
    pub fn handle(&self) -> *mut u8 {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// Runs every chunk once, on this thread and on those that are there in time; returns when all have ended.
    ///
    /// Only one thread at a time may call it. Allocates nothing.
    ///
    /// # Safety
    /// `body` may be called with `context` and every number below `count`, from several threads at once.
    unsafe fn run(&self, body: Body, context: *mut u8, count: i64) {
        let shared = &*self.shared;
        if self.workers.is_empty() || !(2..=MOST_CHUNKS).contains(&count) {
            for chunk in 0..count {
                // SAFETY: as this function's.
                unsafe { body(context, chunk) };
            }
            return;
        }
        shared.body.store(body as usize, Relaxed);
        shared.context.store(context, Relaxed);
        shared.ended.0.store(0, Relaxed);
        let job = Queue::unpack(shared.queue.0.load(Relaxed)).job.wrapping_add(1);
        // Release pairs with the Acquire in `take_back`.
        shared.queue.0.store(Queue { job, front: 0, back: count as u16 }.pack(), Release);
        self.wake();
        let mut own = 0;
        while let Some(chunk) = shared.take_front() {
            // SAFETY: as this function's.
            unsafe { body(context, chunk) };
            own += 1;
        }
        let mut looks = 0;
        // Acquire pairs with the Release in `work`.
        while own + i64::from(shared.ended.0.load(Acquire)) < count {
            pause(&mut looks);
        }
    }

    fn wake(&self) {
        if self.shared.state.0.load(Relaxed) == AWAKE {
            return;
        }
        self.shared.state.0.store(AWAKE, Release);
        for worker in &self.workers {
            worker.thread().unpark();
        }
    }

    /// Lets the workers sleep until the next job: a step has ended.
    pub fn rest(&self) {
        self.shared.state.0.store(ASLEEP, Release);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.state.0.store(ENDING, Release);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker runs compiled code alone, which cannot panic.
            let _ = worker.join();
        }
    }
}

/// The entry point of compiled steps.
///
/// # Safety
/// `pool` is the `handle` of a pool that is not running a job; the rest as for `Pool::run`.
pub unsafe extern "C" fn parallel_for(pool: *mut u8, body: Body, context: *mut u8, count: i64) {
    // SAFETY: the caller's, who holds the pool as long as the step runs.
    unsafe { (*pool.cast::<Pool>()).run(body, context, count) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::Mutex;

    /// What the chunks of the tests write: how often each ran, and where.
    struct Tally {
        runs: Vec<AtomicU32>,
        threads: Mutex<HashSet<i32>>,
        modes: AtomicU32,
    }

    fn tally(chunks: usize) -> Tally {
        Tally {
            runs: (0..chunks).map(|_| AtomicU32::new(0)).collect(),
            threads: Mutex::new(HashSet::new()),
            modes: AtomicU32::new(0),
        }
    }

    unsafe extern "C" fn count(context: *mut u8, chunk: i64) {
        // SAFETY: the tests pass a tally that outlives the job.
        let tally = unsafe { &*context.cast::<Tally>() };
        tally.runs[chunk as usize].fetch_add(1, Relaxed);
    }

    unsafe extern "C" fn linger(context: *mut u8, chunk: i64) {
        // SAFETY: as above.
        let tally = unsafe { &*context.cast::<Tally>() };
        // SAFETY: gettid only answers.
        tally.threads.lock().unwrap().insert(unsafe { libc::gettid() });
        let mode = crate::fpenv::read() & crate::fpenv::CONTROL;
        tally.modes.fetch_or(mode as u32, Relaxed);
        thread::sleep(std::time::Duration::from_millis(5));
        // SAFETY: as above.
        unsafe { count(context, chunk) };
    }

    fn run(pool: &Pool, body: Body, tally: &Tally) {
        // SAFETY: the tally outlives the call, and its fields may be shared.
        unsafe {
            parallel_for(pool.handle(), body, std::ptr::from_ref(tally).cast_mut().cast(), tally.runs.len() as i64);
        }
    }

    #[test]
    fn every_chunk_runs_once_and_has_ended_when_the_call_returns() {
        for threads in [1, 2, 3, 5] {
            let pool = Pool::new(threads).unwrap();
            for round in 0..3000 {
                let tally = tally(round % 41);
                run(&pool, count, &tally);
                assert!(tally.runs.iter().all(|each| each.load(Relaxed) == 1), "{threads} threads, round {round}");
                if round % 7 == 0 {
                    pool.rest();
                }
            }
        }
    }

    #[test]
    fn no_more_threads_run_than_were_declared_and_the_caller_is_one() {
        for threads in [1, 2, 3] {
            let pool = Pool::new(threads).unwrap();
            let tally = tally(24);
            {
                let _mode = FpGuard::enter();
                run(&pool, linger, &tally);
            }
            let seen = tally.threads.lock().unwrap();
            // SAFETY: gettid only answers.
            assert!(seen.len() <= threads && seen.contains(&unsafe { libc::gettid() }), "{} of {threads}", seen.len());
            assert!(threads == 1 || seen.len() > 1, "the others had 60 ms to come");
        }
    }

    /// What the chunks of a step compute: subnormals, and sums that lie between two numbers.
    struct Sums {
        bits: Vec<AtomicU32>,
        threads: Mutex<HashSet<i32>>,
    }

    unsafe extern "C" fn add(context: *mut u8, chunk: i64) {
        // SAFETY: the test passes sums that outlive the job.
        let sums = unsafe { &*context.cast::<Sums>() };
        let (a, b) = if chunk % 2 == 0 { (f32::from_bits(3), f32::from_bits(4)) } else { (1.0, f32::EPSILON / 4.0) };
        let sum = std::hint::black_box(a) + std::hint::black_box(b);
        sums.bits[chunk as usize].store(sum.to_bits(), Relaxed);
        // SAFETY: gettid only answers.
        sums.threads.lock().unwrap().insert(unsafe { libc::gettid() });
        thread::sleep(std::time::Duration::from_millis(5));
    }

    #[test]
    fn workers_compute_in_the_mode_of_a_step_whatever_mode_the_pool_was_made_in() {
        use crate::fpenv;
        let original = fpenv::read();
        // A thread begins in the mode of the one that starts it.
        fpenv::write(fpenv::FLUSH_AND_UP);
        let pool = Pool::new(3);
        fpenv::write(original);
        let pool = pool.unwrap();
        let sums = Sums { bits: (0..24).map(|_| AtomicU32::new(0)).collect(), threads: Mutex::new(HashSet::new()) };
        let seen = tally(24);
        {
            let _mode = FpGuard::enter();
            // SAFETY: the sums outlive the call, and their fields may be shared.
            unsafe { parallel_for(pool.handle(), add, std::ptr::from_ref(&sums).cast_mut().cast(), 24) };
            run(&pool, linger, &seen);
            assert_eq!(seen.modes.load(Relaxed), (fpenv::read() & fpenv::CONTROL) as u32);
        }
        let bits: Vec<u32> = sums.bits.iter().map(|each| each.load(Relaxed)).collect();
        assert_eq!(bits, [7, 1.0f32.to_bits()].repeat(12));
        assert!(sums.threads.lock().unwrap().len() > 1, "the others had 120 ms to come");
    }

    #[test]
    fn workers_take_no_time_of_the_processor_once_a_step_has_ended() {
        let pool = Pool::new(3).unwrap();
        let tally = tally(24);
        run(&pool, linger, &tally);
        pool.rest();
        // SAFETY: gettid only answers.
        let caller = unsafe { libc::gettid() };
        let others: Vec<i32> = tally.threads.lock().unwrap().iter().copied().filter(|id| *id != caller).collect();
        assert!(!others.is_empty());
        let used = || -> Vec<u64> {
            let of = |id: &i32| {
                let text = std::fs::read_to_string(format!("/proc/self/task/{id}/schedstat")).unwrap();
                text.split(' ').next().unwrap().parse().unwrap()
            };
            others.iter().map(of).collect()
        };
        let settled = || {
            let before = used();
            thread::sleep(std::time::Duration::from_millis(20));
            before == used()
        };
        // A worker may still be on its way to sleep; one that spins never gets there.
        assert!((0..50).any(|_| settled()));
    }

    #[test]
    fn a_number_of_threads_that_cannot_be_is_refused() {
        for threads in [0, 65] {
            let text = Pool::new(threads).err().expect("refused").to_string();
            assert!(text.starts_with(&format!("error[program/threads]: {threads} threads: ")), "{text}");
        }
    }
}
