//! What is received: decoded at once or on a thread of its own, rejected where it is no message, and replayed as it went.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use isochron_executive::authority::Authority;
use isochron_executive::intake::{BACKLOG, Decode, Decoders};
use isochron_executive::live::{LiveExecutive, ThreadHooks};
use isochron_executive::records::{self, ADMIT, Fields, OUTPUT, REJECTED, RELEASE, VISIBLE};
use isochron_executive::{Job, Table, VirtualExecutive};

/// Adds up what it reads.
struct Sum(u64);

impl Job for Sum {
    unsafe fn step(&mut self, inputs: &[*const u8], outputs: &[*mut u8]) -> Result<(), i32> {
        // SAFETY: every field of the test's table is one u64, aligned to 64 bytes.
        unsafe {
            self.0 = self.0.wrapping_mul(31).wrapping_add(inputs[0].cast::<u64>().read());
            outputs[0].cast::<u64>().write(self.0);
        }
        Ok(())
    }
    fn commit(&mut self) {}
    fn states_bytes(&self) -> usize {
        0
    }
    fn copy_states(&self, _: &mut [u8]) {}
    fn set_states(&mut self, _states: &[u8]) -> bool {
        false
    }
    fn kernel_calls(&self) -> u64 {
        0
    }
    fn sizes(&self) -> (Vec<usize>, Vec<usize>) {
        (vec![8], vec![8])
    }
}

/// A message is eight bytes, and its last is no 0xff. Decoding waits while the gate is shut.
#[derive(Default)]
struct Eight {
    shut: AtomicBool,
    decoded: AtomicUsize,
}

impl Decode for Eight {
    fn decode(&self, raw: &[u8], slot: &mut [u8]) -> Result<(), String> {
        while self.shut.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.decoded.fetch_add(1, Ordering::AcqRel);
        if raw.len() != 8 || raw[7] == 0xff {
            return Err(format!("error[test/message]: {} bytes", raw.len()));
        }
        slot.copy_from_slice(raw);
        Ok(())
    }
}

fn table(latency_ns: i64) -> Table {
    let field = r#"[ { "name": "v", "dtype": "u64", "shape": [], "offset": 0, "bytes": 8 } ]"#;
    let json = format!(
        r#"{{ "version": 1, "name": "t", "channels": [
        {{ "name": "in", "source": {{ "kind": "external" }}, "latencyNs": {latency_ns}, "depth": 4, "slotBytes": 8, "fields": {field} }},
        {{ "name": "out", "source": {{ "kind": "task", "task": 0 }}, "depth": 4, "slotBytes": 8, "fields": {field} }} ],
      "tasks": [ {{ "name": "sum", "program": 0,
           "trigger": {{ "kind": "arrival", "channel": 0, "minIntervalNs": 1000, "early": "drop" }},
           "budgetNs": 10, "deadlineNs": 1000, "letNs": 1000, "priority": 1, "core": 0, "onOverrun": "skip",
           "inputs": [ {{ "channel": 0, "field": 0 }} ], "output": 1 }} ] }}"#
    );
    Table::parse(&json).expect("the table is sound")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    OneByOne,
    WhileTheGateIsShut,
    BeforeTheRunBegins,
}

fn decoders() -> (Arc<Eight>, Decoders) {
    let eight = Arc::new(Eight::default());
    (eight.clone(), vec![Some(eight), None])
}

fn in_virtual_time(latency_ns: i64, authority: Option<Authority>) -> VirtualExecutive {
    let mut executive =
        VirtualExecutive::new(table(latency_ns), vec![Box::new(Sum(0))], &[], authority, 0).expect("it is laid out");
    executive.decode_with(decoders().1).expect("its threads start");
    executive
}

/// The records of some kinds as (kind, number or job, time).
fn told(bytes: &[u8], kinds: &[u8]) -> Vec<(u8, u64, i64)> {
    let mut told = Vec::new();
    for (kind, payload) in records::read_all(bytes).expect("the records are whole") {
        if !kinds.contains(&kind) {
            continue;
        }
        let mut fields = Fields::new(payload);
        fields.u32().expect("a channel or a task");
        let number = fields.u64().expect("a number");
        if kind == OUTPUT {
            fields.u32().expect("a channel");
            fields.u64().expect("a sequence");
        }
        told.push((kind, number, fields.time().expect("a time")));
    }
    told
}

#[test]
fn a_message_is_a_sample_when_it_arrives_where_its_channel_has_no_latency() {
    let mut executive = in_virtual_time(0, None);
    executive.receive(0, 5_000, &7_u64.to_le_bytes()).expect("it is received");
    executive.advance(10_000).expect("it runs");
    let log = executive.drain().expect("messages are made");
    assert_eq!(
        told(&log, &[ADMIT, VISIBLE, RELEASE, OUTPUT]),
        [(ADMIT, 1, 5_000), (RELEASE, 0, 5_000), (OUTPUT, 0, 6_000)]
    );
}

#[test]
fn a_message_is_a_sample_after_its_channels_latency() {
    let mut executive = in_virtual_time(20_000, None);
    executive.receive(0, 5_000, &7_u64.to_le_bytes()).expect("it is received");
    executive.advance(24_999).expect("it runs");
    assert_eq!(told(&executive.drain().expect("messages are made"), &[ADMIT, VISIBLE, RELEASE]), [(ADMIT, 1, 5_000)]);
    executive.advance(30_000).expect("it runs");
    assert_eq!(
        told(&executive.drain().expect("messages are made"), &[VISIBLE, RELEASE, OUTPUT]),
        [(VISIBLE, 1, 25_000), (RELEASE, 0, 25_000), (OUTPUT, 0, 26_000)]
    );
    assert_eq!(executive.latest(0, 30_000).bytes, 7_u64.to_le_bytes());
}

#[test]
fn what_is_no_message_is_recorded_and_the_run_goes_on() {
    for latency in [0, 20_000] {
        let mut executive = in_virtual_time(latency, None);
        executive.receive(0, 1_000, &[1, 2, 3]).expect("it is received");
        executive.receive(0, 5_000, &7_u64.to_le_bytes()).expect("it is received");
        executive.advance(100_000).expect("it runs");
        let log = executive.drain().expect("messages are made");
        assert_eq!(told(&log, &[REJECTED, RELEASE]), [(REJECTED, 1, 1_000 + latency), (RELEASE, 0, 5_000 + latency)]);
        let reasons: Vec<&[u8]> = records::read_all(&log)
            .expect("the records are whole")
            .into_iter()
            .filter(|(kind, _)| *kind == REJECTED)
            .map(|(_, payload)| &payload[24..])
            .collect();
        assert_eq!(reasons, [b"error[test/message]: 3 bytes"]);
        // The number of a rejected message is not given again.
        assert_eq!(executive.latest(0, 100_000).sequence, 2);
    }
}

#[test]
fn more_may_wait_to_be_decoded_than_the_thread_takes_at_once() {
    let mut executive = in_virtual_time(1_000_000, None);
    for at in 0..100_u64 {
        executive.receive(0, at as i64 * 2_000, &at.to_le_bytes()).expect("it is received");
        executive.advance(at as i64 * 2_000).expect("it runs");
    }
    executive.advance(2_000_000).expect("it runs");
    assert_eq!(told(&executive.drain().expect("messages are made"), &[VISIBLE]).len(), 100);
}

/// Takes its time over even numbers only.
struct SlowOverEven;

impl Decode for SlowOverEven {
    fn decode(&self, raw: &[u8], slot: &mut [u8]) -> Result<(), String> {
        if raw[0].is_multiple_of(2) {
            std::thread::sleep(Duration::from_millis(2));
        }
        slot.copy_from_slice(raw);
        Ok(())
    }
}

#[test]
fn messages_that_take_unequal_times_to_decode_stand_in_their_order() {
    let mut executive =
        VirtualExecutive::new(table(1_000_000), vec![Box::new(Sum(0))], &[], None, 0).expect("it is laid out");
    executive.decode_with(vec![Some(Arc::new(SlowOverEven)), None]).expect("its threads start");
    for at in 0..20_u64 {
        executive.receive(0, at as i64 * 2_000, &at.to_le_bytes()).expect("it is received");
    }
    for at in 0..20_u64 {
        let visible = 1_000_000 + at as i64 * 2_000;
        executive.advance(visible).expect("it runs");
        assert_eq!(executive.latest(0, visible).bytes, at.to_le_bytes());
    }
}

#[test]
fn nothing_is_a_message_without_a_decoder() {
    let mut executive = VirtualExecutive::new(table(0), vec![Box::new(Sum(0))], &[], None, 0).expect("it is laid out");
    let refused = executive.receive(0, 0, &[0; 8]).expect_err("nothing decodes it").to_string();
    assert_eq!(refused, "error[schedule/admission]: nothing decodes messages of \"in\"");
}

/// Runs live, messages coming as `pace` lets them, then replays the log, which has to agree; what it tells, backlog counted.
fn live_then_replayed(latency_ns: i64, pace: Pace) -> (Vec<(u8, u64, i64)>, usize) {
    let mut live = LiveExecutive::new(table(latency_ns), vec![Box::new(Sum(0))], &[], false, ThreadHooks::default())
        .expect("it is laid out");
    let (eight, all) = decoders();
    eight.shut.store(pace == Pace::WhileTheGateIsShut, Ordering::Release);
    live.decode_with(all).expect("its threads start");
    live.start(Some(0)).expect("its threads start");
    while pace != Pace::BeforeTheRunBegins && live.now() < 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    for value in 0..60_u64 {
        let bytes = if value % 5 < 2 { [0xff; 8] } else { value.to_le_bytes() };
        live.receive(0, i64::MAX, &bytes).expect("it is received");
        while pace == Pace::OneByOne && eight.decoded.load(Ordering::Acquire) <= value as usize {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    eight.shut.store(false, Ordering::Release);
    // Long enough for the last to be decoded; what is not shows as neither decoded nor rejected, and replays so.
    std::thread::sleep(Duration::from_millis(20));
    let end = live.stop();
    let log = live.drain().expect("messages are made");
    let authority = Authority::parse(&log).expect("the log is whole");
    let mut replay = in_virtual_time(latency_ns, Some(authority));
    for (kind, payload) in records::read_all(&log).expect("the records are whole") {
        if kind != ADMIT {
            continue;
        }
        let mut fields = Fields::new(payload);
        let (channel, _, time) = (fields.u32(), fields.u64(), fields.time().expect("a time"));
        replay.advance(time - 1).expect("it runs");
        replay.receive(channel.expect("a channel") as usize, time, fields.bytes().expect("bytes")).expect("received");
    }
    replay.advance(end - 1).expect("it runs");
    let again = replay.drain().expect("messages are made");
    let kinds = [ADMIT, VISIBLE, REJECTED, RELEASE, OUTPUT];
    let sorted = |bytes: &[u8]| {
        let mut all = told(bytes, &kinds);
        all.retain(|(_, _, time)| *time < end);
        all.sort_unstable();
        all
    };
    assert_eq!(sorted(&log), sorted(&again));
    let arrived: Vec<_> = told(&log, &[ADMIT]).into_iter().map(|(_, number, time)| (number, time)).collect();
    assert!(arrived.is_sorted_by(|one, next| one.0 < next.0 && one.1 < next.1), "{arrived:?}");
    assert_eq!(live.hash(), replay.hash());
    let backlog = records::read_all(&log)
        .expect("the records are whole")
        .into_iter()
        .filter(|(kind, payload)| *kind == REJECTED && payload.ends_with(BACKLOG.as_bytes()))
        .count();
    (sorted(&log), backlog)
}

#[test]
fn a_live_run_that_decodes_as_messages_arrive_replays() {
    let (told, backlog) = live_then_replayed(0, Pace::OneByOne);
    assert_eq!((told.iter().filter(|(kind, ..)| *kind == REJECTED).count(), backlog), (24, 0));
    assert!(told.iter().all(|(kind, ..)| *kind != VISIBLE));
}

#[test]
fn messages_that_come_before_the_run_begins_are_told_apart_by_their_times() {
    let (told, _) = live_then_replayed(0, Pace::BeforeTheRunBegins);
    assert_eq!(told.iter().filter(|(kind, ..)| *kind == ADMIT).count(), 60);
}

#[test]
fn a_live_run_that_decodes_apart_replays_by_the_logged_times() {
    let (told, backlog) = live_then_replayed(1_000_000, Pace::OneByOne);
    assert_eq!(backlog, 0);
    let of = |wanted: u8| told.iter().filter(move |(kind, ..)| *kind == wanted);
    // The last few may be decoded only after the end.
    assert!(of(REJECTED).count() >= 22 && of(VISIBLE).count() >= 34);
    for (_, number, visible) in of(VISIBLE) {
        assert!(of(ADMIT).any(|(_, admitted, time)| admitted == number && time <= visible));
    }
}

#[test]
fn messages_that_find_the_decoder_behind_are_dropped_counted_and_replay_drops_the_same() {
    let (told, backlog) = live_then_replayed(1_000_000, Pace::WhileTheGateIsShut);
    assert_eq!(told.iter().filter(|(kind, ..)| *kind == ADMIT).count(), 60);
    // One is being decoded, or still waits, and four wait behind it.
    assert!(backlog == 55 || backlog == 56, "{backlog} messages found the decoder behind");
}
