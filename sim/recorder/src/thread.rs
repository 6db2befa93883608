//! The recorder's thread: whoever has records hands them over and goes on; the disk is waited for here alone.

use std::io::Error;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use isochron_executive::journal::Record;
use isochron_executive::records::{self, Losses, Writer};

use crate::files::{Files, Gaps, Made, Options};
use crate::layout::Layout;
use crate::queue::Queue;
use crate::recording::{Attachment, Begin, Facts, UNKNOWN};

/// Bytes of records that may wait for the disk; what comes beyond is lost, and counted.
const MOST_WAITING: usize = 256 << 20;
/// How often the thread looks whether a chunk has been open for long.
const TICK: Duration = Duration::from_millis(100);

/// How an order of the thread ended, and with it the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Everything so far is in the file, which goes on.
    Flushed,
    /// Whole and closed.
    Whole,
    /// The disk took no more; what it took is to be ended by `cut`.
    Failed(i32),
    /// What the ring held stands in this file, and the recording goes on.
    Saved(PathBuf),
    /// That could not be written, and the recording goes on.
    NotSaved(i32),
    /// Ended by `cut`, without an index.
    Cut,
    /// There was no room even for an end; whole records stand.
    Unended,
}

enum Order {
    Flush,
    Save(String),
    Finish(Facts),
    Cut(Facts),
    Close,
}

#[derive(Default)]
struct State {
    waiting: Queue,
    /// Records that found no room since the last that did.
    lost: u64,
    begun: Option<Begin>,
    order: Option<Order>,
    /// Somebody waits for how an order ends.
    is_ordered: bool,
    ended: Option<Ended>,
    /// The file's beginning is written, or could not be.
    is_open: bool,
    failed: Option<i32>,
    gaps: Gaps,
    /// Bytes that the thread has taken and not written yet.
    taken: usize,
    /// The thread has ended: nothing is taken any more.
    is_closed: bool,
}

impl State {
    /// What became of all that was taken. A disk may take more later where the recording can go on then.
    fn tell(&mut self, files: &Files) {
        self.failed = files.failed().filter(|_| !files.resumes());
        self.gaps = files.gaps();
        self.taken = 0;
    }

    /// Makes room known again where there was none.
    fn tell_losses(&mut self) {
        if self.lost > 0 {
            let mut writer = Writer::default();
            writer.lost(Losses::Decisions, self.lost);
            self.waiting.records(&writer.take());
            self.lost = 0;
        }
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Something is to be done, or has been done.
    changed: Condvar,
}

impl Shared {
    /// A panic elsewhere leaves what was written.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A recording, written on its own thread.
pub struct Recorder {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Recorder {
    /// Makes the file, or the folder, and starts the thread, which writes the file's beginning; fails where it exists.
    pub fn create(options: Options, layout: Layout, attachments: Vec<Attachment>) -> Result<Self, Error> {
        let made = Made::create(options)?;
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new().name("iso:recorder".to_owned()).spawn(move || {
            run(&of_thread, made.begin(layout, attachments));
        })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Waits until the file's beginning is written; the errno where it could not be.
    pub fn opened(&self) -> Option<i32> {
        let mut state = self.shared.lock();
        while !state.is_open {
            state = self.shared.wait(state);
        }
        state.failed
    }

    /// Says what the run begins with; until then records wait.
    pub fn begin(&self, begin: Begin) {
        self.shared.lock().begun.get_or_insert(begin);
        self.shared.changed.notify_all();
    }

    /// Adds records from who can wait; the bytes that wait for the disk now.
    pub fn add(&self, records: &[u8]) -> usize {
        let mut state = self.shared.lock();
        state.waiting.records(records);
        self.shared.changed.notify_all();
        state.waiting.bytes() + state.taken
    }

    /// Adds what a pipeline has published; the bytes that wait for the disk now.
    pub fn send(&self, publication: usize, time: i64, bytes: &[u8]) -> usize {
        let mut state = self.shared.lock();
        state.waiting.send(publication, time, bytes);
        self.shared.changed.notify_all();
        state.waiting.bytes() + state.taken
    }

    /// Waits until everything that was added is written, or the disk takes no more.
    pub fn drained(&self) {
        let mut state = self.shared.lock();
        while state.failed.is_none() && !state.is_closed && state.waiting.bytes() + state.taken > 0 {
            state = self.shared.wait(state);
        }
    }

    /// Writes everything that was added, and waits for it.
    pub fn flush(&self) -> Ended {
        self.order(Order::Flush)
    }

    /// The errno of the disk that took no more.
    pub fn failed(&self) -> Option<i32> {
        self.shared.lock().failed
    }

    /// Writes what the ring holds to a file of its own, named for the reason.
    pub fn save(&self, reason: &str) -> Ended {
        self.order(Order::Save(reason.to_owned()))
    }

    /// What the disk did not take between parts.
    pub fn gaps(&self) -> Gaps {
        self.shared.lock().gaps
    }

    /// Ends the file: everything that was added, then what the run says.
    pub fn finish(&self, facts: Facts) -> Ended {
        self.order(Order::Finish(facts))
    }

    /// Ends a file that the disk took no more of.
    pub fn cut(&self, facts: Facts) -> Ended {
        self.order(Order::Cut(facts))
    }

    /// Closes the file as it is.
    pub fn close(&self) {
        self.order(Order::Close);
    }

    fn order(&self, order: Order) -> Ended {
        let mut state = self.shared.lock();
        if state.is_closed {
            return Ended::Unended;
        }
        state.begun.get_or_insert_default();
        // One after the other.
        while state.is_ordered {
            state = self.shared.wait(state);
        }
        if state.is_closed {
            return Ended::Unended;
        }
        state.is_ordered = true;
        state.order = Some(order);
        state.ended = None;
        self.shared.changed.notify_all();
        loop {
            if let Some(ended) = state.ended.take() {
                state.is_ordered = false;
                self.shared.changed.notify_all();
                return ended;
            }
            state = self.shared.wait(state);
        }
    }
}

impl Record for Recorder {
    fn record(&self, records: &[u8]) {
        let mut state = self.shared.lock();
        if state.failed.is_some() || state.is_closed {
            return;
        }
        if state.waiting.bytes() + records.len() > MOST_WAITING {
            state.lost += records::read_all(records).map_or(1, |all| all.len() as u64);
            return;
        }
        state.tell_losses();
        state.waiting.records(records);
        self.shared.changed.notify_all();
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let thread = self.thread.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(thread) = thread
            && !thread.is_finished()
        {
            self.close();
            // A panic there has been printed already.
            let _ended = thread.join();
        }
    }
}

/// Marks a thread's end, however it ends.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_open = true;
        state.is_closed = true;
        state.failed = state.failed.or(std::thread::panicking().then_some(UNKNOWN));
        state.ended.get_or_insert(Ended::Unended);
        self.0.changed.notify_all();
    }
}

fn run(shared: &Shared, begun: Result<Files, Error>) {
    let _ending = Ending(shared);
    let mut files = match begun {
        Ok(files) => files,
        Err(error) => {
            shared.lock().failed = Some(error.raw_os_error().unwrap_or(UNKNOWN));
            return;
        }
    };
    shared.lock().is_open = true;
    shared.changed.notify_all();
    let mut taken = Queue::default();
    loop {
        let mut state = shared.lock();
        state.tell(&files);
        shared.changed.notify_all();
        let is_idle = |state: &mut State| state.order.is_none() && (state.begun.is_none() || state.waiting.is_empty());
        state = match shared.changed.wait_timeout_while(state, TICK, is_idle) {
            Ok((state, _)) => state,
            Err(poisoned) => poisoned.into_inner().0,
        };
        let begun = state.begun;
        let order = state.order.take();
        if order.is_some() {
            state.tell_losses();
        }
        if begun.is_some() {
            std::mem::swap(&mut taken, &mut state.waiting);
            state.taken = taken.bytes();
        }
        drop(state);
        if let Some(begin) = begun {
            files.begin(begin);
        }
        files.add(&taken);
        taken.clear();
        files.tick();
        let ended = match order {
            None => continue,
            Some(Order::Flush) => {
                files.end_chunk();
                files.failed().map_or(Ended::Flushed, Ended::Failed)
            }
            Some(Order::Save(reason)) => files.save(&reason, None).map_or_else(Ended::NotSaved, Ended::Saved),
            Some(Order::Finish(facts)) => match files.finish(facts) {
                true => Ended::Whole,
                false => Ended::Failed(files.failed().unwrap_or(UNKNOWN)),
            },
            Some(Order::Cut(facts)) => match files.cut(facts) {
                true => Ended::Cut,
                false => Ended::Unended,
            },
            Some(Order::Close) => {
                files.close();
                Ended::Unended
            }
        };
        let goes_on = !matches!(ended, Ended::Whole | Ended::Cut | Ended::Unended);
        let mut state = shared.lock();
        state.tell(&files);
        state.ended = Some(ended);
        shared.changed.notify_all();
        if !goes_on {
            return;
        }
    }
}
