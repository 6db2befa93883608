//! Messages of a live run's outputs: what leaves at each publication instant, or at completion, is what the log has.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use isochron_executive::intake::Decode;
use isochron_executive::live::{Carry, Departures, LiveExecutive, ThreadHooks};
use isochron_executive::outlet::{Departing, Encode, Output};
use isochron_executive::records::{self, Fields, MESSAGE};
use isochron_executive::task::Stall;
use isochron_executive::{Job, Table};

/// Counts its jobs.
struct Count(u64);

impl Job for Count {
    unsafe fn step(&mut self, _: &[*const u8], outputs: &[*mut u8]) -> Result<(), i32> {
        // SAFETY: every field of the test's tables is one u64, aligned to 64 bytes.
        unsafe { outputs[0].cast::<u64>().write(self.0 + 1) };
        Ok(())
    }
    fn commit(&mut self) {
        self.0 += 1;
    }
    fn states_bytes(&self) -> usize {
        0
    }
    fn copy_states(&self, _: &mut [u8]) {}
    fn set_states(&mut self, _: &[u8]) -> bool {
        false
    }
    fn kernel_calls(&self) -> u64 {
        0
    }
    fn sizes(&self) -> (Vec<usize>, Vec<usize>) {
        (vec![], vec![8])
    }
}

/// A message is the stamp, then the value.
struct Plain;

impl Encode for Plain {
    fn encode(&self, slot: &[u8], stamp_ns: i64, out: &mut Vec<u8>) -> Result<(), String> {
        out.clear();
        out.extend_from_slice(&stamp_ns.to_le_bytes());
        out.extend_from_slice(slot);
        Ok(())
    }
    fn most_bytes(&self) -> usize {
        16
    }
}

impl Decode for Plain {
    fn decode(&self, raw: &[u8], slot: &mut [u8]) -> Result<(), String> {
        (raw.len() == 8).then(|| slot.copy_from_slice(raw)).ok_or_else(|| "error[test/message]: no".to_owned())
    }
}

/// Keeps what it carries, until it may carry no more.
#[derive(Default)]
struct Kept {
    messages: Mutex<Vec<(i64, u64)>>,
    most: Option<usize>,
}

impl Carry for Kept {
    fn carry(&self, message: &[u8]) -> bool {
        let mut messages = self.messages.lock().expect("nobody panics with it");
        if self.most.is_some_and(|most| messages.len() >= most) {
            return false;
        }
        messages.push(read(message));
        true
    }
}

fn read(message: &[u8]) -> (i64, u64) {
    let part = |at: usize| message[at..at + 8].try_into().expect("eight bytes");
    (i64::from_le_bytes(part(0)), u64::from_le_bytes(part(8)))
}

const EPOCH: i64 = 1_000_000_000_000;
const MS: i64 = 1_000_000;

/// `f` every 5 ms with a LET of 4 ms, and `g`, released by `in`.
fn table(policy: &str) -> Table {
    let field = r#"[ { "name": "v", "dtype": "u64", "shape": [], "offset": 0, "bytes": 8 } ]"#;
    let common = format!(
        r#""program": 0, "budgetNs": 1000, "deadlineNs": 4000000, "letNs": 4000000, "core": 0, "onOverrun": "{policy}", "inputs": []"#
    );
    let json = format!(
        r#"{{ "version": 1, "name": "t", "channels": [
        {{ "name": "in", "source": {{ "kind": "external" }}, "depth": 4, "slotBytes": 8, "fields": {field} }},
        {{ "name": "f", "source": {{ "kind": "task", "task": 0 }}, "depth": 1, "slotBytes": 8, "fields": {field} }},
        {{ "name": "g", "source": {{ "kind": "task", "task": 1 }}, "depth": 1, "slotBytes": 8, "fields": {field} }} ],
      "tasks": [
        {{ "name": "f", "trigger": {{ "kind": "periodic", "periodNs": 5000000, "phaseNs": 0 }}, "priority": 2, {common}, "output": 1 }},
        {{ "name": "g", "trigger": {{ "kind": "arrival", "channel": 0, "minIntervalNs": 4000000, "early": "drop" }},
           "priority": 1, {common}, "output": 2 }} ] }}"#
    );
    Table::parse(&json).expect("the table is sound")
}

struct Ran {
    /// What was carried, handed on and written down of each output, as (stamp, value).
    carried: Vec<Vec<(i64, u64)>>,
    handed: Vec<Vec<(i64, u64)>>,
    logged: Vec<Vec<(i64, u64)>>,
    notices: usize,
    departures: Vec<Departures>,
}

fn messages(log: &[u8], output: u32) -> Vec<(i64, u64)> {
    let all = records::read_all(log).expect("the records are whole");
    let message = |(kind, payload): (u8, _)| {
        let mut fields = Fields::new(payload);
        let of = fields.u32().expect("an output");
        (kind == MESSAGE && of == output).then(|| {
            let (task, _job, time) = (fields.u32(), fields.u64(), fields.time().expect("a time"));
            assert_eq!(task.expect("a task"), output);
            let message = read(fields.bytes().expect("bytes"));
            assert_eq!(message.0, EPOCH + time, "the stamp is the tag");
            message
        })
    };
    all.into_iter().filter_map(message).collect()
}

fn run(policy: &str, departing: Departing, stalls: &[Stall], kept: Kept) -> Ran {
    let output = |channel| Output { channel, encoder: Arc::new(Plain), departing };
    let jobs: Vec<Box<dyn Job>> = vec![Box::new(Count(0)), Box::new(Count(0))];
    let outputs = vec![output(1), output(2)];
    let mut live = LiveExecutive::with_outputs(table(policy), jobs, stalls, outputs, false, ThreadHooks::default())
        .expect("laid out");
    live.decode_with(vec![Some(Arc::new(Plain)), None, None]).expect("nothing is started");
    let carriers = [Arc::new(kept), Arc::new(Kept::default())];
    for (id, carrier) in carriers.iter().enumerate() {
        live.carry_with(id, carrier.clone()).expect("there is such an output");
    }
    let notices = Arc::new(AtomicUsize::new(0));
    let counted = notices.clone();
    live.hand_on(Arc::new(move || {
        counted.fetch_add(1, Ordering::AcqRel);
    }));
    live.await_messages(0, true).expect("there is such an output");
    live.start(Some(EPOCH)).expect("the threads start");
    let entrance = live.entrance(0);
    let (mut log, mut handed) = (Vec::new(), Vec::new());
    // A busy machine skips releases that it cannot start in time: then it takes longer to see as many.
    for value in 0..4000_u64 {
        if (0..2).all(|output| messages(&log, output).len() > 30) {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
        if live.now() >= 0 {
            let mut message = entrance.claim().expect("one is free");
            message.clear();
            message.extend_from_slice(&value.to_le_bytes());
            entrance.receive(message).expect("it is received");
        }
        log.extend(live.drain().expect("messages are made"));
        handed.extend(live.messages());
    }
    let end = live.stop();
    log.extend(live.drain().expect("messages are made"));
    handed.extend(live.messages());
    // What is published at the end and after it is written down, and does not leave.
    let logged =
        [0, 1].map(|output| messages(&log, output).into_iter().filter(|(stamp, _)| *stamp < EPOCH + end).collect());
    let late = entrance.receive(entrance.claim().expect("one is free"));
    assert_eq!(late.expect("it is no error"), None, "the run is over");
    Ran {
        carried: carriers.iter().map(|carrier| carrier.messages.lock().expect("nobody panics").clone()).collect(),
        handed: [0, 1].map(|output| messages(&handed, output)).into(),
        logged: logged.into(),
        notices: notices.load(Ordering::Acquire),
        departures: live.departures(),
    }
}

/// Whether what left is what was logged, but for so many that were missed.
fn is_logged(left: &[(i64, u64)], logged: &[(i64, u64)], missed: u64) -> bool {
    let mut rest = logged.iter();
    left.iter().all(|message| rest.any(|each| each == message)) && logged.len() - left.len() <= missed as usize
}

/// A machine that is too busy to let the sender run for half a second misses messages, and says how many.
fn assert_same(ran: &Ran) {
    for output in 0..2 {
        let (logged, Departures { missed, left, .. }) = (&ran.logged[output], ran.departures[output]);
        assert!(logged.len() > 20, "{} messages of output {output}", logged.len());
        assert!(
            is_logged(&ran.carried[output], logged, missed),
            "output {output}: {:?}, {logged:?}",
            ran.carried[output]
        );
        assert!(
            is_logged(&ran.handed[output], logged, missed),
            "output {output}: {:?}, {logged:?}",
            ran.handed[output]
        );
        assert_eq!(left as usize, ran.carried[output].len());
    }
    assert!(ran.notices > 0 && ran.notices <= ran.logged[0].len(), "{} notices", ran.notices);
}

const STALLS: [Stall; 1] = [Stall { task: 0, every: 3, duration_ns: 7 * MS }];

#[test]
fn what_leaves_at_the_publication_instants_is_what_the_log_has_under_hold_too() {
    let ran = run("hold", Departing::Publication, &STALLS, Kept::default());
    assert_same(&ran);
    let values: Vec<u64> = ran.carried[0].iter().map(|(_, value)| *value).collect();
    assert!(values.windows(2).any(|pair| pair[0] == pair[1]), "nothing was held: {values:?}");
    for Departures { left, median_ns, p99_ns, latest_ns, latest_at, .. } in &ran.departures {
        assert!(*left > 0 && 0 <= *median_ns && median_ns <= p99_ns && p99_ns <= latest_ns && *latest_at > 0);
    }
}

#[test]
fn an_overrun_under_skip_sends_nothing() {
    let ran = run("skip", Departing::Publication, &STALLS, Kept::default());
    assert_same(&ran);
    let values: Vec<u64> = ran.carried[0].iter().map(|(_, value)| *value).collect();
    assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "{values:?}");
    assert!(values.windows(2).any(|pair| pair[0] + 1 < pair[1]), "no job overran: {values:?}");
}

#[test]
fn what_leaves_at_completion_has_the_tag_of_its_publication_and_leaves_before_it() {
    let before = Arc::new(AtomicUsize::new(0));
    let ran = run("hold", Departing::Completion, &STALLS, Kept::default());
    assert_same(&ran);
    // The same again, beside the clock.
    struct Clocked(Arc<AtomicUsize>, Arc<std::sync::OnceLock<std::time::Instant>>);
    impl Carry for Clocked {
        fn carry(&self, message: &[u8]) -> bool {
            let Some(zero) = self.1.get() else { return true };
            if (zero.elapsed().as_nanos() as i64) < read(message).0 - EPOCH {
                self.0.fetch_add(1, Ordering::AcqRel);
            }
            true
        }
    }
    let outputs = vec![Output { channel: 1, encoder: Arc::new(Plain), departing: Departing::Completion }];
    let jobs: Vec<Box<dyn Job>> = vec![Box::new(Count(0)), Box::new(Count(0))];
    let mut live = LiveExecutive::with_outputs(table("skip"), jobs, &[], outputs, false, ThreadHooks::default())
        .expect("laid out");
    let zero = Arc::new(std::sync::OnceLock::new());
    live.carry_with(0, Arc::new(Clocked(before.clone(), zero.clone()))).expect("there is such an output");
    live.start(Some(EPOCH)).expect("the threads start");
    while live.now() < 0 {
        std::hint::spin_loop();
    }
    zero.get_or_init(std::time::Instant::now);
    for _ in 0..4000 {
        std::thread::sleep(Duration::from_millis(5));
        if before.load(Ordering::Acquire) > 10 {
            break;
        }
    }
    live.stop();
    assert!(before.load(Ordering::Acquire) > 10, "{before:?} messages left before their instants");
}

#[test]
fn what_is_carried_no_more_is_counted_and_the_rest_goes_on() {
    let ran = run("skip", Departing::Publication, &[], Kept { most: Some(5), ..Kept::default() });
    assert_eq!(ran.carried[0].len(), 5);
    assert_eq!(ran.departures[0].left, 5);
    let Departures { unsent, missed, .. } = ran.departures[0];
    assert!(unsent as usize <= ran.logged[0].len() - 5);
    assert!((unsent + missed) as usize >= ran.logged[0].len() - 5);
    assert!(is_logged(&ran.handed[0], &ran.logged[0], missed));
    assert!(is_logged(&ran.carried[1], &ran.logged[1], ran.departures[1].missed));
}
