//! What was before a keyframe, as far as anything after it follows from it: gathered from the records of a run.

use std::collections::VecDeque;

use crate::authority::{Authority, Intake};
use crate::error::ExecutiveError;
use crate::records::{self, ADMIT, DISCARDED, Fields, KEYFRAME, OUTPUT, RELEASE, SKIPPED, Skip};
use crate::table::{Table, TaskRow, Trigger};

/// A message that arrived before.
pub struct Arrived {
    pub sequence: u64,
    /// When it arrived.
    pub time: i64,
    pub raw: Vec<u8>,
}

/// A job's output.
pub struct Published {
    pub job: u64,
    /// Its publication instant, which may be after the keyframe.
    pub time: i64,
    pub bytes: Vec<u8>,
}

/// What was of one task.
pub struct TaskPast {
    pub states: Vec<u8>,
    /// Releases before the keyframe, with or without a job.
    pub releases: u64,
    /// Times of the newest two, newest last.
    pub newest: VecDeque<i64>,
    /// When a release on arrival is due next at the earliest, the tolerance aside; as `Arrivals` has it.
    pub nominal: i64,
    pub chain: [u8; 32],
    /// The newest two outputs, newest last: one may be published only after the keyframe.
    pub outputs: VecDeque<Published>,
    /// Releases that records told of.
    told: u64,
    /// The job whose chain it is.
    chained: Option<u64>,
}

/// What was of one external channel.
#[derive(Default)]
pub struct ChannelPast {
    /// Messages that arrived before the keyframe.
    pub admitted: u64,
    /// When the newest of them did.
    pub newest: i64,
    /// The newest that is a sample, and from when it stands.
    pub standing: Option<(Arrived, i64)>,
    /// Those that were being decoded, in their order; a message that never was is not among them.
    pub decoding: VecDeque<Arrived>,
}

/// Where a run stood at a keyframe's tag, which is before all others of its instant.
pub struct Past {
    pub time: i64,
    pub tasks: Vec<TaskPast>,
    pub channels: Vec<ChannelPast>,
    table: Table,
}

impl Past {
    /// Begins with the records of a keyframe, one of each task.
    pub fn at(table: &Table, keyframe: &[u8]) -> Result<Self, ExecutiveError> {
        let mut found: Vec<Option<TaskPast>> = table.tasks.iter().map(|_| None).collect();
        let mut tag = None;
        for (kind, payload) in records::read_all(keyframe)? {
            let mut fields = Fields::new(payload);
            let (task, releases, time) = (fields.u32()? as usize, fields.u64()?, fields.time()?);
            let is_free = found.get(task).is_some_and(Option::is_none);
            if kind != KEYFRAME || !is_free || *tag.get_or_insert(time) != time {
                return Err(ExecutiveError::Keyframe(format!("what is said of {time} ns is of no keyframe")));
            }
            found[task] = Some(TaskPast {
                states: fields.bytes()?.to_vec(),
                releases,
                newest: VecDeque::new(),
                nominal: i64::MIN,
                chain: [0; 32],
                outputs: VecDeque::new(),
                told: 0,
                chained: None,
            });
        }
        let tasks = found.into_iter().collect::<Option<Vec<_>>>();
        let tasks = tasks.ok_or_else(|| ExecutiveError::Keyframe("it lacks a task".to_owned()))?;
        let channels = table.channels.iter().map(|_| ChannelPast::default()).collect();
        Ok(Self { time: tag.unwrap_or(0), tasks, channels, table: table.clone() })
    }

    /// Takes records of the run, those of each task and of each channel in their order; what is not before the keyframe is passed
    /// over.
    pub fn take(&mut self, bytes: &[u8], authority: &Authority) -> Result<(), ExecutiveError> {
        for (kind, payload) in records::read_all(bytes)? {
            let mut fields = Fields::new(payload);
            match kind {
                ADMIT => {
                    let (channel, sequence, time) = (fields.u32()?, fields.u64()?, fields.time()?);
                    if time < self.time {
                        let arrived = Arrived { sequence, time, raw: fields.bytes()?.to_vec() };
                        self.admit(channel, arrived, authority)?;
                    }
                }
                RELEASE => {
                    let (task, job, time) = (fields.u32()?, fields.u64()?, fields.time()?);
                    self.release(task, job, time)?;
                }
                SKIPPED => {
                    let (task, job, time) = (fields.u32()?, fields.u64()?, fields.time()?);
                    if fields.u8()? != Skip::Early as u8 {
                        self.release(task, job, time)?;
                    }
                }
                OUTPUT => {
                    let (task, job, _, _, time) =
                        (fields.u32()?, fields.u64()?, fields.u32()?, fields.u64()?, fields.time()?);
                    let (bytes, chain) = (fields.bytes()?, fields.take::<32>()?);
                    let past = self.task(task)?;
                    if job < past.releases {
                        past.chain(job, chain);
                        past.outputs.push_back(Published { job, time, bytes: bytes.to_vec() });
                        if past.outputs.len() > 2 {
                            past.outputs.pop_front();
                        }
                    }
                }
                DISCARDED => {
                    let (task, job) = (fields.u32()?, fields.u64()?);
                    fields.bytes()?;
                    let chain = fields.take::<32>()?;
                    let past = self.task(task)?;
                    if job < past.releases {
                        past.chain(job, chain);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Fails where records of releases before the keyframe were not there.
    pub fn check(&self) -> Result<(), ExecutiveError> {
        for (row, task) in self.table.tasks.iter().zip(&self.tasks) {
            if task.told != task.releases {
                let (name, told, releases, time) = (&row.name, task.told, task.releases, self.time);
                return Err(ExecutiveError::Keyframe(format!(
                    "\"{name}\" was released {releases} times before {time} ns, and there are records of {told}"
                )));
            }
        }
        Ok(())
    }

    fn task(&mut self, task: u32) -> Result<&mut TaskPast, ExecutiveError> {
        self.tasks.get_mut(task as usize).ok_or(ExecutiveError::Records(0))
    }

    fn release(&mut self, task: u32, job: u64, time: i64) -> Result<(), ExecutiveError> {
        let interval = self.table.tasks.get(task as usize).and_then(min_interval);
        let past = self.task(task)?;
        if job < past.releases {
            past.told += 1;
            past.newest.push_back(time);
            if past.newest.len() > 2 {
                past.newest.pop_front();
            }
            if let Some(interval) = interval {
                past.nominal = past.nominal.max(time).saturating_add(interval);
            }
        }
        Ok(())
    }

    fn admit(&mut self, channel: u32, arrived: Arrived, authority: &Authority) -> Result<(), ExecutiveError> {
        let fate = authority.intake(channel, arrived.sequence);
        let row = self.table.channels.get(channel as usize).ok_or(ExecutiveError::Records(0))?;
        let past = &mut self.channels[channel as usize];
        past.admitted = past.admitted.max(arrived.sequence);
        past.newest = past.newest.max(arrived.time);
        match fate {
            // Of messages that are decoded as they arrive, the log tells only of those that cannot be.
            None if row.latency_ns == 0 => {
                let time = arrived.time;
                past.standing = Some((arrived, time));
            }
            Some(Intake::At(time)) if time < self.time => past.standing = Some((arrived, time)),
            Some(Intake::At(_)) => past.decoding.push_back(arrived),
            Some(Intake::Rejected(time)) if time >= self.time => past.decoding.push_back(arrived),
            Some(Intake::Rejected(_) | Intake::Backlog(_)) | None => {}
        }
        Ok(())
    }
}

impl TaskPast {
    /// Takes a chain where it is the newest.
    fn chain(&mut self, job: u64, chain: [u8; 32]) {
        if self.chained.is_none_or(|newest| job > newest) {
            (self.chained, self.chain) = (Some(job), chain);
        }
    }
}

fn min_interval(row: &TaskRow) -> Option<i64> {
    match row.trigger {
        Trigger::Arrival { min_interval_ns, .. } => Some(min_interval_ns),
        Trigger::Periodic { .. } => None,
    }
}
