//! The recorder's records (`docs/architecture.md` §4): written as bytes, read back for replay.

use crate::error::ExecutiveError;

/// A pin was of a value republished under `hold`.
pub const HELD: u8 = 1;

/// Why a release had no job, or an arrival no release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Skip {
    /// An earlier job of the task was still running.
    Busy = 0,
    /// An arrival came before the minimum interval had passed.
    Early = 1,
    /// The run ended first.
    Stopped = 2,
    /// The job was not started by its publication instant.
    Late = 3,
    /// An input's sample was no longer kept, or no slot was free for the output.
    Gone = 4,
}

/// What did not fit on its way to the recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Losses {
    /// The recording cannot be replayed.
    Decisions = 0,
    Traces = 1,
    /// Bytes of outputs, which the hash chain lacks too.
    Outputs = 2,
}

/// What a release read from one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    pub channel: u32,
    pub sequence: u64,
    pub flags: u8,
}

/// Appends records to a buffer.
#[derive(Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Takes what was written so far.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// What was written since it was taken last.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn record(&mut self, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.push(kind);
        body(&mut self.bytes);
        let length = (self.bytes.len() - start - 5) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
}

/// A type that a record's field may have.
pub trait Field {
    /// How the schema writes it.
    const NAME: &'static str;
    fn put(&self, out: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($type:ty)*) => {
        $(impl Field for $type {
            const NAME: &'static str = stringify!($type);
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        })*
    };
}
numbers!(u8 u32 u64 i64);

impl Field for bool {
    const NAME: &'static str = "bool";
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}
impl Field for Skip {
    const NAME: &'static str = "busy|early|stopped|late|gone";
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
}
impl Field for Losses {
    const NAME: &'static str = "decisions|traces|outputs";
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
}
/// A length (u32), then so many bytes.
impl Field for &[u8] {
    const NAME: &'static str = "bytes";
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u32).put(out);
        out.extend_from_slice(self);
    }
}
impl Field for &str {
    const NAME: &'static str = "text";
    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().put(out);
    }
}
impl Field for &[u8; 32] {
    const NAME: &'static str = "hash";
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(*self);
    }
}
/// A count (u32), then so many times channel (u32), sequence (u64) and flags (u8).
impl Field for &[Pin] {
    const NAME: &'static str = "pins";
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u32).put(out);
        for pin in *self {
            pin.channel.put(out);
            pin.sequence.put(out);
            pin.flags.put(out);
        }
    }
}

/// Declares the records: the constant of each kind, what writes it, and its line of the schema.
macro_rules! records {
    ($($(#[doc = $doc:literal])+ $kind:literal $constant:ident $name:ident($($field:ident: $type:ty),+))+) => {
        $(pub const $constant: u8 = $kind;)+

        impl Writer {
            $(
                $(#[doc = $doc])+
                #[allow(clippy::too_many_arguments, reason = "the fields of one record")]
                pub fn $name(&mut self, $($field: $type),+) {
                    self.record($constant, |out| { $(Field::put(&$field, out);)+ });
                }
            )+
        }

        /// Every kind of record, its name and its fields, a line each: `KIND NAME FIELD:TYPE …`.
        pub fn schema() -> String {
            let lines = [$(format!(concat!($kind, " ", stringify!($name), "{}"), [
                $(concat!(" ", stringify!($field), ":"), <$type as Field>::NAME),+
            ].concat())),+];
            lines.join("\n")
        }
    };
}

// The one statement of the format in Rust; `sim/records/schema.ts` and the table in `docs/architecture.md` are held to `schema()`.
records! {
    /// A message arrived: its bytes as received.
    1 ADMIT admit(channel: u32, sequence: u64, time: i64, bytes: &[u8])
    /// A job begins, with what it reads.
    2 RELEASE release(task: u32, job: u64, time: i64, pins: &[Pin])
    /// A job has ended; `time` is its publication instant.
    3 VERDICT verdict(task: u32, job: u64, time: i64, overrun: bool, ended: i64)
    /// A release has no job, or an arrival no release; `decided` is the clock when that was decided.
    4 SKIPPED skipped(task: u32, job: u64, time: i64, reason: Skip, decided: i64)
    /// A job's output, with the task's hash chain after it; `time` is its publication instant.
    5 OUTPUT output(task: u32, job: u64, channel: u32, sequence: u64, time: i64, bytes: &[u8], chain: &[u8; 32])
    /// When a job really ran.
    6 TRACE trace(task: u32, job: u64, release: i64, start: i64, end: i64)
    /// An injected stall.
    7 FAULT fault(task: u32, job: u64, duration: i64)
    /// A message on an output, encoded by its codec plan.
    8 MESSAGE message(output: u32, task: u32, job: u64, time: i64, bytes: &[u8])
    /// A task's states at a tag; `job` is the number of its next release.
    9 KEYFRAME keyframe(task: u32, job: u64, time: i64, states: &[u8])
    /// What did not fit on its way to the recorder, since the last such record.
    10 LOST lost(what: Losses, count: u64)
    /// The output of an overrun: computed and hashed, not published.
    11 DISCARDED discarded(task: u32, job: u64, bytes: &[u8], chain: &[u8; 32])
    /// A message that was decoded on its own thread is a sample from `time` on; `blake3` is its slot's.
    12 VISIBLE visible(channel: u32, sequence: u64, time: i64, blake3: &[u8; 32])
    /// A message became no sample.
    13 REJECTED rejected(channel: u32, sequence: u64, time: i64, reason: &str)
}

/// The records of a buffer as (kind, payload), until the first that is cut off.
pub fn read_all(bytes: &[u8]) -> Result<Vec<(u8, &[u8])>, ExecutiveError> {
    let mut records = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let header = bytes.get(at..at + 5).ok_or(ExecutiveError::Records(at))?;
        let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let payload = bytes.get(at + 5..).and_then(|rest| rest.get(..length)).ok_or(ExecutiveError::Records(at))?;
        records.push((header[4], payload));
        at += 5 + length;
    }
    Ok(records)
}

/// Reads little-endian fields one after the other.
pub struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub fn take<const N: usize>(&mut self) -> Result<[u8; N], ExecutiveError> {
        let field = self.bytes.get(self.at..self.at + N).and_then(|field| field.try_into().ok());
        self.at += N;
        field.ok_or(ExecutiveError::Records(self.at))
    }

    pub fn u8(&mut self) -> Result<u8, ExecutiveError> {
        Ok(self.take::<1>()?[0])
    }
    pub fn u32(&mut self) -> Result<u32, ExecutiveError> {
        Ok(u32::from_le_bytes(self.take()?))
    }
    pub fn u64(&mut self) -> Result<u64, ExecutiveError> {
        Ok(u64::from_le_bytes(self.take()?))
    }
    pub fn time(&mut self) -> Result<i64, ExecutiveError> {
        Ok(i64::from_le_bytes(self.take()?))
    }
    pub fn bytes(&mut self) -> Result<&'a [u8], ExecutiveError> {
        let length = self.u32()? as usize;
        let field =
            self.bytes.get(self.at..).and_then(|rest| rest.get(..length)).ok_or(ExecutiveError::Records(self.at))?;
        self.at += length;
        Ok(field)
    }
}
