//! A replay that begins at a keyframe computes what the run computed from there on.

mod common;

use std::sync::Arc;

use common::{Spec, every, jobs, on, table};
use isochron_executive::authority::Authority;
use isochron_executive::intake::Decode;
use isochron_executive::outlet::{Departing, Encode, Output};
use isochron_executive::records::{self, ADMIT, Fields, KEYFRAME, REJECTED};
use isochron_executive::task::Stall;
use isochron_executive::{Past, Table, VirtualExecutive};

/// A message is its slot; one that begins with 13 is none.
struct Plain;

impl Decode for Plain {
    fn decode(&self, raw: &[u8], slot: &mut [u8]) -> Result<(), String> {
        slot.copy_from_slice(raw);
        if raw[0] == 13 { Err("error[input/unlucky]: it is 13".to_owned()) } else { Ok(()) }
    }
}

impl Encode for Plain {
    fn encode(&self, slot: &[u8], stamp_ns: i64, out: &mut Vec<u8>) -> Result<(), String> {
        *out = [slot, &stamp_ns.to_le_bytes()].concat();
        Ok(())
    }
    fn most_bytes(&self) -> usize {
        64
    }
}

/// A schedule, what arrives in it, and stalls of its first task.
struct Case {
    table: Table,
    arrivals: Vec<(usize, i64, u64)>,
    stalls: Vec<Stall>,
}

const END: i64 = 400;
const INTERVAL: i64 = 20;

impl Case {
    fn new(inputs: &[&str], tasks: &[Spec], arrivals: &[(usize, i64, u64)], every: u64, duration_ns: i64) -> Self {
        let stalls = if every > 0 { vec![Stall { task: 0, every, duration_ns }] } else { vec![] };
        let table = table(inputs, tasks, 2).expect("the table is sound");
        Self { table, arrivals: arrivals.to_vec(), stalls }
    }

    fn decoding_apart(mut self, latency_ns: i64) -> Self {
        self.table.channels[0].latency_ns = latency_ns;
        self
    }

    fn executive(&self, authority: Option<Authority>) -> VirtualExecutive {
        let made = VirtualExecutive::new(self.table.clone(), jobs(&self.table), &self.stalls, authority, INTERVAL);
        let mut made = made.expect("it is laid out");
        let decoders = self.table.channels.iter().map(|_| Some(Arc::new(Plain) as Arc<dyn Decode>)).collect();
        made.decode_with(decoders).expect("threads start");
        let outputs = self.table.tasks.iter().map(|task| Output {
            channel: task.output,
            encoder: Arc::new(Plain),
            departing: Departing::Publication,
        });
        made.encode_with(outputs.collect()).expect("the channels are there");
        made
    }

    /// Runs up to the end with what arrives from an instant on; some of it before its time has come.
    fn finish(&self, executive: &mut VirtualExecutive, from: i64) -> Vec<u8> {
        for (channel, time, value) in self.arrivals.iter().filter(|(_, time, _)| *time >= from) {
            executive.advance((*time - 30).max(from - 1)).expect("time goes on");
            executive.receive(*channel, *time, &value.to_le_bytes()).expect("it is admitted");
        }
        executive.advance(END).expect("time goes on");
        executive.drain().expect("messages are made")
    }

    /// Begins at every keyframe of a run, and compares what is recorded behind it; how many there are.
    fn resumes(&self) -> usize {
        let mut run = self.executive(None);
        let log = self.finish(&mut run, 0);
        let all = records::read_all(&log).expect("the log is whole");
        let tag = |payload: &[u8]| {
            let mut fields = Fields::new(payload);
            (fields.u32().expect("a task"), fields.u64().expect("a job"), fields.time().expect("a time")).2
        };
        let mut tags: Vec<i64> = all.iter().filter(|(kind, _)| *kind == KEYFRAME).map(|(_, each)| tag(each)).collect();
        tags.dedup();
        for time in &tags {
            let is_own = |(kind, payload): &(u8, &[u8])| *kind == KEYFRAME && tag(payload) == *time;
            let keyframe: Vec<u8> = all.iter().filter(|each| is_own(each)).flat_map(framed).collect();
            let last = all.iter().rposition(is_own).expect("it is there");
            // Messages may arrive, and be found damaged, ahead of their time.
            let is_ahead = |kind: u8| kind == ADMIT || kind == REJECTED;
            let rejected = |log: &[(u8, &[u8])]| -> Vec<Vec<u8>> {
                let mut found: Vec<_> =
                    log.iter().filter(|(kind, each)| *kind == REJECTED && tag(each) >= *time).collect();
                found.sort_by_key(|(_, each)| tag(each));
                found.iter().map(|(_, each)| each.to_vec()).collect()
            };
            let expected: Vec<_> = all[last + 1..].iter().filter(|(kind, _)| !is_ahead(*kind)).collect();

            let mut past = Past::at(&self.table, &keyframe).expect("it is whole");
            let mut resumed = self.executive(Some(Authority::parse(&log).expect("the log is whole")));
            // In pieces, as a file is read.
            for piece in all.chunks(7) {
                let piece: Vec<u8> = piece.iter().flat_map(framed).collect();
                past.take(&piece, resumed.authority().expect("it has one")).expect("the log is whole");
            }
            resumed.resume(past).expect("it goes on");
            let found = self.finish(&mut resumed, *time);
            let found = records::read_all(&found).expect("the log is whole");
            assert_eq!(rejected(&found), rejected(&all), "from {time} ns on");
            let found: Vec<_> = found.iter().filter(|each| !is_ahead(each.0) && !is_own(each)).collect();
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found, expected, "from {time} ns on");
            }
            assert_eq!(found.len(), expected.len(), "from {time} ns on");
            assert_eq!(resumed.hash(), run.hash(), "from {time} ns on");
        }
        tags.len()
    }
}

fn framed((kind, payload): &(u8, &[u8])) -> Vec<u8> {
    [&(payload.len() as u32).to_le_bytes(), &[*kind][..], *payload].concat()
}

#[test]
fn tasks_that_read_each_other_go_on_from_every_keyframe() {
    let tasks = [every("p", 10).publishing_after(10), every("c", 15).from(3).reading(&["p", "in"]), on("o", "c", 15)];
    let arrivals = [(0, 5, 50), (0, 39, 390), (0, 40, 400), (0, 41, 410), (0, 200, 2)];
    assert_eq!(Case::new(&["in"], &tasks, &arrivals, 0, 0).resumes(), 20);
}

#[test]
fn held_outputs_overruns_and_busy_releases_go_on() {
    for policy in [every("p", 10), every("p", 10).holding()] {
        for (every_job, stall) in [(3, 7), (4, 15), (2, 48)] {
            let tasks = [policy.clone(), every("c", 10).from(5).reading(&["p"]), on("o", "p", 10)];
            assert_eq!(Case::new(&[], &tasks, &[], every_job, stall).resumes(), 20);
        }
    }
}

#[test]
fn releases_that_were_put_off_and_arrivals_that_were_dropped_go_on() {
    // Released at 18, put off from 19 to 28; the keyframe of 20 lies between, and those of 40 and 60 alike.
    let arrivals = [18, 19, 25, 39, 45, 58, 59, 61, 99, 100, 101, 139, 141].map(|time| (0, time, time as u64));
    for task in [on("f", "in", 10), on("f", "in", 10).deferring()] {
        assert!(Case::new(&["in"], &[task, every("g", 20).reading(&["f"])], &arrivals, 0, 0).resumes() > 10);
    }
}

#[test]
fn tasks_that_held_outputs_release_go_on_with_what_was_put_off() {
    let tasks = [every("p", 6).holding(), on("f", "p", 11).deferring(), on("g", "p", 11)];
    for (every_job, stall) in [(0, 0), (3, 6), (2, 13)] {
        assert_eq!(Case::new(&[], &tasks, &[], every_job, stall).resumes(), 19);
    }
}

#[test]
fn messages_that_are_being_decoded_go_on_and_damaged_ones_stay_none() {
    let arrivals = [1, 13, 38, 55, 59, 79, 80, 99, 119, 130].map(|time| (0, time, if time % 3 == 1 { 13 } else { 5 }));
    let tasks = || [on("f", "in", 5), every("g", 10).reading(&["in", "f"])];
    for latency in [1, 7, 25] {
        assert_eq!(Case::new(&["in"], &tasks(), &arrivals, 0, 0).decoding_apart(latency).resumes(), 20);
    }
    assert_eq!(Case::new(&["in"], &tasks(), &arrivals, 0, 0).resumes(), 20);
}

#[test]
fn a_log_that_lacks_releases_before_the_keyframe_is_refused() {
    let case = Case::new(&[], &[every("f", 10)], &[], 0, 0);
    let log = case.finish(&mut case.executive(None), 0);
    let all = records::read_all(&log).expect("the log is whole");
    let keyframe = all.iter().find(|(kind, _)| *kind == KEYFRAME).map(framed).expect("there is one");
    let mut past = Past::at(&case.table, &keyframe).expect("it is whole");
    let authority = Authority::parse(&log).expect("the log is whole");
    let missing: Vec<u8> = all[1..].iter().flat_map(framed).collect();
    past.take(&missing, &authority).expect("the log is whole");
    let refused = case.executive(Some(authority)).resume(past).expect_err("a release is missing").to_string();
    assert!(refused.contains("\"f\" was released 2 times before 20 ns, and there are records of 1"), "{refused}");
    assert!(Past::at(&case.table, &[]).is_err());
}
