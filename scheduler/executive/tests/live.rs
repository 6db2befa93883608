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

fn jobs() -> Vec<Box<dyn Job>> {
    vec![Box::new(Mixer { inputs: 1, state: 1, next: 0 }), Box::new(Mixer { inputs: 2, state: 2, next: 0 })]
}

/// Records by kind, task and job, admissions apart.
fn keyed(bytes: &[u8]) -> HashMap<(u8, u32, u64), Vec<u8>> {
    let mut map = HashMap::new();
    for (kind, payload) in records::read_all(bytes).expect("the records are whole") {
        if ![RELEASE, VERDICT, SKIPPED, OUTPUT, DISCARDED].contains(&kind) {
            continue;
        }
        let mut fields = Fields::new(payload);
        let key = (kind, fields.u32().expect("a task"), fields.u64().expect("a job"));
        let early = kind == SKIPPED && payload.last() == Some(&1);
        if !early {
            map.insert(key, payload.to_vec());
        }
    }
    map
}

/// Runs live for a while, fed about 200 times a second, with stalls; then replays and compares.
fn run_and_replay(policy: &str) {
    let stalls =
        [Stall { task: 0, every: 5, duration_ns: 6_000_000 }, Stall { task: 1, every: 11, duration_ns: 3_000_000 }];
    let parsed = || Table::parse(&table(policy)).expect("the table is sound");
    let mut live =
        LiveExecutive::new(parsed(), jobs(), &stalls, false, ThreadHooks::default()).expect("it is laid out");
    live.start().expect("threads start");
    let mut log = Vec::new();
    for value in 0..300_u64 {
        std::thread::sleep(Duration::from_millis(if value % 7 == 0 { 1 } else { 5 }));
        if live.now() >= 0 {
            live.admit(0, &value.to_le_bytes(), &value.to_le_bytes()).expect("it is admitted");
        }
        let sample = live.latest(2);
        assert!(sample.time <= live.now());
        log.extend(live.drain());
    }
    let end = live.stop();
    log.extend(live.drain());
    assert_eq!(live.threads().len(), 2);
    assert!(live.threads().iter().any(|thread| thread.name == "iso:0:30"));

    let authority = Authority::parse(&log).expect("the log is whole");
    let mut replay = VirtualExecutive::new(parsed(), jobs(), &[], Some(authority), 0).expect("it is laid out");
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
    let (before, after) = (keyed(&log), keyed(&replay.drain()));
    let mut keys: Vec<_> = before.keys().chain(after.keys()).collect();
    keys.sort_by_key(|(kind, task, job)| (*job, *task, *kind));
    for key in keys {
        assert_eq!(before.get(key), after.get(key), "record {key:?} differs under {policy}");
    }
    assert_eq!(live.hash(), replay.hash());

    let count = |kind: u8, task: u32| before.keys().filter(|key| key.0 == kind && key.1 == task).count();
    let overruns = count(DISCARDED, 0) + count(DISCARDED, 1);
    assert!(overruns >= 20, "only {overruns} overruns");
    for task in [0, 1] {
        assert_eq!(count(RELEASE, task), count(OUTPUT, task) + count(DISCARDED, task));
        assert_eq!(count(RELEASE, task), count(VERDICT, task));
    }
}

#[test]
fn a_live_run_with_overruns_under_hold_replays_bit_for_bit() {
    run_and_replay("hold");
}

#[test]
fn a_live_run_with_overruns_under_skip_replays_bit_for_bit() {
    run_and_replay("skip");
}
