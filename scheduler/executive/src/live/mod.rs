//! Live runs: the schedule on real threads and the real clock, every decision recorded so that replay can prove the run.

mod buffers;
mod channel;
mod collector;
mod counts;
mod fault;
mod inputs;
mod releases;
mod ring;
mod sender;
mod shared;
mod sys;
mod turns;
mod upstream;
mod verdict;
mod worker;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

pub use buffers::Claimed;
use collector::Collector;
pub use fault::Fault;
use inputs::Inputs;
pub use sender::{Carry, Departures, Notice};
use sender::{Sender, Way};
use shared::Shared;
use upstream::Upstream;
use worker::Worker;

use crate::error::ExecutiveError;
use crate::intake::Decoders;
use crate::job::Job;
use crate::journal::{Journal, Record};
use crate::outlet::Output;
use crate::records::Writer;
use crate::table::{Source, Table, Trigger};
use crate::task::{Stall, Task};

/// Called on each real-time thread just before its loop, with the thread's name, and just after it.
#[derive(Clone, Copy, Default)]
pub struct ThreadHooks {
    pub start: Option<unsafe extern "C" fn(*const std::ffi::c_char)>,
    pub stop: Option<unsafe extern "C" fn()>,
}

impl ThreadHooks {
    /// Runs the loop of a thread between the two.
    pub fn watch(self, name: &str, body: impl FnOnce()) {
        // Freed after the loop: nothing between the hooks gives memory back.
        let watched = std::ffi::CString::new(name).ok();
        if let (Some(start), Some(name)) = (self.start, &watched) {
            // SAFETY: the hook is a C function that takes a NUL-terminated name.
            unsafe { start(name.as_ptr()) };
        }
        body();
        if let Some(stop) = self.stop {
            // SAFETY: the hook is a C function without arguments.
            unsafe { stop() };
        }
    }
}

/// A real-time thread as it was set up; the policy is read back, not assumed.
#[derive(Debug, Clone)]
pub struct ThreadInfo {
    pub name: String,
    pub core: usize,
    pub bound: bool,
    pub priority: i32,
    pub policy: &'static str,
    pub stack_locked: bool,
}

/// A newest sample as an observer sees it.
pub struct LiveSample {
    pub sequence: u64,
    pub time: i64,
    pub bytes: Vec<u8>,
}

/// A schedule on real threads.
pub struct LiveExecutive {
    shared: Arc<Shared>,
    inputs: Arc<Inputs>,
    /// Until the start, and again once the run has ended.
    sender: Option<Sender>,
    sending: Option<JoinHandle<Sender>>,
    /// Per output.
    ways: Vec<Arc<Way>>,
    journal: Arc<Mutex<Journal>>,
    collector: Arc<Mutex<Collector>>,
    waiting: Vec<Vec<Worker>>,
    threads: Vec<JoinHandle<Vec<Worker>>>,
    collecting: Option<JoinHandle<()>>,
    infos: Arc<Mutex<Vec<ThreadInfo>>>,
    realtime: bool,
    hooks: ThreadHooks,
    kernel_calls: u64,
    memory_locked: bool,
}

/// A lock that outlives a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Time between the start and logical time 0, so that every thread is up.
const LEAD_NS: i64 = 20_000_000;
/// Time between the call of `stop` and the end of the run, so that every thread learns of it before.
const TAIL_NS: i64 = 5_000_000;

impl LiveExecutive {
    /// One job per task, in the table's order, and no outputs. Memory is laid out and touched here.
    pub fn new(
        table: Table,
        jobs: Vec<Box<dyn Job>>,
        stalls: &[Stall],
        realtime: bool,
        hooks: ThreadHooks,
    ) -> Result<Self, ExecutiveError> {
        Self::with_outputs(table, jobs, stalls, Vec::new(), realtime, hooks)
    }

    /// The same, with what makes messages of its tasks' outputs.
    pub fn with_outputs(
        table: Table,
        jobs: Vec<Box<dyn Job>>,
        stalls: &[Stall],
        outputs: Vec<Output>,
        realtime: bool,
        hooks: ThreadHooks,
    ) -> Result<Self, ExecutiveError> {
        if jobs.len() != table.tasks.len() {
            return Err(ExecutiveError::Table(format!("{} tasks, but {} jobs", table.tasks.len(), jobs.len())));
        }
        let mut tasks = jobs
            .into_iter()
            .enumerate()
            .map(|(id, job)| Task::new(&table, id, job, stalls).map(Some))
            .collect::<Result<Vec<_>, _>>()?;
        let shared = Arc::new(Shared::new(table, &outputs)?);
        let waiting = shared
            .groups
            .iter()
            .map(|group| {
                group
                    .tasks
                    .iter()
                    .filter_map(|id| tasks[*id].take())
                    .map(|task| Worker {
                        producer: shared.channels[task.row.output].index.producer(),
                        upstream: Upstream::of(&shared.table, task.id as usize),
                        task,
                        next: 0,
                        ended: i64::MIN,
                    })
                    .collect()
            })
            .collect();
        let sender = Sender::new(&shared, &outputs)?;
        let mut journal = Journal::new(&shared.table);
        journal.encode_with(outputs)?;
        let journal = Arc::new(Mutex::new(journal));
        let collector = Arc::new(Mutex::new(Collector::new(shared.clone(), journal.clone())));
        Ok(Self {
            inputs: Arc::new(Inputs::new(shared.clone(), collector.clone())),
            collector,
            ways: sender.ways(),
            sender: Some(sender),
            sending: None,
            shared,
            journal,
            waiting,
            threads: Vec::new(),
            collecting: None,
            infos: Arc::default(),
            realtime,
            hooks,
            kernel_calls: 0,
            memory_locked: false,
        })
    }

    /// Starts the threads; logical time 0 is a little later. Stamps are counted from `epoch_ns`, the ROS time of logical 0:
    /// the system's unless given. Returns it.
    pub fn start(&mut self, epoch_ns: Option<i64>) -> Result<i64, ExecutiveError> {
        let failed = |error: std::io::Error| ExecutiveError::Threads(error.to_string());
        // Refusals are told, not fatal: the memory has been touched, and stays where there is enough.
        self.memory_locked = sys::lock_code()
            & self.shared.lock_memory()
            & self.waiting.iter().flatten().fold(true, |locked, worker| worker.task.job.lock_memory() & locked);
        self.shared.epoch.store(sys::monotonic() + LEAD_NS, Ordering::Release);
        let epoch_ns = epoch_ns.unwrap_or_else(|| self.clock_at_zero());
        lock(&self.journal).outlet.set_epoch(epoch_ns);
        for (id, workers) in std::mem::take(&mut self.waiting).into_iter().enumerate() {
            let (shared, infos, hooks, realtime) = (self.shared.clone(), self.infos.clone(), self.hooks, self.realtime);
            let name = format!("iso:{}:{}", shared.groups[id].core, shared.groups[id].priority);
            let thread = std::thread::Builder::new()
                .name(name.clone())
                .spawn(move || run_thread(&shared, id, workers, name, realtime, hooks, &infos))
                .map_err(failed)?;
            self.threads.push(thread);
        }
        if let Some(mut sender) = self.sender.take_if(|sender| sender.is_active()) {
            let (shared, hooks, priority) = (self.shared.clone(), self.hooks, self.edge_priority());
            let run = move || {
                run_at_edge(SENDER, priority, hooks, || sender.run(&shared, epoch_ns));
                sender
            };
            self.sending = Some(std::thread::Builder::new().name(SENDER.to_owned()).spawn(run).map_err(failed)?);
        }
        let (shared, collector) = (self.shared.clone(), self.collector.clone());
        let threads = self.threads.len() as u32;
        let collecting = std::thread::Builder::new().name("iso:collector".to_owned()).spawn(move || {
            while shared.finished.load(Ordering::Acquire) < threads {
                lock(&collector).collect();
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            lock(&collector).collect();
        });
        self.collecting = Some(collecting.map_err(failed)?);
        Ok(epoch_ns)
    }

    /// The time of the system's clock at logical 0, nanoseconds since 1970, as that clock has it now.
    pub fn clock_at_zero(&self) -> i64 {
        sys::clock_ahead_of(|| self.shared.now())
    }

    /// Logical time now; negative until the run has begun.
    pub fn now(&self) -> i64 {
        self.shared.now()
    }

    /// Gives the executive what makes samples of received messages; starts the threads of channels with a latency.
    pub fn decode_with(&mut self, decoders: Decoders) -> Result<(), ExecutiveError> {
        decoders
            .into_iter()
            .enumerate()
            .try_for_each(|(channel, decoder)| decoder.map_or(Ok(()), |each| self.inputs.decode_with(channel, each)))
    }

    /// The priority of threads at the edge: below those of all tasks, whose response times know nothing of them.
    pub fn edge_priority(&self) -> Option<i32> {
        let least = self.shared.groups.iter().map(|group| group.priority).min();
        self.realtime.then(|| (least.unwrap_or(2) - 1).max(1))
    }

    /// Where messages of a channel enter from threads of others: a buffer is claimed, written and received.
    pub fn entrance(&self, channel: usize) -> Entrance {
        Entrance { inputs: self.inputs.clone(), channel }
    }

    /// Has an output's messages carried by the sender's thread. Before the start.
    pub fn carry_with(&mut self, output: usize, carrier: Arc<dyn Carry>) -> Result<(), ExecutiveError> {
        self.sender.as_mut().map_or(Err(ExecutiveError::Output(output)), |sender| sender.carry_with(output, carrier))
    }

    /// Has the messages of all outputs kept for `messages`; `notice` is called where an awaited one was. Before the start.
    pub fn hand_on(&mut self, notice: Notice) {
        if let Some(sender) = &mut self.sender {
            sender.hand_on(&self.shared, notice);
        }
    }

    /// Begins or ends the wait for an output's messages.
    pub fn await_messages(&self, output: usize, on: bool) -> Result<(), ExecutiveError> {
        let way = self.ways.get(output).ok_or(ExecutiveError::Output(output))?;
        way.awaited.store(on, Ordering::Release);
        Ok(())
    }

    /// The messages that have left since the last call, as records.
    pub fn messages(&mut self) -> Vec<u8> {
        let mut writer = Writer::default();
        for (output, way) in self.ways.iter().enumerate() {
            let Some(letters) = way.letters.get() else { continue };
            let mut write = |letter: &mut sender::Letter| {
                writer.message(output as u32, letter.task, letter.job, letter.time, &letter.bytes);
            };
            while letters.read(&mut write).is_some() {}
        }
        writer.take()
    }

    /// How messages left, per output, once the run has ended; nothing before.
    pub fn departures(&self) -> Vec<Departures> {
        self.sender.as_ref().map_or_else(Vec::new, Sender::facts)
    }

    /// Records are handed to a recorder, too, as the collector takes them from the threads.
    pub fn record_to(&mut self, recorder: Arc<dyn Record>) {
        lock(&self.journal).record_to(recorder);
    }

    /// Receives a message of time `at` on an external channel; returns its number. What cannot be decoded is recorded as
    /// rejected. See `admit` for its tag.
    pub fn receive(&self, channel: usize, at: i64, raw: &[u8]) -> Result<u64, ExecutiveError> {
        self.inputs.receive(channel, at, raw)
    }

    /// Whether a received message is a sample; none while its decoding has not ended.
    pub fn is_sample(&self, channel: usize, number: u64) -> Option<bool> {
        self.inputs.is_sample(channel, number)
    }

    /// Admits a sample; returns its number and tag, which is `at`, or now where that is earlier, but later than the last
    /// sample's and than all that a release has read. The releases that it causes have that time, too.
    pub fn admit(&self, channel: usize, at: i64, raw: &[u8], slot: &[u8]) -> Result<(u64, i64), ExecutiveError> {
        self.inputs.admit(channel, at, raw, slot)
    }

    /// The newest sample of a channel with a tag not after `time` nor now; the oldest left where that one is gone.
    pub fn latest(&self, channel: usize, time: i64) -> LiveSample {
        let live = &self.shared.channels[channel];
        let pinned = self.shared.observe(channel, time.min(self.shared.now()));
        // SAFETY: the slot is pinned.
        let bytes = unsafe { live.bytes(pinned.slot) }.to_vec();
        live.index.unpin(pinned.slot);
        LiveSample { sequence: pinned.sequence, time: pinned.time, bytes }
    }

    /// The newest message of an output with a tag not after `time`; None before the first.
    pub fn latest_message(&self, output: usize, time: i64) -> Result<Option<LiveSample>, ExecutiveError> {
        let channel = lock(&self.journal).outlet.channel(output)?;
        let sample = self.latest(channel, time);
        if sample.sequence == 0 {
            return Ok(None);
        }
        let bytes = lock(&self.journal).outlet.encode(output, &sample.bytes, sample.time)?;
        Ok(Some(LiveSample { bytes, ..sample }))
    }

    /// The records since the last call, the messages of outputs among them.
    pub fn drain(&self) -> Result<Vec<u8>, ExecutiveError> {
        lock(&self.collector).collect();
        lock(&self.journal).take()
    }

    /// Ends the run: no release from the returned logical time on; waits for running jobs.
    pub fn stop(&mut self) -> i64 {
        let ended = self.shared.end.load(Ordering::Acquire);
        if ended != i64::MAX {
            return ended;
        }
        let end = self.shared.now().max(0) + TAIL_NS;
        self.shared.end.store(end, Ordering::Release);
        for (releases, row) in self.shared.releases.iter().zip(&self.shared.table.tasks) {
            if let Trigger::Arrival { channel, .. } = row.trigger
                && self.shared.table.channels[channel].source == Source::External
            {
                releases.close();
            }
        }
        self.shared.groups.iter().for_each(shared::Group::wake);
        self.shared.wake_sender();
        self.inputs.close();
        for thread in std::mem::take(&mut self.threads) {
            if let Ok(workers) = thread.join() {
                self.kernel_calls += workers.iter().map(|worker| worker.task.job.kernel_calls()).sum::<u64>();
            }
        }
        if let Some(sending) = self.sending.take() {
            // A panic there has been printed already.
            self.sender = sending.join().ok();
        }
        if let Some(collecting) = self.collecting.take() {
            // The collector's thread only ends by itself; a panic there has been printed already.
            let _ended = collecting.join();
        }
        end
    }

    pub fn hash(&self) -> String {
        lock(&self.journal).hash()
    }

    /// Kernels called by jobs of threads that have ended.
    pub fn kernel_calls(&self) -> u64 {
        self.kernel_calls
    }

    /// The threads with the policy in force, as read back.
    pub fn threads(&self) -> Vec<ThreadInfo> {
        lock(&self.infos).clone()
    }

    pub fn table(&self) -> &Table {
        &self.shared.table
    }

    /// Whether all memory that the threads use was locked, their stacks included.
    pub fn memory_locked(&self) -> bool {
        self.memory_locked && self.threads().iter().all(|thread| thread.stack_locked)
    }

    /// The first job that ended with a fault. A run with one goes on, as if the job were late, until it is stopped.
    pub fn fault(&self) -> Option<Fault> {
        self.shared.fault.get()
    }

    /// Fails where a job has ended with a fault, or a thread has broken off.
    pub fn check(&self) -> Result<(), ExecutiveError> {
        if let Some(Fault { task, job, code, .. }) = self.fault() {
            let name = self.shared.table.tasks.get(task as usize).map_or_else(String::new, |row| row.name.clone());
            return Err(ExecutiveError::Fault { task: name, job, fault: code });
        }
        if self.shared.broken.load(Ordering::Acquire) {
            return Err(ExecutiveError::Broken);
        }
        Ok(())
    }
}

impl Drop for LiveExecutive {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.stop();
        }
    }
}

/// Where messages of one channel enter a live run from a thread of its own; clones are of the same channel.
#[derive(Clone)]
pub struct Entrance {
    inputs: Arc<Inputs>,
    channel: usize,
}

impl Entrance {
    /// Brings in memory for messages of `bytes` bytes, so that receiving allocates nothing.
    pub fn prepare(&self, bytes: usize) {
        self.inputs.prepare(self.channel, bytes);
    }

    /// A buffer to write a message into, with what is left in it of an older one.
    pub fn claim(&self) -> Result<Claimed, ExecutiveError> {
        self.inputs.claim(self.channel)
    }

    /// Receives what was written, with the time of its arrival; returns its number, none once the run has been stopped.
    pub fn receive(&self, message: Claimed) -> Result<Option<u64>, ExecutiveError> {
        self.inputs.take(self.channel, i64::MAX, message.share())
    }
}

/// Sets up a thread at the edge of a run and runs its loop between the hooks: it sleeps exactly, its stack is there, and with
/// `priority` it asks for real-time scheduling.
pub fn run_at_edge(name: &str, priority: Option<i32>, hooks: ThreadHooks, body: impl FnOnce()) {
    sys::name_thread(name);
    sys::sleep_exactly();
    if let Some(priority) = priority {
        // Where it is not granted, messages come and leave later, and the report says how late they left.
        let _asked = sys::ask_for_fifo(priority);
    }
    let stack = sys::lock_stack();
    hooks.watch(name, body);
    drop(stack);
}

/// The sender's thread.
const SENDER: &str = "iso:out";

/// Sets a thread up, runs its loop, and gives its tasks back.
fn run_thread(
    shared: &Arc<Shared>,
    group: usize,
    mut workers: Vec<Worker>,
    name: String,
    realtime: bool,
    hooks: ThreadHooks,
    infos: &Mutex<Vec<ThreadInfo>>,
) -> Vec<Worker> {
    let _leaving = Leaving(shared);
    let Some((core, wanted)) = shared.groups.get(group).map(|group| (group.core, group.priority)) else {
        return workers;
    };
    sys::name_thread(&name);
    let bound = sys::bind_to_core(core);
    if realtime {
        // Whether it was granted is read back below, whatever this call says.
        let _asked = sys::ask_for_fifo(wanted);
    }
    let (policy, priority) = sys::policy();
    let stack = sys::lock_stack();
    let stack_locked = stack.locked;
    lock(infos).push(ThreadInfo { name: name.clone(), core, bound, priority, policy, stack_locked });
    hooks.watch(&name, || worker::run(shared, group, &mut workers));
    workers
}

/// Counts a thread as finished, however it ends.
struct Leaving<'a>(&'a Shared);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Release);
            self.0.groups.iter().for_each(shared::Group::wake);
            self.0.wake_sender();
        }
        self.0.finished.fetch_add(1, Ordering::Release);
    }
}
