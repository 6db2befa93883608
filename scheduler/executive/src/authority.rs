//! The log as authority in replay: which releases were skipped, each job's verdict, and which pins were of held values.

use std::collections::HashMap;

use crate::error::ExecutiveError;
use crate::intake::BACKLOG;
use crate::records::{self, FAULT, Fields, REJECTED, RELEASE, SKIPPED, Skip, VERDICT, VISIBLE};

/// What the log says of a message that was decoded on a thread of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// A sample from this time on.
    At(i64),
    /// Found to be damaged at this time.
    Rejected(i64),
    /// Not decoded: too many waited.
    Backlog(i64),
}

/// Decisions by task and job.
#[derive(Default)]
pub struct Authority {
    overrun: HashMap<(u32, u64), bool>,
    skipped: HashMap<(u32, u64), Skip>,
    faults: HashMap<(u32, u64), i64>,
    flags: HashMap<(u32, u64, u32), u8>,
    intake: HashMap<(u32, u64), Intake>,
}

impl Authority {
    /// Reads the decisions out of recorder records; other kinds are passed over.
    pub fn parse(bytes: &[u8]) -> Result<Self, ExecutiveError> {
        let mut authority = Self::default();
        for (kind, payload) in records::read_all(bytes)? {
            let mut fields = Fields::new(payload);
            match kind {
                VERDICT => {
                    let key = (fields.u32()?, fields.u64()?);
                    fields.time()?;
                    authority.overrun.insert(key, fields.u8()? == 1);
                }
                SKIPPED => {
                    let key = (fields.u32()?, fields.u64()?);
                    fields.time()?;
                    let reason = match fields.u8()? {
                        0 => Skip::Busy,
                        2 => Skip::Stopped,
                        3 => Skip::Late,
                        4 => Skip::Gone,
                        // Early arrivals are recomputed from the arrivals' tags.
                        _ => continue,
                    };
                    authority.skipped.insert(key, reason);
                }
                RELEASE => {
                    let (task, job) = (fields.u32()?, fields.u64()?);
                    fields.time()?;
                    for _ in 0..fields.u32()? {
                        let channel = fields.u32()?;
                        fields.u64()?;
                        authority.flags.insert((task, job, channel), fields.u8()?);
                    }
                }
                VISIBLE => {
                    let key = (fields.u32()?, fields.u64()?);
                    authority.intake.insert(key, Intake::At(fields.time()?));
                }
                REJECTED => {
                    let (key, time) = ((fields.u32()?, fields.u64()?), fields.time()?);
                    let backlog = fields.bytes()? == BACKLOG.as_bytes();
                    authority.intake.insert(key, if backlog { Intake::Backlog(time) } else { Intake::Rejected(time) });
                }
                FAULT => {
                    let key = (fields.u32()?, fields.u64()?);
                    authority.faults.insert(key, fields.time()?);
                }
                _ => {}
            }
        }
        Ok(authority)
    }

    /// Whether the job overran; a job without a verdict in the log is taken as done, and the comparison will tell.
    pub fn overran(&self, task: u32, job: u64) -> bool {
        self.overrun.get(&(task, job)).copied().unwrap_or(false)
    }
    pub fn skipped(&self, task: u32, job: u64) -> Option<Skip> {
        self.skipped.get(&(task, job)).copied()
    }
    /// The flags of a pin: on real threads they tell what a reader could know at the time.
    pub fn flags(&self, task: u32, job: u64, channel: u32) -> Option<u8> {
        self.flags.get(&(task, job, channel)).copied()
    }
    /// What became of a message that was decoded on a thread of its own; None where the run ended before. Of one that was decoded
    /// as it arrived, whether it was damaged.
    pub fn intake(&self, channel: u32, sequence: u64) -> Option<Intake> {
        self.intake.get(&(channel, sequence)).copied()
    }
    pub fn stalled(&self, task: u32, job: u64) -> Option<i64> {
        self.faults.get(&(task, job)).copied()
    }
}
