//! A recording being written: what each record of the executive becomes in the file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{Error, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use isochron_executive::ExecutiveError;
use isochron_executive::records::{self, ADMIT, DISCARDED, Fields, LOST, Losses, MESSAGE, OUTPUT};
use mcap::records::MessageHeader;
use mcap::{McapError, WriteOptions, Writer};

use crate::file::RecordingFile;
use crate::layout::Layout;
use crate::log::Log;

pub use mcap::Compression;

/// What stands beside the messages: application and programs.
pub struct Attachment {
    pub name: String,
    pub media_type: String,
    pub data: Vec<u8>,
}

/// What a run says at its beginning.
#[derive(Debug, Clone, Copy, Default)]
pub struct Begin {
    /// The ROS time of logical 0, nanoseconds since 1970.
    pub epoch_ns: i64,
    pub is_live: bool,
}

/// What a run says at its end.
pub type Facts = BTreeMap<String, String>;

/// Bytes of messages after which a chunk is written, and time: what a run that is killed loses at most.
const CHUNK_BYTES: usize = 1 << 20;
const CHUNK_TIME: Duration = Duration::from_millis(500);
/// A message's record beside its bytes.
const MESSAGE_BYTES: usize = 31;
/// The errno of what is no error of the disk: the records were none.
pub const NOT_RECORDS: i32 = 22;
/// The errno of a disk that failed and did not say how.
pub const UNKNOWN: i32 = 5;
const METADATA: &str = "isochron";
const EPOCH_METADATA: &str = "isochron.epoch";
/// Says which part of its run a file is, before all messages.
const PART_METADATA: &str = "isochron.part";
/// Says, behind all messages, that the run goes on behind the file.
const GOES_ON_METADATA: &str = "isochron.goes-on";

/// A file's place in its run.
#[derive(Debug, Clone)]
pub struct Part {
    pub run: String,
    /// From 1 on.
    pub part: u32,
    /// The tag of the keyframe that it begins with; 0 where it begins with the run.
    pub from_ns: i64,
    /// The number of its first record of the log.
    pub first_event: u64,
    /// Records of the run since the part before that no file has.
    pub missed: u64,
    /// Why a ring was saved; none of a part.
    pub saved: Option<String>,
}

/// Whether records of a kind are in the log of decisions; the others are messages of their own topics.
pub fn is_logged(kind: u8) -> bool {
    !matches!(kind, OUTPUT | DISCARDED | MESSAGE)
}

enum Output {
    Open(Box<Writer<RecordingFile>>),
    /// The disk took no more, for this errno; what it took ends with whole records.
    Failed(Box<RecordingFile>, i32),
    Closed,
}

pub struct Recording {
    output: Output,
    size: Arc<AtomicU64>,
    layout: Arc<Layout>,
    log: Log,
    /// The file's channel of each topic.
    channels: Vec<u16>,
    epoch_ns: i64,
    /// The newest time of a message.
    time: i64,
    events: u64,
    sent: u64,
    lost: u64,
    chunk_bytes: usize,
    chunk_since: Instant,
    /// The newest message, whose memory the next one has.
    message: Vec<u8>,
}

impl Recording {
    /// Begins a file with all that replaying it takes.
    pub fn begin_file(
        file: RecordingFile,
        layout: Arc<Layout>,
        attachments: &[Attachment],
        compression: Option<Compression>,
    ) -> Result<Self, Error> {
        let options = WriteOptions::new()
            .profile("ros2")
            .library("isochron")
            .compression(compression)
            .compression_threads(0)
            .chunk_size(None)
            .disable_seeking(true);
        let size = file.size();
        let begun = (|| {
            let mut writer = options.create(file)?;
            for Attachment { name, media_type, data } in attachments {
                let (name, media_type) = (name.clone(), media_type.clone());
                writer.attach(&mcap::Attachment {
                    log_time: 0,
                    create_time: 0,
                    name,
                    media_type,
                    data: Cow::Borrowed(data),
                })?;
            }
            writer.flush()?;
            let mut channels = Vec::new();
            for topic in &layout.topics {
                let schema = writer.add_schema(&topic.schema, &topic.schema_encoding, topic.schema_text.as_bytes())?;
                channels.push(writer.add_channel(schema, &topic.topic, &topic.message_encoding, &BTreeMap::new())?);
            }
            Ok((writer, channels))
        })();
        let (writer, channels) = begun.map_err(|error| match error {
            McapError::Io(error) => error,
            other => Error::other(other.to_string()),
        })?;
        Ok(Self { output: Output::Open(Box::new(writer)), size, channels, ..Self::none(layout) })
    }

    /// No file: nothing is written.
    pub fn none(layout: Arc<Layout>) -> Self {
        Self {
            output: Output::Closed,
            size: Arc::default(),
            layout,
            log: Log::default(),
            channels: Vec::new(),
            epoch_ns: 0,
            time: 0,
            events: 0,
            sent: 0,
            lost: 0,
            chunk_bytes: 0,
            chunk_since: Instant::now(),
            message: Vec::new(),
        }
    }

    /// The number of the first record of the log that the file has; 0 unless said.
    pub fn go_on(&mut self, first_event: u64) {
        self.events = first_event;
    }

    /// Says which part of its run the file is.
    pub fn say_part(&mut self, Part { run, part, from_ns, first_event, missed, saved }: &Part) {
        let mut facts: Facts = [
            ("run".to_owned(), run.clone()),
            ("part".to_owned(), part.to_string()),
            ("fromNs".to_owned(), from_ns.to_string()),
            ("firstEvent".to_owned(), first_event.to_string()),
        ]
        .into();
        if *missed > 0 {
            facts.insert("missed".to_owned(), missed.to_string());
        }
        if let Some(reason) = saved {
            facts.insert("saved".to_owned(), reason.clone());
        }
        let metadata = mcap::records::Metadata { name: PART_METADATA.to_owned(), metadata: facts };
        self.put(|writer| {
            writer.write_metadata(&metadata)?;
            writer.flush()
        });
    }

    /// Bytes of the file, with what is not on the disk yet.
    pub fn size(&self) -> u64 {
        match &self.output {
            Output::Open(_) => self.size.load(Ordering::Relaxed) + self.chunk_bytes as u64,
            _ => 0,
        }
    }

    pub fn is_open(&self) -> bool {
        matches!(self.output, Output::Open(_))
    }

    /// Ends a file behind which the run goes on, and that has everything before `until_ns`, where that is known; false where the
    /// disk took no more.
    pub fn end_part(&mut self, until_ns: Option<i64>) -> bool {
        let mut facts = Facts::new();
        if let Some(until) = until_ns {
            facts.insert("untilNs".to_owned(), until.to_string());
        }
        self.count(&mut facts);
        self.end_as(GOES_ON_METADATA, facts)
    }

    /// Ends such a file that the disk took no more of, without an index, where there is room for that.
    pub fn cut_part(&mut self) {
        let mut facts = Facts::new();
        self.count(&mut facts);
        if let Output::Failed(file, errno) = &mut self.output {
            facts.insert("errno".to_owned(), errno.to_string());
            let _best_that_can_be = file.end_with(&last_records(GOES_ON_METADATA, &facts)) && file.sync().is_ok();
        }
    }

    /// Says, before any record, which ROS time logical 0 has and what kind of run it is.
    pub fn begin(&mut self, Begin { epoch_ns, is_live }: Begin) {
        self.epoch_ns = epoch_ns;
        if epoch_ns == 0 && !is_live {
            return;
        }
        let mode = if is_live { "live" } else { "virtual" };
        let metadata = [("epochNs".to_owned(), epoch_ns.to_string()), ("mode".to_owned(), mode.to_owned())].into();
        let metadata = mcap::records::Metadata { name: EPOCH_METADATA.to_owned(), metadata };
        self.put(|writer| {
            writer.write_metadata(&metadata)?;
            writer.flush()
        });
    }

    /// The errno of the disk that took no more.
    pub fn failed(&self) -> Option<i32> {
        match self.output {
            Output::Failed(_, errno) => Some(errno),
            _ => None,
        }
    }

    /// Adds records as the executive writes them; nothing where the disk took no more.
    pub fn add(&mut self, bytes: &[u8]) {
        let Ok(all) = records::read_all(bytes) else { return self.fail(NOT_RECORDS) };
        for (kind, payload) in all {
            self.record(kind, payload);
        }
    }

    /// Adds one of them.
    pub fn record(&mut self, kind: u8, payload: &[u8]) {
        if matches!(self.output, Output::Open(_)) && self.put_record(kind, payload).is_err() {
            self.fail(NOT_RECORDS);
        }
    }

    /// Adds what a pipeline has published.
    pub fn send(&mut self, publication: usize, time: i64, bytes: &[u8]) {
        let Some(topic) = self.layout.publications.get(publication) else { return self.fail(NOT_RECORDS) };
        let (topic, number) = (*topic, self.sent);
        self.sent += 1;
        self.message(topic, time, number, bytes);
    }

    /// Writes the chunk where it has been open for long.
    pub fn tick(&mut self) {
        if self.chunk_bytes > 0 && self.chunk_since.elapsed() >= CHUNK_TIME {
            self.end_chunk();
        }
    }

    /// Leaves the file as it is, without an end, which the crate's writer would give it where it is dropped.
    pub fn close(&mut self) {
        self.end_chunk();
        if let Output::Open(writer) = std::mem::replace(&mut self.output, Output::Closed) {
            drop(writer.into_inner());
        }
    }

    /// Ends the file as it should end; false where the disk took no more, now or before: then `cut` ends it.
    pub fn finish(&mut self, mut metadata: Facts) -> bool {
        self.count(&mut metadata);
        self.end_as(METADATA, metadata)
    }

    fn end_as(&mut self, name: &str, metadata: Facts) -> bool {
        let name = name.to_owned();
        self.put(|writer| {
            writer.write_metadata(&mcap::records::Metadata { name, metadata })?;
            writer.finish().map(drop)
        });
        match std::mem::replace(&mut self.output, Output::Closed) {
            Output::Open(writer) => {
                let mut file = writer.into_inner();
                match file.flush().and_then(|()| file.sync()) {
                    Ok(()) => true,
                    Err(error) => {
                        file.cut_back();
                        self.output = Output::Failed(Box::new(file), error.raw_os_error().unwrap_or(UNKNOWN));
                        false
                    }
                }
            }
            other => {
                self.output = other;
                false
            }
        }
    }

    /// Ends a file that the disk took no more of, without an index; false where there is no room even for that.
    pub fn cut(&mut self, mut metadata: Facts) -> bool {
        self.count(&mut metadata);
        match &mut self.output {
            Output::Failed(file, _) => file.end_with(&last_records(METADATA, &metadata)) && file.sync().is_ok(),
            _ => false,
        }
    }

    fn count(&self, facts: &mut Facts) {
        facts.insert("lost".to_owned(), self.lost.to_string());
        facts.insert("events".to_owned(), self.events.to_string());
    }

    fn put_record(&mut self, kind: u8, payload: &[u8]) -> Result<(), ExecutiveError> {
        let mut fields = Fields::new(payload);
        let unknown = || ExecutiveError::Records(0);
        match kind {
            OUTPUT => {
                let (task, job) = (fields.u32()?, fields.u64()?);
                fields.u32()?;
                let (sequence, time, slot) = (fields.u64()?, fields.time()?, fields.bytes()?);
                self.output(task, job, sequence, time, slot, &fields.take()?)
            }
            DISCARDED => {
                let (task, job, slot) = (fields.u32()?, fields.u64()?, fields.bytes()?);
                self.output(task, job, 0, self.time, slot, &fields.take()?)
            }
            MESSAGE => {
                let output = fields.u32()?;
                fields.u32()?;
                let (job, time, bytes) = (fields.u64()?, fields.time()?, fields.bytes()?);
                let topic = *self.layout.outputs.get(output as usize).ok_or_else(unknown)?;
                self.message(topic, time, job, bytes);
                Ok(())
            }
            _ => {
                if kind == ADMIT {
                    let channel = fields.u32()?;
                    let (number, time, bytes) = (fields.u64()?, fields.time()?, fields.bytes()?);
                    let topic = self.layout.inputs.get(channel as usize).copied().flatten().ok_or_else(unknown)?;
                    self.message(topic, time, number, bytes);
                } else if kind == LOST && fields.u8()? != Losses::Traces as u8 {
                    // Traces only measure: without them the run is verified all the same.
                    self.lost += fields.u64()?;
                }
                let topic = self.layout.events.iter().find(|each| each.kind == kind).ok_or_else(unknown)?.topic;
                let mut message = std::mem::take(&mut self.message);
                let time = self.log.write(kind, payload, &mut message)?.unwrap_or(self.time);
                let number = self.events;
                self.events += 1;
                self.message(topic, time, number, &message);
                self.message = message;
                Ok(())
            }
        }
    }

    /// A task's output as a message: CDR with a generated definition.
    fn output(
        &mut self,
        task: u32,
        job: u64,
        sequence: u64,
        time: i64,
        slot: &[u8],
        chain: &[u8; 32],
    ) -> Result<(), ExecutiveError> {
        let row = self.layout.tasks.get(task as usize).ok_or(ExecutiveError::Records(0))?;
        let mut message = std::mem::take(&mut self.message);
        message.clear();
        message.extend_from_slice(&[0, 1, 0, 0]);
        message.extend_from_slice(&job.to_le_bytes());
        message.extend_from_slice(&sequence.to_le_bytes());
        message.extend_from_slice(chain);
        message.resize(row.length, 0);
        for field in &row.fields {
            let from = slot.get(field.offset..field.offset + field.bytes);
            let to = message.get_mut(field.start..field.start + field.bytes);
            let (Some(from), Some(to)) = (from, to) else { return Err(ExecutiveError::Records(0)) };
            to.copy_from_slice(from);
        }
        let topic = row.topic;
        self.message(topic, time, job, &message);
        self.message = message;
        Ok(())
    }

    fn message(&mut self, topic: usize, time: i64, number: u64, data: &[u8]) {
        self.time = self.time.max(time);
        let at = self.epoch_ns.saturating_add(time.max(0)) as u64;
        let channel_id = self.channels[topic];
        let header = MessageHeader { channel_id, sequence: number as u32, log_time: at, publish_time: at };
        self.put(|writer| writer.write_to_known_channel(&header, data));
        if self.chunk_bytes == 0 {
            self.chunk_since = Instant::now();
        }
        self.chunk_bytes += data.len() + MESSAGE_BYTES;
        if self.chunk_bytes >= CHUNK_BYTES {
            self.end_chunk();
        }
    }

    /// Writes the chunk as it is.
    pub fn end_chunk(&mut self) {
        self.chunk_bytes = 0;
        self.put(Writer::flush);
    }

    /// Puts something into the file, where that is taken.
    fn put(&mut self, body: impl FnOnce(&mut Writer<RecordingFile>) -> Result<(), McapError>) {
        let Output::Open(writer) = &mut self.output else { return };
        match body(writer) {
            Ok(()) => {}
            Err(McapError::Io(error)) => self.fail(error.raw_os_error().unwrap_or(UNKNOWN)),
            Err(_) => self.fail(UNKNOWN),
        }
    }

    /// Writes no more: what is whole stands.
    pub fn fail(&mut self, errno: i32) {
        match std::mem::replace(&mut self.output, Output::Closed) {
            Output::Open(writer) => {
                let mut file = writer.into_inner();
                file.cut_back();
                self.output = Output::Failed(Box::new(file), errno);
            }
            other => self.output = other,
        }
    }
}

/// The end of a file without an index, as small as one can be: what the run says, and the marks of an end.
fn last_records(name: &str, facts: &Facts) -> Vec<u8> {
    fn text(out: &mut Vec<u8>, text: &str) {
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    fn record(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
        out.push(kind);
        out.extend_from_slice(&(body.len() as u64).to_le_bytes());
        out.extend_from_slice(body);
    }
    let mut entries = Vec::new();
    for (key, value) in facts {
        text(&mut entries, key);
        text(&mut entries, value);
    }
    let mut metadata = Vec::new();
    text(&mut metadata, name);
    metadata.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    metadata.extend_from_slice(&entries);
    let mut out = Vec::new();
    record(&mut out, mcap::records::op::METADATA, &metadata);
    record(&mut out, mcap::records::op::DATA_END, &[0; 4]);
    record(&mut out, mcap::records::op::FOOTER, &[0; 20]);
    out.extend_from_slice(mcap::MAGIC);
    out
}
