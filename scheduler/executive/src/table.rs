//! The schedule table as `docs/architecture.md` §4 defines it, checked before anything runs.

use serde::Deserialize;

use crate::error::ExecutiveError;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Field {
    pub name: String,
    pub dtype: String,
    pub shape: Vec<usize>,
    pub offset: usize,
    pub bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", tag = "kind")]
pub enum Source {
    External,
    Task { task: usize },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ChannelRow {
    pub name: String,
    pub source: Source,
    /// From a message's arrival to its sample, decoded on a thread of its own; 0 where it is decoded as it arrives.
    #[serde(default)]
    pub latency_ns: i64,
    pub depth: usize,
    pub slot_bytes: usize,
    pub fields: Vec<Field>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Early {
    Drop,
    Defer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Trigger {
    Periodic {
        period_ns: i64,
        phase_ns: i64,
    },
    Arrival {
        channel: usize,
        min_interval_ns: i64,
        /// How much earlier than the interval asks a sample may come; 0 in tables from before there was one.
        #[serde(default)]
        tolerance_ns: i64,
        early: Early,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnOverrun {
    Hold,
    Skip,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Port {
    pub channel: usize,
    pub field: usize,
}

fn forward() -> String {
    isochron_engine::manifest::FORWARD.to_owned()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TaskRow {
    pub name: String,
    pub program: usize,
    /// Which of the program's methods; absent in tables from before there were several.
    #[serde(default = "forward")]
    pub method: String,
    pub trigger: Trigger,
    pub budget_ns: i64,
    pub deadline_ns: i64,
    pub let_ns: i64,
    pub priority: i32,
    pub core: usize,
    pub on_overrun: OnOverrun,
    pub inputs: Vec<Port>,
    pub output: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Table {
    pub version: u32,
    pub name: String,
    pub channels: Vec<ChannelRow>,
    pub tasks: Vec<TaskRow>,
}

impl TaskRow {
    /// The shortest time between two releases.
    pub fn interval_ns(&self) -> i64 {
        match self.trigger {
            Trigger::Periodic { period_ns, .. } => period_ns,
            Trigger::Arrival { min_interval_ns, tolerance_ns, .. } => min_interval_ns.saturating_sub(tolerance_ns),
        }
    }

    /// The channels it reads, each once, in the order of its inputs.
    pub fn read_channels(&self) -> Vec<usize> {
        let mut channels = Vec::new();
        for port in &self.inputs {
            if !channels.contains(&port.channel) {
                channels.push(port.channel);
            }
        }
        channels
    }
}

impl Table {
    /// Parses and checks a table.
    pub fn parse(json: &str) -> Result<Self, ExecutiveError> {
        let table: Self = serde_json::from_str(json).map_err(|error| ExecutiveError::Table(error.to_string()))?;
        table.check()?;
        Ok(table)
    }

    fn check(&self) -> Result<(), ExecutiveError> {
        let wrong = |reason: String| Err(ExecutiveError::Table(reason));
        if self.version != 1 {
            return wrong(format!("its version is {}, this executive runs 1", self.version));
        }
        for (id, channel) in self.channels.iter().enumerate() {
            let name = &channel.name;
            for field in &channel.fields {
                let end = field.offset.checked_add(field.bytes);
                if field.offset % 64 != 0 || end.is_none_or(|end| end > channel.slot_bytes) {
                    return wrong(format!("field \"{}\" of channel \"{name}\" lies outside its slot", field.name));
                }
            }
            if let Source::Task { task } = channel.source
                && self.tasks.get(task).is_none_or(|task| task.output != id)
            {
                return wrong(format!("channel \"{name}\" is not the output of task {task}"));
            }
            if channel.latency_ns < 0 || (channel.latency_ns > 0 && channel.source != Source::External) {
                return wrong(format!("channel \"{name}\" has a latency that it cannot have"));
            }
            if channel.depth == 0 || channel.depth > 4096 || channel.slot_bytes > 1 << 32 {
                return wrong(format!("channel \"{name}\" is too deep or too large"));
            }
        }
        self.tasks.iter().enumerate().try_for_each(|(id, task)| self.check_task(id, task))?;
        self.check_triggers()
    }

    /// The task whose output releases a task.
    pub fn upstream(&self, task: usize) -> Option<usize> {
        match self.tasks[task].trigger {
            Trigger::Arrival { channel, .. } => match self.channels[channel].source {
                Source::Task { task } => Some(task),
                Source::External => None,
            },
            Trigger::Periodic { .. } => None,
        }
    }

    /// The tasks that samples on a channel release.
    pub fn released_by(&self, channel: usize) -> impl Iterator<Item = usize> {
        let releases =
            move |row: &TaskRow| matches!(row.trigger, Trigger::Arrival { channel: by, .. } if by == channel);
        self.tasks.iter().enumerate().filter(move |(_, row)| releases(row)).map(|(task, _)| task)
    }

    fn check_triggers(&self) -> Result<(), ExecutiveError> {
        for (first, row) in self.tasks.iter().enumerate() {
            let walked = (0..self.tasks.len()).try_fold(first, |at, _| self.upstream(at));
            if walked.is_some() {
                return Err(ExecutiveError::Table(format!(
                    "task \"{}\" is released by tasks that release each other in a circle\nhelp: give one of them a period",
                    row.name
                )));
            }
        }
        Ok(())
    }

    fn check_task(&self, id: usize, task: &TaskRow) -> Result<(), ExecutiveError> {
        let wrong = |reason: String| Err(ExecutiveError::Table(reason));
        let name = &task.name;
        let known =
            |port: &Port| self.channels.get(port.channel).is_some_and(|channel| port.field < channel.fields.len());
        if !task.inputs.iter().all(known) || task.output >= self.channels.len() {
            return wrong(format!("task \"{name}\" names a channel that does not exist"));
        }
        if let Trigger::Arrival { channel, .. } = task.trigger
            && channel >= self.channels.len()
        {
            return wrong(format!("the trigger of task \"{name}\" names a channel that does not exist"));
        }
        if self.channels[task.output].source != (Source::Task { task: id }) {
            return wrong(format!("the output of task \"{name}\" is a channel that is not its own"));
        }
        if let Trigger::Periodic { phase_ns, .. } = task.trigger
            && phase_ns < 0
        {
            return wrong(format!("the phase of task \"{name}\" is before the run"));
        }
        if let Trigger::Arrival { tolerance_ns, .. } = task.trigger
            && tolerance_ns < 0
        {
            return wrong(format!("the tolerance of task \"{name}\" is below 0"));
        }
        if task.let_ns <= 0 || task.interval_ns() <= 0 || task.let_ns > task.interval_ns() {
            let (let_ns, interval_ns) = (task.let_ns, task.interval_ns());
            return wrong(format!(
                "task \"{name}\" publishes {let_ns} ns after its release, but is released every {interval_ns} ns"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    const TABLE: &str = r#"{ "version": 1, "name": "t", "channels": [
        { "name": "x", "source": { "kind": "external" }, "depth": 2, "slotBytes": 4,
          "fields": [ { "name": "v", "dtype": "f32", "shape": [], "offset": 0, "bytes": 4 } ] },
        { "name": "y", "source": { "kind": "task", "task": 0 }, "depth": 2, "slotBytes": 4,
          "fields": [ { "name": "v", "dtype": "f32", "shape": [], "offset": 0, "bytes": 4 } ] } ],
      "tasks": [ { "name": "f", "program": 0, "trigger": { "kind": "periodic", "periodNs": 10, "phaseNs": 0 },
          "budgetNs": 1, "deadlineNs": 5, "letNs": 5, "priority": 1, "core": 0, "onOverrun": "hold",
          "inputs": [ { "channel": 0, "field": 0 } ], "output": 1 } ] }"#;

    fn refusal(from: &str, to: &str) -> String {
        assert!(TABLE.contains(from));
        Table::parse(&TABLE.replace(from, to)).expect_err("the table is refused").to_string()
    }

    #[test]
    fn a_sound_table_is_accepted() {
        assert_eq!(Table::parse(TABLE).expect("the table is sound").tasks[0].read_channels(), [0]);
    }

    #[test]
    fn a_task_runs_the_method_that_it_names_or_forward() {
        let method = |table: &str| Table::parse(table).expect("the table is sound").tasks[0].method.clone();
        assert_eq!(method(TABLE), "forward");
        assert_eq!(method(&TABLE.replace("\"program\": 0", "\"program\": 0, \"method\": \"encode\"")), "encode");
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        assert!(refusal("\"letNs\": 5", "\"letNs\": 11").contains("task \"f\" publishes 11 ns after its release"));
        assert!(refusal("\"channel\": 0, \"field\": 0", "\"channel\": 7, \"field\": 0").contains("names a channel"));
        assert!(refusal("\"task\": 0 }", "\"task\": 3 }").contains("channel \"y\" is not the output of task 3"));
        assert!(
            refusal("\"offset\": 0, \"bytes\": 4 } ] } ],", "\"offset\": 64, \"bytes\": 4 } ] } ],")
                .contains("outside its slot")
        );
        assert!(refusal("\"output\": 1", "\"output\": 0").contains("channel \"y\" is not the output of task 0"));
        let foreign = "{ \"kind\": \"external\" }, \"depth\": 2, \"slotBytes\": 4,\n          \"fields\": [ { \"name\": \"v\", \"dtype\": \"f32\", \"shape\": [], \"offset\": 0, \"bytes\": 4 } ] } ],";
        let own = foreign.replace("\"external\"", "\"task\", \"task\": 0");
        assert!(refusal(&own, foreign).contains("the output of task \"f\" is a channel that is not its own"));
        let periodic = "\"periodic\", \"periodNs\": 10, \"phaseNs\": 0";
        let arrival = |tolerance: i64| {
            format!(
                "\"arrival\", \"channel\": 0, \"minIntervalNs\": 10, \"early\": \"drop\", \"toleranceNs\": {tolerance}"
            )
        };
        assert!(Table::parse(&TABLE.replace(periodic, &arrival(5))).is_ok());
        assert!(
            refusal(periodic, &arrival(6)).contains("publishes 5 ns after its release, but is released every 4 ns")
        );
        assert!(refusal(periodic, &arrival(-1)).contains("the tolerance of task \"f\" is below 0"));
        assert!(refusal("\"version\": 1", "\"version\": 2").contains("its version is 2"));
        assert!(refusal("\"name\": \"t\"", "\"name\": \"t\", \"extra\": 1").contains("extra"));
    }
}
