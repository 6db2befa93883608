//! Small schedules, jobs that can be followed by hand, and records as readable lines.
#![allow(dead_code, reason = "each test crate uses its part")]

use isochron_executive::authority::Authority;
use isochron_executive::records::{self, Fields};
use isochron_executive::table::TaskRow;
use isochron_executive::task::Stall;
use isochron_executive::{Job, Table, VirtualExecutive};
use serde_json::{Value, json};

/// Its output is 100 times the number of its jobs so far, plus the sum of its inputs; the number is its state.
struct Sum {
    inputs: usize,
    jobs: u64,
}

impl Job for Sum {
    unsafe fn step(&mut self, inputs: &[*const u8], outputs: &[*mut u8]) -> Result<(), i32> {
        // SAFETY: every field of these tables is one u64, aligned to 64 bytes.
        let sum = inputs.iter().map(|input| unsafe { input.cast::<u64>().read() }).fold(0, u64::wrapping_add);
        if sum == POISON {
            return Err(7);
        }
        // SAFETY: as above.
        unsafe { outputs[0].cast::<u64>().write(sum.wrapping_add(100 * (self.jobs + 1))) };
        Ok(())
    }
    fn commit(&mut self) {
        self.jobs += 1;
    }
    fn states_bytes(&self) -> usize {
        8
    }
    fn copy_states(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.jobs.to_le_bytes());
    }
    fn set_states(&mut self, states: &[u8]) -> bool {
        states.try_into().map(|states| self.jobs = u64::from_le_bytes(states)).is_ok()
    }
    fn kernel_calls(&self) -> u64 {
        self.jobs
    }
    fn sizes(&self) -> (Vec<usize>, Vec<usize>) {
        (vec![8; self.inputs], vec![8])
    }
}

/// An input on which a job ends with fault 7.
pub const POISON: u64 = u64::MAX;

/// A task with a LET of 5 ns and the policy `skip`, unless said otherwise.
#[derive(Clone)]
pub struct Spec {
    name: &'static str,
    trigger: Trigger,
    let_ns: i64,
    policy: &'static str,
    reads: Vec<&'static str>,
}

#[derive(Clone)]
enum Trigger {
    Every { period: i64, phase: i64 },
    On { channel: &'static str, interval: i64, early: &'static str },
}

pub fn every(name: &'static str, period: i64) -> Spec {
    Spec { name, trigger: Trigger::Every { period, phase: 0 }, let_ns: 5, policy: "skip", reads: vec![] }
}

/// Released by `channel`, which it reads; early arrivals are dropped.
pub fn on(name: &'static str, channel: &'static str, interval: i64) -> Spec {
    let trigger = Trigger::On { channel, interval, early: "drop" };
    Spec { name, trigger, let_ns: 5, policy: "skip", reads: vec![channel] }
}

impl Spec {
    pub fn from(mut self, time: i64) -> Self {
        if let Trigger::Every { phase, .. } = &mut self.trigger {
            *phase = time;
        }
        self
    }
    pub fn deferring(mut self) -> Self {
        if let Trigger::On { early, .. } = &mut self.trigger {
            *early = "defer";
        }
        self
    }
    pub fn publishing_after(mut self, let_ns: i64) -> Self {
        self.let_ns = let_ns;
        self
    }
    pub fn holding(mut self) -> Self {
        self.policy = "hold";
        self
    }
    pub fn reading(mut self, channels: &[&'static str]) -> Self {
        self.reads = channels.to_vec();
        self
    }
}

/// A table with external channels first, then one channel per task under the task's name; `depth` samples stay readable.
pub fn table(inputs: &[&str], tasks: &[Spec], depth: usize) -> Result<Table, String> {
    let names: Vec<&str> = inputs.iter().copied().chain(tasks.iter().map(|task| task.name)).collect();
    let id = |name: &str| names.iter().position(|each| *each == name).expect("a channel of the table");
    let field = json!([{ "name": "v", "dtype": "u64", "shape": [], "offset": 0, "bytes": 8 }]);
    let source = |at: usize| match at.checked_sub(inputs.len()) {
        Some(task) => json!({ "kind": "task", "task": task }),
        None => json!({ "kind": "external" }),
    };
    let channels: Vec<Value> = names
        .iter()
        .enumerate()
        .map(
            |(at, name)| json!({ "name": name, "source": source(at), "depth": depth, "slotBytes": 8, "fields": field }),
        )
        .collect();
    let tasks: Vec<Value> = tasks
        .iter()
        .map(|task| {
            let trigger = match task.trigger {
                Trigger::Every { period, phase } => json!({ "kind": "periodic", "periodNs": period, "phaseNs": phase }),
                Trigger::On { channel, interval, early } => {
                    json!({ "kind": "arrival", "channel": id(channel), "minIntervalNs": interval, "early": early })
                }
            };
            let reads: Vec<Value> = task.reads.iter().map(|name| json!({ "channel": id(name), "field": 0 })).collect();
            json!({
                "name": task.name, "program": 0, "trigger": trigger, "budgetNs": 1, "deadlineNs": task.let_ns,
                "letNs": task.let_ns, "priority": 1, "core": 0, "onOverrun": task.policy, "inputs": reads,
                "output": id(task.name),
            })
        })
        .collect();
    let json = json!({ "version": 1, "name": "small", "channels": channels, "tasks": tasks });
    Table::parse(&json.to_string()).map_err(|error| error.to_string())
}

/// A job for each task.
pub fn jobs(table: &Table) -> Vec<Box<dyn Job>> {
    let job = |task: &TaskRow| Box::new(Sum { inputs: task.inputs.len(), jobs: 0 }) as Box<dyn Job>;
    table.tasks.iter().map(job).collect()
}

/// A run in virtual time whose records are kept.
pub struct Run {
    pub executive: VirtualExecutive,
    table: Table,
    pub log: Vec<u8>,
}

impl Run {
    pub fn new(inputs: &[&str], tasks: &[Spec]) -> Self {
        Self::with(table(inputs, tasks, 2).expect("the table is sound"), &[], None, 0)
    }

    pub fn with(table: Table, stalls: &[Stall], authority: Option<&[u8]>, keyframe_every: i64) -> Self {
        let jobs = jobs(&table);
        let authority = authority.map(|log| Authority::parse(log).expect("the log is whole"));
        let executive = VirtualExecutive::new(table.clone(), jobs, stalls, authority, keyframe_every);
        Self { executive: executive.expect("it is laid out"), table, log: Vec::new() }
    }

    /// A run in which every `every`-th job of the first task takes `duration` longer.
    pub fn stalled(inputs: &[&str], tasks: &[Spec], every: u64, duration: i64) -> Self {
        let stall = Stall { task: 0, every, duration_ns: duration };
        Self::with(table(inputs, tasks, 2).expect("the table is sound"), &[stall], None, 0)
    }

    pub fn channel(&self, name: &str) -> usize {
        self.table.channels.iter().position(|channel| channel.name == name).expect("a channel of the table")
    }

    pub fn try_admit(&mut self, name: &str, time: i64, value: u64) -> Result<u64, String> {
        let bytes = value.to_le_bytes();
        self.executive.admit(self.channel(name), time, &bytes, bytes.to_vec()).map_err(|error| error.to_string())
    }

    pub fn admit(mut self, name: &str, time: i64, value: u64) -> Self {
        self.try_admit(name, time, value).expect("it is admitted");
        self
    }

    pub fn until(mut self, time: i64) -> Self {
        self.executive.advance(time).expect("time goes on");
        self.log.extend(self.executive.drain().expect("messages are made"));
        self
    }

    /// The records of some kinds as lines, in their order.
    pub fn lines(&self, kinds: &[&str]) -> Vec<String> {
        let all = records::read_all(&self.log).expect("the log is whole");
        let lines = all.into_iter().map(|(kind, payload)| self.line(kind, payload).expect("the record is whole"));
        lines.filter(|line| kinds.iter().any(|kind| line.starts_with(kind))).collect()
    }

    fn line(&self, kind: u8, payload: &[u8]) -> Result<String, isochron_executive::ExecutiveError> {
        let mut f = Fields::new(payload);
        let task = |id: u32| &self.table.tasks[id as usize].name;
        let channel = |id: u32| &self.table.channels[id as usize].name;
        let number = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Ok(match kind {
            records::ADMIT => format!("admit {}#{} @{}", channel(f.u32()?), f.u64()?, f.time()?),
            records::RELEASE => {
                let mut line = format!("release {}{} @{}", task(f.u32()?), f.u64()?, f.time()?);
                for _ in 0..f.u32()? {
                    line += &format!(" {}#{}", channel(f.u32()?), f.u64()?);
                    line += if f.u8()? == records::HELD { "held" } else { "" };
                }
                line
            }
            records::VERDICT => {
                let (task, job, time) = (task(f.u32()?), f.u64()?, f.time()?);
                format!("verdict {task}{job} @{time} {}", if f.u8()? == 1 { "overrun" } else { "done" })
            }
            records::SKIPPED => {
                let (task, job, time) = (task(f.u32()?), f.u64()?, f.time()?);
                format!(
                    "skipped {task}{job} @{time} {}",
                    ["busy", "early", "stopped", "late", "gone"][f.u8()? as usize]
                )
            }
            records::OUTPUT => {
                let (task, job, _, sequence, time) = (task(f.u32()?), f.u64()?, f.u32()?, f.u64()?, f.time()?);
                format!("output {task}{job} #{sequence} @{time} = {}", number(f.bytes()?))
            }
            records::DISCARDED => format!("discarded {}{} = {}", task(f.u32()?), f.u64()?, number(f.bytes()?)),
            records::FAULT => format!("fault {}{} {}", task(f.u32()?), f.u64()?, f.time()?),
            records::KEYFRAME => {
                format!("keyframe {}{} @{} = {}", task(f.u32()?), f.u64()?, f.time()?, number(f.bytes()?))
            }
            records::MESSAGE => {
                let (output, task, job, time) = (f.u32()?, task(f.u32()?), f.u64()?, f.time()?);
                format!("message {output} {task}{job} @{time} = {:?}", f.bytes()?)
            }
            other => format!("kind {other}"),
        })
    }
}
