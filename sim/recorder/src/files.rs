//! The files of a run's recording: one, parts of it that each begin with a keyframe, or what a ring in memory held when it was saved.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isochron_executive::records::{self, Fields, KEYFRAME, LOST, Losses};

use crate::file::RecordingFile;
use crate::layout::Layout;
use crate::queue::{Queue, Waiting};
use crate::recording::{Attachment, Begin, Compression, Facts, NOT_RECORDS, Part, Recording, UNKNOWN, is_logged};

/// What a recording is kept in.
#[derive(Debug, Clone)]
pub enum Form {
    /// One file, of this name.
    Whole(PathBuf),
    /// Parts in a folder that is made: a new one at the first keyframe behind so many bytes, or so much of the run.
    Parts {
        folder: PathBuf,
        bytes: Option<u64>,
        time_ns: Option<i64>,
        /// The oldest are removed where all are larger than this.
        keep: Option<u64>,
    },
    /// The last of the run in memory, from a keyframe on that is at least so old; saved to a folder that is made.
    Last { folder: PathBuf, time_ns: i64, bytes: usize },
}

/// How a recording is written.
#[derive(Debug, Clone)]
pub struct Options {
    pub form: Form,
    pub compression: Option<Compression>,
    /// The run's own name: parts of it have the same.
    pub run: String,
}

/// What came from one keyframe on to the next.
struct Segment {
    from_ns: i64,
    first_event: u64,
    records: Queue,
}

/// What the disk did not take between two parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gaps {
    pub count: u64,
    pub records: u64,
}

pub struct Files {
    layout: Arc<Layout>,
    attachments: Vec<Attachment>,
    options: Options,
    begin: Begin,
    has_begun: bool,
    /// The file that is written; closed where there is none.
    current: Recording,
    part: u32,
    /// Finished parts that are kept, with their sizes.
    finished: VecDeque<(PathBuf, u64)>,
    /// The newest keyframe's tag.
    keyframe_ns: i64,
    /// The keyframe's tag with which the current part began.
    part_ns: i64,
    /// Records of the log so far, those included that no file has.
    events: u64,
    /// Records were lost in the current part: the next keyframe begins another, which is whole again.
    has_losses: bool,
    /// Why there is no file, where the disk took none.
    errno: Option<i32>,
    /// Records since the disk took no more.
    missed: u64,
    gaps: Gaps,
    ring: VecDeque<Segment>,
    ring_bytes: usize,
    saved: u32,
}

/// The errno of what does not fit into memory.
const NO_MEMORY: i32 = 12;
const PARTIAL: &str = "partial";

fn part_path(folder: &Path, part: u32) -> PathBuf {
    folder.join(format!("part-{part:04}.mcap"))
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(PARTIAL);
    PathBuf::from(name)
}

/// Gives a finished file its name, and waits until the disk has that.
fn place(path: &Path) -> Result<(), Error> {
    std::fs::rename(partial(path), path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// What was made of a file, before its beginning is written.
pub struct Made {
    file: Option<RecordingFile>,
    options: Options,
}

impl Made {
    /// Makes the first file, or the folder; fails where it exists.
    pub fn create(options: Options) -> Result<Self, Error> {
        let file = match &options.form {
            Form::Whole(path) => Some(RecordingFile::create(path)?),
            Form::Parts { folder, .. } => {
                std::fs::create_dir(folder)?;
                Some(RecordingFile::create(&partial(&part_path(folder, 1)))?)
            }
            Form::Last { folder, .. } => {
                std::fs::create_dir(folder)?;
                None
            }
        };
        Ok(Self { file, options })
    }

    /// Writes the beginning of the file.
    pub fn begin(self, layout: Layout, attachments: Vec<Attachment>) -> Result<Files, Error> {
        let layout = Arc::new(layout);
        let current = match self.file {
            Some(file) => Recording::begin_file(file, layout.clone(), &attachments, self.options.compression)?,
            None => Recording::none(layout.clone()),
        };
        let is_whole = matches!(self.options.form, Form::Whole(_));
        Ok(Files {
            layout,
            attachments: if is_whole { Vec::new() } else { attachments },
            options: self.options,
            begin: Begin::default(),
            has_begun: false,
            current,
            part: 1,
            finished: VecDeque::new(),
            keyframe_ns: 0,
            part_ns: 0,
            events: 0,
            has_losses: false,
            errno: None,
            missed: 0,
            gaps: Gaps::default(),
            ring: VecDeque::from([Segment { from_ns: 0, first_event: 0, records: Queue::default() }]),
            ring_bytes: 0,
            saved: 0,
        })
    }
}

impl Files {
    /// Says what the run begins with, before any record.
    pub fn begin(&mut self, begin: Begin) {
        if self.has_begun {
            return;
        }
        self.has_begun = true;
        self.begin = begin;
        self.current.begin(begin);
        if matches!(self.options.form, Form::Parts { .. }) {
            let part = self.place_of(1, 0, 0, None);
            self.current.say_part(&part);
        }
    }

    fn place_of(&self, part: u32, from_ns: i64, first_event: u64, saved: Option<&str>) -> Part {
        let run = self.options.run.clone();
        Part { run, part, from_ns, first_event, missed: self.missed, saved: saved.map(str::to_owned) }
    }

    /// The errno of the disk that took no more.
    pub fn failed(&self) -> Option<i32> {
        self.current.failed().or(self.errno)
    }

    /// Whether the recording may go on, in another part, once the disk takes more.
    pub fn resumes(&self) -> bool {
        matches!(self.options.form, Form::Parts { .. }) && self.begin.is_live
    }

    /// What is missing between parts.
    pub fn gaps(&self) -> Gaps {
        self.gaps
    }

    /// Adds everything that waits.
    pub fn add(&mut self, queue: &Queue) {
        match self.options.form {
            Form::Whole(_) => queue.write_to(&mut self.current),
            Form::Parts { .. } => {
                for part in queue.parts() {
                    match part {
                        Waiting::Records(bytes) => self.add_to_parts(bytes),
                        Waiting::Sent { publication, time, bytes } => self.current.send(publication, time, bytes),
                    }
                }
            }
            Form::Last { .. } => {
                for part in queue.parts() {
                    match part {
                        Waiting::Records(bytes) => self.add_to_ring(bytes),
                        Waiting::Sent { publication, time, bytes } => {
                            if let Some(newest) = self.ring.back_mut() {
                                self.ring_bytes += bytes.len();
                                newest.records.send(publication, time, bytes);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Writes the chunk where it has been open for long.
    pub fn tick(&mut self) {
        self.current.tick();
    }

    pub fn end_chunk(&mut self) {
        self.current.end_chunk();
    }

    /// Whether a record is the first of a keyframe; its tag is kept in mind.
    fn begins_keyframe(&mut self, kind: u8, payload: &[u8]) -> bool {
        if kind != KEYFRAME {
            return false;
        }
        let mut fields = Fields::new(payload);
        let time = fields.u32().and_then(|_| fields.u64()).and_then(|_| fields.time()).unwrap_or(self.keyframe_ns);
        std::mem::replace(&mut self.keyframe_ns, time) != time
    }

    fn add_to_parts(&mut self, bytes: &[u8]) {
        let Ok(all) = records::read_all(bytes) else { return self.current.fail(NOT_RECORDS) };
        for (kind, payload) in all {
            if self.begins_keyframe(kind, payload) && self.is_due() {
                self.next_part();
            }
            if kind == LOST && payload.first().is_some_and(|what| *what != Losses::Traces as u8) {
                self.has_losses = true;
            }
            if !self.current.is_open() {
                self.missed += 1;
            }
            self.current.record(kind, payload);
            self.events += u64::from(is_logged(kind));
        }
    }

    fn is_due(&self) -> bool {
        let Form::Parts { bytes, time_ns, .. } = &self.options.form else { return false };
        if !self.current.is_open() {
            return self.resumes();
        }
        self.has_losses
            || bytes.is_some_and(|most| self.current.size() >= most)
            || time_ns.is_some_and(|most| self.keyframe_ns - self.part_ns >= most)
    }

    /// Ends the part that is written, and begins the next; where the disk does not take that, the run goes on without.
    fn next_part(&mut self) {
        let Form::Parts { folder, bytes, keep, .. } = self.options.form.clone() else { return };
        let path = part_path(&folder, self.part);
        // In virtual time a keyframe stands behind everything that came before it; live, jobs go on meanwhile.
        let until = (!self.begin.is_live).then_some(self.keyframe_ns);
        if self.current.is_open() && self.current.end_part(until) {
            match place(&path) {
                Ok(()) => self.keep_in_mind(path),
                Err(error) => self.errno = Some(error.raw_os_error().unwrap_or(UNKNOWN)),
            }
        } else {
            self.end_failed(path);
        }
        if let Some(keep) = keep {
            self.remove_oldest(keep, bytes.unwrap_or(0));
        }
        let path = partial(&part_path(&folder, self.part + 1));
        match self.begin_part(&path) {
            Ok(next) => self.current = next,
            Err(errno) => {
                let _best_that_can_be = std::fs::remove_file(&path);
                self.errno = Some(errno);
                return;
            }
        }
        if self.missed > 0 {
            self.gaps.count += 1;
            self.gaps.records += self.missed;
        }
        self.missed = 0;
        self.errno = None;
        self.part += 1;
        self.part_ns = self.keyframe_ns;
        self.has_losses = false;
    }

    fn begin_part(&self, path: &Path) -> Result<Recording, i32> {
        let file = RecordingFile::create(path);
        let begun = file.and_then(|file| {
            Recording::begin_file(file, self.layout.clone(), &self.attachments, self.options.compression)
        });
        let mut next = begun.map_err(|error| error.raw_os_error().unwrap_or(UNKNOWN))?;
        next.begin(self.begin);
        next.go_on(self.events);
        next.say_part(&self.place_of(self.part + 1, self.keyframe_ns, self.events, None));
        match next.failed() {
            Some(errno) => Err(errno),
            None => Ok(next),
        }
    }

    /// Ends a part that the disk took no more of, as far as it lets us, once.
    fn end_failed(&mut self, path: PathBuf) {
        if !partial(&path).exists() {
            return;
        }
        self.current.cut_part();
        if place(&path).is_ok() {
            self.keep_in_mind(path);
        }
    }

    fn keep_in_mind(&mut self, path: PathBuf) {
        let size = std::fs::metadata(&path).map_or(0, |there| there.len());
        self.finished.push_back((path, size));
    }

    /// Removes the oldest parts where all, with the next one, which is to be `most` bytes long, are more than is kept.
    fn remove_oldest(&mut self, keep: u64, most: u64) {
        // A part ends at the first keyframe behind its bytes, and then has an index.
        let next = self.finished.iter().map(|(_, size)| *size).max().unwrap_or(0).max(most);
        let mut all: u64 = next + self.finished.iter().map(|(_, size)| size).sum::<u64>();
        while all > keep
            && let Some((path, size)) = self.finished.pop_front()
        {
            // One that somebody has removed already is gone, too.
            let _best_that_can_be = std::fs::remove_file(path);
            all -= size;
        }
    }

    fn add_to_ring(&mut self, bytes: &[u8]) {
        let Ok(all) = records::read_all(bytes) else { return self.current.fail(NOT_RECORDS) };
        let mut at = 0;
        for (kind, payload) in all {
            if self.begins_keyframe(kind, payload) {
                let from_ns = self.keyframe_ns;
                self.ring.push_back(Segment { from_ns, first_event: self.events, records: Queue::default() });
            }
            let length = payload.len() + 5;
            if let Some(newest) = self.ring.back_mut() {
                newest.records.records(&bytes[at..at + length]);
                self.ring_bytes += length;
            }
            at += length;
            self.events += u64::from(is_logged(kind));
            self.forget();
        }
    }

    /// Forgets what lies further back than is wanted, or than memory allows: all, where that is too little from one keyframe to
    /// the next.
    fn forget(&mut self) {
        let Form::Last { time_ns, bytes, .. } = self.options.form else { return };
        let since = self.keyframe_ns - time_ns;
        while (self.ring_bytes > bytes || self.ring.get(1).is_some_and(|second| second.from_ns <= since))
            && let Some(oldest) = self.ring.pop_front()
        {
            self.ring_bytes -= oldest.records.bytes();
        }
    }

    /// Writes what the ring holds to a file of its own; its name, or the errno. Without a ring there is nothing to save.
    pub fn save(&mut self, reason: &str, facts: Option<Facts>) -> Result<PathBuf, i32> {
        let Form::Last { folder, .. } = self.options.form.clone() else { return Err(NOT_RECORDS) };
        let Some(oldest) = self.ring.front() else { return Err(NO_MEMORY) };
        let (from_ns, first) = (oldest.from_ns, oldest.first_event);
        let errno = |error: Error| error.raw_os_error().unwrap_or(UNKNOWN);
        let path = folder.join(format!("saved-{:04}-{reason}.mcap", self.saved + 1));
        let file = RecordingFile::create(&partial(&path)).map_err(errno)?;
        let written = (|| {
            let compression = self.options.compression;
            let mut saved =
                Recording::begin_file(file, self.layout.clone(), &self.attachments, compression).map_err(errno)?;
            saved.begin(self.begin);
            saved.go_on(first);
            saved.say_part(&self.place_of(self.saved + 1, from_ns, first, Some(reason)));
            for segment in &self.ring {
                segment.records.write_to(&mut saved);
            }
            let ended = match facts {
                Some(facts) => saved.finish(facts),
                None => saved.end_part(None),
            };
            if ended { Ok(()) } else { Err(saved.failed().unwrap_or(UNKNOWN)) }
        })();
        if let Err(error) = written.and_then(|()| place(&path).map_err(errno)) {
            let _best_that_can_be = std::fs::remove_file(partial(&path));
            return Err(error);
        }
        self.saved += 1;
        Ok(path)
    }

    /// Ends the recording; false where the disk took no more, now or before: then `cut` ends it.
    pub fn finish(&mut self, facts: Facts) -> bool {
        match self.options.form.clone() {
            Form::Whole(_) => self.current.finish(facts),
            Form::Parts { folder, .. } => {
                self.current.finish(facts)
                    && match place(&part_path(&folder, self.part)) {
                        Ok(()) => true,
                        Err(error) => {
                            self.errno = Some(error.raw_os_error().unwrap_or(UNKNOWN));
                            false
                        }
                    }
            }
            // A run that failed is what the ring was kept for.
            Form::Last { .. } if facts.contains_key("failure") => match self.save("fault", Some(facts)) {
                Ok(_) => true,
                Err(errno) => {
                    self.errno = Some(errno);
                    false
                }
            },
            Form::Last { .. } => true,
        }
    }

    /// Ends a recording that the disk took no more of; false where there is no room even for that.
    pub fn cut(&mut self, facts: Facts) -> bool {
        let Form::Parts { folder, .. } = self.options.form.clone() else { return self.current.cut(facts) };
        let path = part_path(&folder, self.part);
        // What it went on as far as a keyframe without is ended already.
        (self.current.cut(facts) || !partial(&path).exists()) && (path.exists() || place(&path).is_ok())
    }

    /// Leaves the file as it is.
    pub fn close(&mut self) {
        self.current.close();
    }
}
