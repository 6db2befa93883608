//! The schedule table as TypeScript writes it, and the checks that the rest of the executive relies on.

use serde::Deserialize;

use crate::error::ExecutiveError;

/// Distinct channels that one task may read; fixes the size of a decision entry.
pub const MAX_PINS: usize = 16;
const ALIGNMENT: usize = 64;
const MAX_DEPTH: usize = 4096;
const MAX_SLOT_BYTES: usize = 1 << 30;
/// About 146 years: sums of two times cannot overflow.
const MAX_TIME_NS: i64 = i64::MAX / 2;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Table {
    pub version: u32,
    pub name: String,
    pub channels: Vec<ChannelRow>,
    pub tasks: Vec<TaskRow>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChannelRow {
    pub name: String,
    pub source: Source,
    pub depth: usize,
    pub slot_bytes: usize,
    pub fields: Vec<FieldRow>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Source {
    External,
    Task { task: usize },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldRow {
    pub name: String,
    pub dtype: String,
    pub shape: Vec<usize>,
    pub offset: usize,
    pub bytes: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskRow {
    pub name: String,
    pub program: usize,
    pub trigger: Trigger,
    pub budget_ns: i64,
    pub deadline_ns: i64,
    pub let_ns: i64,
    pub priority: u32,
    pub core: usize,
    pub on_overrun: Policy,
    pub inputs: Vec<InputRow>,
    pub output: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Trigger {
    Periodic { period_ns: i64, phase_ns: i64 },
    Arrival { channel: usize, min_interval_ns: i64, early: Early },
}

/// What becomes of an arrival that comes sooner than the minimum interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Early {
    Drop,
    Defer,
}

/// What stands at the publication instant of a release without a timely output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Policy {
    Hold,
    Skip,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InputRow {
    pub channel: usize,
    pub field: usize,
}

fn refuse(code: &'static str, place: &str, reason: String) -> ExecutiveError {
    ExecutiveError::Schedule { code, place: place.to_owned(), reason }
}

impl Table {
    /// Reads and checks a table.
    pub fn parse(json: &str) -> Result<Self, ExecutiveError> {
        let table: Self = serde_json::from_str(json)?;
        table.check()?;
        Ok(table)
    }

    /// Checks every index, bound and time, so that the executive may use them unchecked.
    pub fn check(&self) -> Result<(), ExecutiveError> {
        if self.version != 1 {
            return Err(ExecutiveError::Version(self.version));
        }
        for (at, channel) in self.channels.iter().enumerate() {
            self.check_channel(at, channel)?;
        }
        for (at, task) in self.tasks.iter().enumerate() {
            self.check_task(at, task)?;
        }
        for task in 0..self.tasks.len() {
            self.check_triggers_end(task)?;
        }
        Ok(())
    }

    fn check_channel(&self, at: usize, channel: &ChannelRow) -> Result<(), ExecutiveError> {
        let place = format!("channel \"{}\"", channel.name);
        if channel.depth == 0 || channel.depth > MAX_DEPTH {
            return Err(refuse("depth", &place, format!("depth {} is not within 1 to {MAX_DEPTH}", channel.depth)));
        }
        if channel.slot_bytes > MAX_SLOT_BYTES {
            return Err(refuse("slot-bytes", &place, format!("a slot of {} bytes is over {MAX_SLOT_BYTES}", channel.slot_bytes)));
        }
        let mut end = 0;
        for field in &channel.fields {
            if field.offset % ALIGNMENT != 0 || field.offset < end {
                let reason = format!("field \"{}\" at {} is not at a free multiple of {ALIGNMENT}", field.name, field.offset);
                return Err(refuse("field-offset", &place, reason));
            }
            end = field.offset.saturating_add(field.bytes);
            if end > channel.slot_bytes {
                let reason = format!("field \"{}\" ends at {end}, the slot has {} bytes", field.name, channel.slot_bytes);
                return Err(refuse("field-bounds", &place, reason));
            }
        }
        if let Source::Task { task } = channel.source {
            let Some(row) = self.tasks.get(task) else {
                return Err(refuse("source", &place, format!("there is no task {task}")));
            };
            if row.output != at {
                return Err(refuse("source", &place, format!("task \"{}\" writes channel {}, not {at}", row.name, row.output)));
            }
        }
        Ok(())
    }

    fn check_task(&self, at: usize, task: &TaskRow) -> Result<(), ExecutiveError> {
        let place = format!("task \"{}\"", task.name);
        let (interval, what) = match task.trigger {
            Trigger::Periodic { period_ns, phase_ns } => {
                if !(0..MAX_TIME_NS).contains(&phase_ns) {
                    return Err(refuse("phase", &place, format!("phase {phase_ns} ns is out of range")));
                }
                (period_ns, "period")
            }
            Trigger::Arrival { channel, min_interval_ns, .. } => {
                if channel >= self.channels.len() {
                    return Err(refuse("trigger", &place, format!("it is released by channel {channel}, which does not exist")));
                }
                (min_interval_ns, "minimum interval")
            }
        };
        if !(1..MAX_TIME_NS).contains(&interval) {
            return Err(refuse("interval", &place, format!("{what} {interval} ns is out of range")));
        }
        if task.let_ns < 1 || task.let_ns > interval {
            return Err(refuse("let", &place, format!("LET {} ns is not within 1 ns and the {what} {interval} ns", task.let_ns)));
        }
        if task.let_ns > task.deadline_ns {
            return Err(refuse("let", &place, format!("LET {} ns is longer than the deadline {} ns", task.let_ns, task.deadline_ns)));
        }
        if task.budget_ns < 1 || task.budget_ns > task.deadline_ns {
            let reason = format!("budget {} ns is not within 1 ns and the deadline {} ns", task.budget_ns, task.deadline_ns);
            return Err(refuse("budget", &place, reason));
        }
        if !(1..=98).contains(&task.priority) {
            return Err(refuse("priority", &place, format!("priority {} is not within 1 to 98", task.priority)));
        }
        if task.core >= 1024 {
            return Err(refuse("core", &place, format!("core {} is not within 0 to 1023", task.core)));
        }
        if self.channels.get(task.output).map(|channel| channel.source) != Some(Source::Task { task: at }) {
            return Err(refuse("output", &place, format!("channel {} is not written by this task", task.output)));
        }
        for input in &task.inputs {
            if self.channels.get(input.channel).is_none_or(|channel| input.field >= channel.fields.len()) {
                return Err(refuse("input", &place, format!("channel {} has no field {}", input.channel, input.field)));
            }
        }
        if self.read_channels(at).len() > MAX_PINS {
            return Err(refuse("inputs", &place, format!("it reads more than {MAX_PINS} channels")));
        }
        Ok(())
    }

    /// A chain of arrivals that comes back to its own task would never be released.
    fn check_triggers_end(&self, task: usize) -> Result<(), ExecutiveError> {
        let mut at = task;
        for _ in 0..self.tasks.len() {
            let Trigger::Arrival { channel, .. } = self.tasks[at].trigger else { return Ok(()) };
            let Source::Task { task: source } = self.channels[channel].source else { return Ok(()) };
            at = source;
        }
        let place = format!("task \"{}\"", self.tasks[task].name);
        Err(refuse("trigger-cycle", &place, "its release waits, over arrivals, for its own output".to_owned()))
    }

    /// The channels that a task reads, each once, in the order of its inputs.
    pub fn read_channels(&self, task: usize) -> Vec<usize> {
        let mut channels = Vec::new();
        for input in &self.tasks[task].inputs {
            if !channels.contains(&input.channel) {
                channels.push(input.channel);
            }
        }
        channels
    }

    /// The tasks that read a channel.
    pub fn readers(&self, channel: usize) -> Vec<usize> {
        (0..self.tasks.len()).filter(|task| self.tasks[*task].inputs.iter().any(|input| input.channel == channel)).collect()
    }

    /// The shortest time between two samples of a channel, where the table knows it.
    pub fn interval_of(&self, channel: usize) -> Option<i64> {
        match self.channels[channel].source {
            Source::Task { task } => Some(self.tasks[task].interval_ns()),
            Source::External => self
                .tasks
                .iter()
                .filter_map(|task| match task.trigger {
                    Trigger::Arrival { channel: on, min_interval_ns, .. } if on == channel => Some(min_interval_ns),
                    _ => None,
                })
                .min(),
        }
    }
}

impl TaskRow {
    /// The shortest time between two releases, in nanoseconds.
    pub fn interval_ns(&self) -> i64 {
        match self.trigger {
            Trigger::Periodic { period_ns, .. } => period_ns,
            Trigger::Arrival { min_interval_ns, .. } => min_interval_ns,
        }
    }
}
