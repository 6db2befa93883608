//! The thread by which messages of outputs leave: it sleeps to the next publication instant, takes the verdict as every reader
//! does, encodes what stands and hands it on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use hdrhistogram::Histogram;

use super::ring::Ring;
use super::shared::{Shared, Upcoming, messages_depth};
use super::sys;
use crate::error::ExecutiveError;
use crate::outlet::{Departing, Encode, Output};
use crate::rules;

/// Carries messages of an output out of the process.
pub trait Carry: Send + Sync {
    /// Sends a message; false where it could not be. Waits for nothing.
    fn carry(&self, message: &[u8]) -> bool;
}

/// Called where messages have been put for who awaits them.
pub type Notice = Arc<dyn Fn() + Send + Sync>;

/// A message on its way to who takes messages; its memory is used again.
pub struct Letter {
    pub task: u32,
    pub job: u64,
    pub time: i64,
    pub bytes: Vec<u8>,
}

/// Memory for messages of at most so many bytes, of which the first megabyte is brought in: longer ones are seldom as long as
/// their type allows.
fn memory(most: usize) -> Vec<u8> {
    let mut memory = Vec::with_capacity(most);
    memory.resize(most.min(1 << 20), 1);
    memory
}

/// What the sender shares with who takes an output's messages.
#[derive(Default)]
pub struct Way {
    /// There where messages are taken at all.
    pub letters: OnceLock<Ring<Letter>>,
    /// Whether somebody waits for them, so that a notice is given.
    pub awaited: AtomicBool,
}

/// How the messages of an output left.
#[derive(Debug, Clone, Copy, Default)]
pub struct Departures {
    /// Messages that left, and nanoseconds after their instant (with `completion`, after their job's end).
    pub left: u64,
    pub median_ns: i64,
    pub p99_ns: i64,
    pub latest_ns: i64,
    /// The publication instant of the latest.
    pub latest_at: i64,
    /// Messages that could not be carried.
    pub unsent: u64,
    /// Messages that nobody could be handed: the sender, or who takes them, was too far behind.
    pub missed: u64,
}

/// One output.
struct Line {
    departing: Departing,
    encoder: Arc<dyn Encode>,
    way: Arc<Way>,
    carriers: Vec<Arc<dyn Carry>>,
    /// Where a message is made that there is no letter for.
    message: Vec<u8>,
    lateness: Histogram<u64>,
    departures: Departures,
}

impl Line {
    fn is_active(&self) -> bool {
        !self.carriers.is_empty() || self.way.letters.get().is_some()
    }

    /// Makes the message of a slot and hands it on; whether a notice is to be given.
    ///
    /// Real-time, but for what carries: the memory is there.
    fn leave(&mut self, slot: &[u8], stamp: i64, task: u32, job: u64, time: i64) -> bool {
        let (encoder, carriers) = (&self.encoder, &self.carriers);
        let departures = &mut self.departures;
        let mut make = |message: &mut Vec<u8>| {
            // What cannot be encoded ends the run where it is written down.
            let sent = encoder.encode(slot, stamp, message).is_ok() && carriers.iter().all(|each| each.carry(message));
            *(if sent { &mut departures.left } else { &mut departures.unsent }) += 1;
        };
        let put = self.way.letters.get().and_then(|letters| {
            letters.write(|letter| {
                (letter.task, letter.job, letter.time) = (task, job, time);
                make(&mut letter.bytes);
            })
        });
        if put.is_none() {
            make(&mut self.message);
            if self.way.letters.get().is_some() {
                self.departures.missed += 1;
            }
        }
        put.is_some() && self.way.awaited.load(Ordering::Acquire)
    }

    /// Notes how late a message has left.
    fn note(&mut self, late: i64, time: i64) {
        let late = late.max(0);
        self.lateness.saturating_record(late.unsigned_abs());
        if late > self.departures.latest_ns {
            (self.departures.latest_ns, self.departures.latest_at) = (late, time);
        }
    }

    fn facts(&self) -> Departures {
        let at = |quantile| self.lateness.value_at_quantile(quantile) as i64;
        let latest = self.departures.latest_ns;
        Departures { median_ns: at(0.5).min(latest), p99_ns: at(0.99).min(latest), ..self.departures }
    }
}

/// The outputs that show one task.
struct Course {
    task: usize,
    /// The number of the next publication to look at.
    next: u64,
    /// What leaves at completion has left for that one.
    completed: bool,
    over: bool,
    lines: Vec<Line>,
}

impl Course {
    /// Lets what is due leave; the next publication instant, where it is known already.
    ///
    /// Real-time: looks at each publication once.
    fn follow(&mut self, shared: &Shared, epoch_ns: i64, notice: Option<&Notice>) -> Option<i64> {
        while !self.over {
            let (gone, upcoming) = shared.upcoming(self.task, &mut self.next, shared.end.load(Ordering::Acquire));
            self.miss(gone);
            let publication = match upcoming {
                Upcoming::At(publication) => publication,
                Upcoming::Unknown => return None,
                Upcoming::Over => {
                    self.over = true;
                    return None;
                }
            };
            if publication > shared.now() {
                self.complete(shared, publication, epoch_ns, notice);
                return Some(publication);
            }
            self.publish(shared, publication, epoch_ns, notice);
            self.next += 1;
            self.completed = false;
        }
        None
    }

    fn miss(&mut self, messages: u64) {
        self.lines.iter_mut().filter(|line| line.is_active()).for_each(|line| line.departures.missed += messages);
    }

    /// The publication instant has come: what stands is settled as any reader settles it.
    fn publish(&mut self, shared: &Shared, publication: i64, epoch_ns: i64, notice: Option<&Notice>) {
        let row = &shared.table.tasks[self.task];
        let (pinned, _) = shared.pin(row.output, publication);
        let done = pinned.jobs == self.next + 1;
        if pinned.late {
            self.miss(1);
        } else if rules::publishes(row, done, pinned.sequence > 0) {
            // SAFETY: the slot is pinned.
            let slot = unsafe { shared.channels[row.output].bytes(pinned.slot) };
            let left = self.completed && done;
            let wanted = |line: &Line| !(left && line.departing == Departing::Completion);
            self.leave(shared, slot, (publication, publication), epoch_ns, notice, wanted);
        }
        shared.channels[row.output].index.unpin(pinned.slot);
    }

    /// Before the publication instant: what is to leave at completion leaves once the job is done.
    fn complete(&mut self, shared: &Shared, publication: i64, epoch_ns: i64, notice: Option<&Notice>) {
        let at_completion = |line: &Line| line.departing == Departing::Completion;
        if self.completed || !self.lines.iter().any(at_completion) {
            return;
        }
        let output = shared.table.tasks[self.task].output;
        let Some(pinned) = shared.pin_done(output, self.next, publication) else { return };
        self.completed = true;
        // SAFETY: the slot is pinned.
        let slot = unsafe { shared.channels[output].bytes(pinned.slot) };
        let ended = shared.ended[self.task].load(Ordering::Acquire);
        self.leave(shared, slot, (publication, ended), epoch_ns, notice, at_completion);
        shared.channels[output].index.unpin(pinned.slot);
    }

    /// Lets the messages of a slot leave: their publication instant, and the time since which they are late.
    fn leave(
        &mut self,
        shared: &Shared,
        slot: &[u8],
        (publication, since): (i64, i64),
        epoch_ns: i64,
        notice: Option<&Notice>,
        wanted: impl Fn(&Line) -> bool,
    ) {
        let (task, job) = (self.task as u32, self.next);
        let mut awaited = false;
        for line in self.lines.iter_mut().filter(|line| line.is_active() && wanted(line)) {
            awaited |= line.leave(slot, epoch_ns.saturating_add(publication), task, job, publication);
            line.note(shared.now() - since, publication);
        }
        if let (true, Some(notice)) = (awaited, notice) {
            notice();
        }
    }
}

/// Every output of a live run, in the order of the application.
pub struct Sender {
    courses: Vec<Course>,
    /// Per output: its course, and its place there.
    places: Vec<(usize, usize)>,
    notice: Option<Notice>,
}

impl Sender {
    pub fn new(shared: &Shared, outputs: &[Output]) -> Result<Self, ExecutiveError> {
        let mut courses: Vec<Course> = Vec::new();
        let mut places = Vec::new();
        for (id, output) in outputs.iter().enumerate() {
            let task = shared.table.tasks.iter().position(|row| row.output == output.channel);
            let task = task.ok_or(ExecutiveError::Output(id))?;
            let mut lateness = Histogram::new_with_bounds(1, 60_000_000_000, 2)
                .map_err(|error| ExecutiveError::Threads(error.to_string()))?;
            // Written over, so that its pages are there.
            lateness.reset();
            let line = Line {
                departing: output.departing,
                encoder: output.encoder.clone(),
                way: Arc::default(),
                carriers: Vec::new(),
                message: memory(output.encoder.most_bytes()),
                lateness,
                departures: Departures::default(),
            };
            let at = courses.iter().position(|course| course.task == task).unwrap_or_else(|| {
                courses.push(Course { task, next: 0, completed: false, over: false, lines: Vec::new() });
                courses.len() - 1
            });
            places.push((at, courses[at].lines.len()));
            courses[at].lines.push(line);
        }
        Ok(Self { courses, places, notice: None })
    }

    fn line(&mut self, output: usize) -> Result<&mut Line, ExecutiveError> {
        let (course, line) = *self.places.get(output).ok_or(ExecutiveError::Output(output))?;
        Ok(&mut self.courses[course].lines[line])
    }

    /// Has an output's messages carried, too.
    pub fn carry_with(&mut self, output: usize, carrier: Arc<dyn Carry>) -> Result<(), ExecutiveError> {
        self.line(output)?.carriers.push(carrier);
        Ok(())
    }

    /// Has every output's messages put in its way, and a notice given for those that are awaited.
    pub fn hand_on(&mut self, shared: &Shared, notice: Notice) {
        for course in &self.courses {
            for line in &course.lines {
                let most = line.encoder.most_bytes();
                line.way.letters.get_or_init(|| {
                    let depth = messages_depth(&shared.table.tasks[course.task], most);
                    Ring::of(depth, || Letter { task: 0, job: 0, time: 0, bytes: memory(most) })
                });
            }
        }
        self.notice = Some(notice);
    }

    /// What is shared with who takes messages, per output.
    pub fn ways(&self) -> Vec<Arc<Way>> {
        self.places.iter().map(|(course, line)| self.courses[*course].lines[*line].way.clone()).collect()
    }

    /// Whether any output's messages go anywhere.
    pub fn is_active(&self) -> bool {
        self.courses.iter().any(|course| course.lines.iter().any(Line::is_active))
    }

    /// How the messages left, per output; those of outputs that go nowhere are not counted.
    pub fn facts(&self) -> Vec<Departures> {
        self.places.iter().map(|(course, line)| self.courses[*course].lines[*line].facts()).collect()
    }

    /// The thread's loop; returns when the run ends.
    ///
    /// Real-time: no allocation, no lock, no system call but the futex's wait, what carries, and notices.
    pub fn run(&mut self, shared: &Shared, epoch_ns: i64) {
        for course in &mut self.courses {
            course.over = !course.lines.iter().any(Line::is_active);
        }
        loop {
            // Acquire pairs with the Release in `wake_sender`: what was changed before is looked at again.
            let wakeups = shared.sender.load(Ordering::Acquire);
            let mut wake = shared.now() + 1_000_000_000;
            for course in &mut self.courses {
                if let Some(publication) = course.follow(shared, epoch_ns, self.notice.as_ref()) {
                    wake = wake.min(publication);
                }
            }
            if self.courses.iter().all(|course| course.over) || shared.broken.load(Ordering::Acquire) {
                return;
            }
            sys::wait(&shared.sender, wakeups, wake + shared.epoch.load(Ordering::Relaxed));
        }
    }
}
