//! The recorder's records (`docs/architecture.md` §4): written as bytes, read back for replay.

use crate::error::ExecutiveError;

pub const ADMIT: u8 = 1;
pub const RELEASE: u8 = 2;
pub const VERDICT: u8 = 3;
pub const SKIPPED: u8 = 4;
pub const OUTPUT: u8 = 5;
pub const TRACE: u8 = 6;
pub const FAULT: u8 = 7;
pub const KEYFRAME: u8 = 9;
pub const LOST: u8 = 10;
pub const DISCARDED: u8 = 11;
pub const VISIBLE: u8 = 12;
pub const REJECTED: u8 = 13;

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

    fn record(&mut self, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.push(kind);
        body(&mut self.bytes);
        let length = (self.bytes.len() - start - 5) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    pub fn admit(&mut self, channel: u32, sequence: u64, time: i64, raw: &[u8]) {
        self.record(ADMIT, |out| {
            put32(out, channel);
            put64(out, sequence);
            put_time(out, time);
            put_bytes(out, raw);
        });
    }

    /// A message that was decoded on its own thread is a sample from `time` on; `hash` is its slot's.
    pub fn visible(&mut self, channel: u32, sequence: u64, time: i64, hash: &[u8; 32]) {
        self.record(VISIBLE, |out| {
            put32(out, channel);
            put64(out, sequence);
            put_time(out, time);
            out.extend_from_slice(hash);
        });
    }

    /// A message became no sample.
    pub fn rejected(&mut self, channel: u32, sequence: u64, time: i64, reason: &str) {
        self.record(REJECTED, |out| {
            put32(out, channel);
            put64(out, sequence);
            put_time(out, time);
            put_bytes(out, reason.as_bytes());
        });
    }

    pub fn release(&mut self, task: u32, job: u64, time: i64, pins: &[Pin]) {
        self.record(RELEASE, |out| {
            put32(out, task);
            put64(out, job);
            put_time(out, time);
            put32(out, pins.len() as u32);
            for pin in pins {
                put32(out, pin.channel);
                put64(out, pin.sequence);
                out.push(pin.flags);
            }
        });
    }

    pub fn verdict(&mut self, task: u32, job: u64, publication: i64, overrun: bool) {
        self.record(VERDICT, |out| {
            put32(out, task);
            put64(out, job);
            put_time(out, publication);
            out.push(u8::from(overrun));
        });
    }

    pub fn skipped(&mut self, task: u32, job: u64, time: i64, reason: Skip) {
        self.record(SKIPPED, |out| {
            put32(out, task);
            put64(out, job);
            put_time(out, time);
            out.push(reason as u8);
        });
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one record")]
    pub fn output(
        &mut self,
        task: u32,
        job: u64,
        channel: u32,
        sequence: u64,
        time: i64,
        bytes: &[u8],
        chain: &[u8; 32],
    ) {
        self.record(OUTPUT, |out| {
            put32(out, task);
            put64(out, job);
            put32(out, channel);
            put64(out, sequence);
            put_time(out, time);
            out.push(0);
            put_bytes(out, bytes);
            out.extend_from_slice(chain);
        });
    }

    pub fn trace(&mut self, task: u32, job: u64, release: i64, start: i64, end: i64) {
        self.record(TRACE, |out| {
            put32(out, task);
            put64(out, job);
            put_time(out, release);
            put_time(out, start);
            put_time(out, end);
        });
    }

    pub fn fault(&mut self, task: u32, job: u64, duration: i64) {
        self.record(FAULT, |out| {
            put32(out, task);
            put64(out, job);
            put_time(out, duration);
        });
    }

    pub fn keyframe(&mut self, task: u32, job: u64, time: i64, states: &[u8]) {
        self.record(KEYFRAME, |out| {
            put32(out, task);
            put64(out, job);
            put_time(out, time);
            put_bytes(out, states);
        });
    }

    pub fn lost(&mut self, what: Losses, count: u64) {
        self.record(LOST, |out| {
            out.push(what as u8);
            put64(out, count);
        });
    }

    pub fn discarded(&mut self, task: u32, job: u64, bytes: &[u8], chain: &[u8; 32]) {
        self.record(DISCARDED, |out| {
            put32(out, task);
            put64(out, job);
            put_bytes(out, bytes);
            out.extend_from_slice(chain);
        });
    }
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}
fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}
fn put_time(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_le_bytes());
}
fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put32(out, bytes.len() as u32);
    out.extend_from_slice(bytes);
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
