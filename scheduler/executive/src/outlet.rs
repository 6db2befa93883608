//! Values that come to stand on tasks' channels become messages of the outputs that show them.

use std::sync::Arc;

use crate::error::ExecutiveError;
use crate::records::Writer;
use crate::rules;
use crate::table::TaskRow;

/// Makes a message of a slot.
pub trait Encode: Send + Sync {
    /// Replaces what is in `out` by the message of `slot`, whose stamp is `stamp_ns`; the error's text begins with
    /// `error[area/name]`.
    fn encode(&self, slot: &[u8], stamp_ns: i64, out: &mut Vec<u8>) -> Result<(), String>;
    /// How long a message is at most: so much memory is enough for every one.
    fn most_bytes(&self) -> usize;
}

/// When a message leaves a live run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Departing {
    /// At its publication instant.
    #[default]
    Publication,
    /// When its job is done, its tag unchanged.
    Completion,
}

/// An output topic: the channel that it shows, and what makes its messages.
pub struct Output {
    pub channel: usize,
    pub encoder: Arc<dyn Encode>,
    pub departing: Departing,
}

struct Shown {
    output: Output,
    /// The value that stands, where the channel's task may hold it.
    value: Option<Vec<u8>>,
}

/// A job's publication instant as the log tells of it.
#[derive(Clone, Copy)]
pub struct Instant {
    pub task: u32,
    pub job: u64,
    pub time: i64,
}

/// Every output of an application.
#[derive(Default)]
pub struct Outlet {
    shown: Vec<Shown>,
    /// The ROS time of logical 0, which stamps are counted from.
    epoch_ns: i64,
    /// The newest message, whose memory the next one has.
    message: Vec<u8>,
    /// Why a message could not be made.
    failure: Option<String>,
}

impl Outlet {
    pub fn new(outputs: Vec<Output>) -> Self {
        let shown = outputs.into_iter().map(|output| Shown { output, value: None }).collect();
        Self { shown, ..Self::default() }
    }

    /// Says which ROS time logical 0 has, before the first message is made.
    pub fn set_epoch(&mut self, epoch_ns: i64) {
        self.epoch_ns = epoch_ns;
    }

    /// The channel that an output shows.
    pub fn channel(&self, output: usize) -> Result<usize, ExecutiveError> {
        self.shown.get(output).map(|shown| shown.output.channel).ok_or(ExecutiveError::Output(output))
    }

    /// The message of a value that stands since `time`.
    pub fn encode(&self, output: usize, slot: &[u8], time: i64) -> Result<Vec<u8>, ExecutiveError> {
        let shown = self.shown.get(output).ok_or(ExecutiveError::Output(output))?;
        let mut message = Vec::new();
        let stamp = self.epoch_ns.saturating_add(time);
        shown.output.encoder.encode(slot, stamp, &mut message).map_err(ExecutiveError::Message)?;
        Ok(message)
    }

    /// Records the messages of a publication instant: of the job's own `value`, or of the one that its task holds.
    pub fn publish(&mut self, row: &TaskRow, at: Instant, value: Option<&[u8]>, writer: &mut Writer) {
        let stamp = self.epoch_ns.saturating_add(at.time);
        for (id, shown) in self.shown.iter_mut().enumerate() {
            if shown.output.channel != row.output || !rules::publishes(row, value.is_some(), shown.value.is_some()) {
                continue;
            }
            if let Some(value) = value {
                let kept = shown.value.get_or_insert_default();
                kept.clear();
                kept.extend_from_slice(value);
            }
            let Some(value) = &shown.value else { continue };
            match shown.output.encoder.encode(value, stamp, &mut self.message) {
                Ok(()) => writer.message(id as u32, at.task, at.job, at.time, &self.message),
                Err(reason) => self.failure = self.failure.take().or(Some(reason)),
            }
        }
    }

    /// A value stands that was published before the first record.
    pub fn resume(&mut self, channel: usize, value: &[u8]) {
        for shown in self.shown.iter_mut().filter(|shown| shown.output.channel == channel) {
            shown.value = Some(value.to_vec());
        }
    }

    /// Fails, once, where a message could not be made.
    pub fn check(&mut self) -> Result<(), ExecutiveError> {
        self.failure.take().map_or(Ok(()), |reason| Err(ExecutiveError::Message(reason)))
    }
}
