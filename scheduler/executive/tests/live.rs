//! Live runs on real threads: what they record is reproduced by replay in virtual time, on one thread, bit for bit.

use std::collections::HashMap;
use std::time::Duration;

use isochron_executive::authority::Authority;
use isochron_executive::live::{LiveExecutive, ThreadHooks};
use isochron_executive::records::{self, ADMIT, DISCARDED, Fields, OUTPUT, RELEASE, SKIPPED, VERDICT};
use isochron_executive::task::Stall;
use isochron_executive::{Job, Table, VirtualExecutive};

/// A job with memory: its output and state are a hash-like mix of its inputs and its last state.
struct Mixer {
    inputs: usize,
    state: u64,
    next: u64,
}

impl Job for Mixer {
    unsafe fn step(&mut self, inputs: &[*const u8], outputs: &[*mut u8]) -> Result<(), i32> {
        let mut mixed = self.state;
        for pointer in inputs {
            // SAFETY: every field of the test's tables is one u64, aligned to 64 bytes.
            let value = unsafe { pointer.cast::<u64>().read() };
            mixed = (mixed ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        }
        self.next = mixed.wrapping_add(1);
        // SAFETY: as above.
        unsafe { outputs[0].cast::<u64>().write(mixed) };
        Ok(())
    }
    fn commit(&mut self) {
        self.state = self.next;
    }
    fn states_bytes(&self) -> usize {
        8
    }
    fn copy_states(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.state.to_le_bytes());
    }
    fn set_states(&mut self, _states: &[u8]) -> bool {
        false
    }
    fn kernel_calls(&self) -> u64 {
        0
    }
    fn sizes(&self) -> (Vec<usize>, Vec<usize>) {
        (vec![8; self.inputs], vec![8])
    }
}

fn table(policy: &str) -> String {
    let field = r#"[ { "name": "v", "dtype": "u64", "shape": [], "offset": 0, "bytes": 8 } ]"#;
    let common = format!(r#""budgetNs": 1000, "core": 0, "program": 0, "onOverrun": "{policy}""#);
    format!(
        r#"{{ "version": 1, "name": "live", "channels": [
        {{ "name": "in", "source": {{ "kind": "external" }}, "depth": 8, "slotBytes": 8, "fields": {field} }},
        {{ "name": "a", "source": {{ "kind": "task", "task": 0 }}, "depth": 8, "slotBytes": 8, "fields": {field} }},
        {{ "name": "b", "source": {{ "kind": "task", "task": 1 }}, "depth": 8, "slotBytes": 8, "fields": {field} }} ],
      "tasks": [
        {{ "name": "a", "trigger": {{ "kind": "arrival", "channel": 0, "minIntervalNs": 3000000, "early": "drop" }},
           "deadlineNs": 2000000, "letNs": 2000000, "priority": 20, {common},
           "inputs": [ {{ "channel": 0, "field": 0 }} ], "output": 1 }},
        {{ "name": "b", "trigger": {{ "kind": "periodic", "periodNs": 2000000, "phaseNs": 500000 }},
           "deadlineNs": 1000000, "letNs": 1000000, "priority": 30, {common},
           "inputs": [ {{ "channel": 1, "field": 0 }}, {{ "channel": 0, "field": 0 }} ], "output": 2 }} ] }}"#
    )
}

/// Tasks that release each other: `a` on arrival, `b` periodic, then `c` on `b`, `d` on `c`, and `e`, deferred, on `a`.
fn chained(policy: &str) -> String {
    let field = r#"[ { "name": "v", "dtype": "u64", "shape": [], "offset": 0, "bytes": 8 } ]"#;
    let channel = |name: &str, source: &str| {
        format!(r#"{{ "name": "{name}", "source": {{ {source} }}, "depth": 8, "slotBytes": 8, "fields": {field} }}"#)
    };
    let task = |name: &str, trigger: &str, time: u64, priority: u32, inputs: &[usize], output: usize| {
        let inputs: Vec<String> = inputs.iter().map(|id| format!(r#"{{ "channel": {id}, "field": 0 }}"#)).collect();
        format!(
            r#"{{ "name": "{name}", "program": 0, "trigger": {{ {trigger} }}, "budgetNs": 1000, "deadlineNs": {time},
                "letNs": {time}, "priority": {priority}, "core": {}, "onOverrun": "{policy}",
                "inputs": [ {} ], "output": {output} }}"#,
            priority % 2,
            inputs.join(",")
        )
    };
    let on = |channel: usize, interval: u64, early: &str| {
        format!(
            r#""kind": "arrival", "channel": {channel}, "minIntervalNs": {interval}, "toleranceNs": 500000, "early": "{early}""#
        )
    };
    let channels: Vec<String> = [channel("in", r#""kind": "external""#)]
        .into_iter()
        .chain(
            "abcde"
                .chars()
                .enumerate()
                .map(|(id, name)| channel(&name.to_string(), &format!(r#""kind": "task", "task": {id}"#))),
        )
        .collect();
    let periodic = r#""kind": "periodic", "periodNs": 4000000, "phaseNs": 1000000"#;
    let tasks = [
        task("a", &on(0, 3_000_000, "drop"), 2_500_000, 20, &[0], 1),
        task("b", periodic, 3_000_000, 31, &[1, 0], 2),
        task("c", &on(2, 4_000_000, "drop"), 3_000_000, 40, &[2, 5], 3),
        task("d", &on(3, 6_000_000, "drop"), 3_000_000, 31, &[3, 1], 4),
        task("e", &on(1, 7_000_000, "defer"), 4_000_000, 40, &[1, 4], 5),
    ];
    format!(
        r#"{{ "version": 1, "name": "chained", "channels": [ {} ], "tasks": [ {} ] }}"#,
        channels.join(","),
        tasks.join(",")
    )
}

fn jobs(table: &Table) -> Vec<Box<dyn Job>> {
    let job = |(id, task): (usize, &isochron_executive::table::TaskRow)| {
        Box::new(Mixer { inputs: task.inputs.len(), state: id as u64 + 1, next: 0 }) as Box<dyn Job>
    };
    table.tasks.iter().enumerate().map(job).collect()
}

/// Stands for a record of an arrival that came early.
const EARLY: u8 = 200;

/// Records by kind, task and job, admissions apart.
fn keyed(bytes: &[u8]) -> HashMap<(u8, u32, u64), Vec<u8>> {
    let mut map = HashMap::new();
    for (kind, payload) in records::read_all(bytes).expect("the records are whole") {
        if ![RELEASE, VERDICT, SKIPPED, OUTPUT, DISCARDED].contains(&kind) {
            continue;
        }
        let mut fields = Fields::new(payload);
        let (task, job) = (fields.u32().expect("a task"), fields.u64().expect("a job"));
        // The clock behind says when a verdict or a skip came about, which replay does not repeat.
        let payload = if kind == VERDICT || kind == SKIPPED { &payload[..21] } else { payload };
        let early = kind == SKIPPED && payload.last() == Some(&1);
        // An early arrival has no job: its time tells it apart.
        let key = if early { (EARLY, task, fields.time().expect("a time") as u64) } else { (kind, task, job) };
        assert!(map.insert(key, payload.to_vec()).is_none(), "{key:?} is recorded twice");
    }
    map
}

/// Runs live for a while, fed about 200 times a second, with stalls; then replays and compares. Gives the log.
fn run_and_replay(json: &str, stalls: &[Stall]) -> Vec<u8> {
    let parsed = || Table::parse(json).expect("the table is sound");
    let mut live =
        LiveExecutive::new(parsed(), jobs(&parsed()), stalls, false, ThreadHooks::default()).expect("it is laid out");
    live.start(Some(0)).expect("threads start");
    let (mut log, mut own_times) = (Vec::new(), 0);
    for value in 0..300_u64 {
        std::thread::sleep(Duration::from_millis(if value % 7 == 0 { 1 } else { 5 }));
        if live.now() >= 0 {
            // As of now; a little late, so that it can still be on time; or so late that its publication instant has passed.
            let (now, bytes) = (live.now(), value.to_le_bytes());
            let at = [i64::MAX, now - 800_000, now - 20_000_000][value as usize % 3];
            let (_, tag) = live.admit(0, at, &bytes, &bytes).expect("it is admitted");
            own_times += u64::from(tag == at);
        }
        let sample = live.latest(2, live.now());
        assert!(sample.time <= live.now());
        log.extend(live.drain().expect("messages are made"));
    }
    let end = live.stop();
    log.extend(live.drain().expect("messages are made"));
    assert!(own_times > 0, "no message was tagged with its own time");

    let authority = Authority::parse(&log).expect("the log is whole");
    let mut replay = VirtualExecutive::new(parsed(), jobs(&parsed()), &[], Some(authority), 0).expect("it is laid out");
    for (kind, payload) in records::read_all(&log).expect("the log is whole") {
        if kind != ADMIT {
            continue;
        }
        let mut fields = Fields::new(payload);
        let (channel, _sequence, time) = (fields.u32().unwrap(), fields.u64().unwrap(), fields.time().unwrap());
        let raw = fields.bytes().unwrap();
        replay.advance(time - 1).expect("time goes on");
        replay.admit(channel as usize, time, raw, raw.to_vec()).expect("it is admitted");
    }
    replay.advance(end - 1).expect("time goes on");
    let (before, after) = (keyed(&log), keyed(&replay.drain().expect("messages are made")));
    let mut keys: Vec<_> = before.keys().chain(after.keys()).collect();
    keys.sort_by_key(|(kind, task, job)| (*job, *task, *kind));
    for key in keys {
        assert_eq!(before.get(key), after.get(key), "record {key:?} differs");
    }
    assert_eq!(live.hash(), replay.hash());

    for task in 0..parsed().tasks.len() as u32 {
        assert_eq!(count(&log, RELEASE, task), count(&log, OUTPUT, task) + count(&log, DISCARDED, task));
        assert_eq!(count(&log, RELEASE, task), count(&log, VERDICT, task));
    }
    log
}

/// Records of a kind and task.
fn count(log: &[u8], kind: u8, task: u32) -> usize {
    keyed(log).keys().filter(|key| key.0 == kind && key.1 == task).count()
}

fn overruns_replay(policy: &str) {
    let stalls =
        [Stall { task: 0, every: 5, duration_ns: 6_000_000 }, Stall { task: 1, every: 11, duration_ns: 3_000_000 }];
    let log = run_and_replay(&table(policy), &stalls);
    let overruns = count(&log, DISCARDED, 0) + count(&log, DISCARDED, 1);
    assert!(overruns >= 20, "only {overruns} overruns");
}

#[test]
fn a_live_run_with_overruns_under_hold_replays_bit_for_bit() {
    overruns_replay("hold");
}

#[test]
fn a_live_run_with_overruns_under_skip_replays_bit_for_bit() {
    overruns_replay("skip");
}

fn chains_replay(policy: &str) {
    let stall = |task: usize, every: u64| Stall { task, every, duration_ns: 9_000_000 };
    let log = run_and_replay(&chained(policy), &[stall(0, 9), stall(1, 13), stall(2, 11), stall(3, 7)]);
    // What the chain is about happened: arrivals that were early, and busy tasks.
    assert!([0, 2, 3, 4].iter().map(|task| count(&log, EARLY, *task)).sum::<usize>() > 0);
    assert!((0..4).map(|task| count(&log, SKIPPED, task)).sum::<usize>() > 0);
    for task in 0..5 {
        println!("task {task}: {:?}", [OUTPUT, DISCARDED, SKIPPED, EARLY].map(|kind| count(&log, kind, task)));
        assert!(count(&log, OUTPUT, task) >= 10, "task {task} published {} times", count(&log, OUTPUT, task));
    }
}

#[test]
fn tasks_released_by_held_outputs_of_other_tasks_replay_bit_for_bit() {
    chains_replay("hold");
}

#[test]
fn tasks_released_by_outputs_of_other_tasks_under_skip_replay_bit_for_bit() {
    chains_replay("skip");
}

#[test]
fn threads_are_named_by_core_and_priority_and_say_what_they_were_granted() {
    let parsed = Table::parse(&table("skip")).expect("the table is sound");
    let jobs = jobs(&parsed);
    let mut live = LiveExecutive::new(parsed, jobs, &[], false, ThreadHooks::default()).expect("it is laid out");
    assert!(live.now() < 0, "the run has not begun");
    live.start(Some(0)).expect("threads start");
    std::thread::sleep(Duration::from_millis(30));
    let end = live.stop();
    assert_eq!(live.stop(), end);
    let mut names: Vec<String> = live.threads().iter().map(|thread| thread.name.clone()).collect();
    names.sort();
    assert_eq!(names, ["iso:0:20", "iso:0:30"]);
    let refused = live.admit(0, i64::MAX, &[0; 8], &[0; 8]).expect_err("the run is over").to_string();
    assert!(refused.contains("\"in\": the run has been stopped"), "{refused}");
}

/// Ends its third job with fault 7.
struct Faulty(u64);

impl Job for Faulty {
    unsafe fn step(&mut self, _: &[*const u8], _: &[*mut u8]) -> Result<(), i32> {
        if self.0 == 2 { Err(7) } else { Ok(()) }
    }
    fn commit(&mut self) {
        self.0 += 1;
    }
    fn states_bytes(&self) -> usize {
        0
    }
    fn copy_states(&self, _: &mut [u8]) {}
    fn set_states(&mut self, _states: &[u8]) -> bool {
        false
    }
    fn kernel_calls(&self) -> u64 {
        self.0
    }
    fn sizes(&self) -> (Vec<usize>, Vec<usize>) {
        (vec![], vec![8])
    }
}

#[test]
fn a_fault_of_a_job_is_told_by_task_job_and_release_while_the_run_goes_on() {
    let json = r#"{ "version": 1, "name": "t", "channels": [
        { "name": "f", "source": { "kind": "task", "task": 0 }, "depth": 2, "slotBytes": 8,
          "fields": [ { "name": "v", "dtype": "u64", "shape": [], "offset": 0, "bytes": 8 } ] } ],
      "tasks": [ { "name": "f", "program": 0, "trigger": { "kind": "periodic", "periodNs": 5000000, "phaseNs": 0 },
          "budgetNs": 1000, "deadlineNs": 5000000, "letNs": 5000000, "priority": 1, "core": 0, "onOverrun": "skip",
          "inputs": [], "output": 0 } ] }"#;
    let parsed = Table::parse(json).expect("the table is sound");
    let mut live = LiveExecutive::new(parsed, vec![Box::new(Faulty(0))], &[], false, ThreadHooks::default())
        .expect("it is laid out");
    live.start(Some(0)).expect("threads start");
    live.check().expect("nothing has failed yet");
    while live.fault().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let fault = live.fault().expect("there is one");
    // Releases that found the job before still running have a number too.
    assert!(fault.job >= 2 && fault.code == 7 && fault.release == fault.job as i64 * 5_000_000, "{fault:?}");
    live.stop();
    let said = live.check().expect_err("a job has failed").to_string();
    assert!(
        said.starts_with(&format!("error[schedule/job]: task \"f\" job {} ended with fault 7", fault.job)),
        "{said}"
    );
}
