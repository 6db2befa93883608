//! The rules of time, one by one, in virtual time: what a release sees, when outputs stand, and what overruns do.

mod common;

use std::sync::Arc;

use common::{POISON, Run, Spec, every, on, table};
use isochron_executive::outlet::{Departing, Encode, Output};
use isochron_executive::records::{Pin, Skip, Writer};
use isochron_executive::task::Stall;

// Order at one instant.

#[test]
fn a_periodic_release_sees_what_is_admitted_at_its_own_instant() {
    let run = Run::new(&["in"], &[every("f", 10).reading(&["in"])]).admit("in", 10, 1).until(10);
    assert_eq!(run.lines(&["release"]), ["release f0 @0 in#0", "release f1 @10 in#1"]);
}

#[test]
fn a_periodic_release_sees_what_is_published_at_its_own_instant() {
    let consumer = every("c", 10).from(5).reading(&["p"]);
    // The consumer is declared first: publications come before releases all the same.
    let run = Run::new(&[], &[consumer, every("p", 10)]).until(5);
    assert_eq!(run.lines(&["release c"]), ["release c0 @5 p#1"]);
}

#[test]
fn releases_at_one_instant_run_in_the_order_of_declaration() {
    let run = Run::new(&["x", "y"], &[on("g", "y", 10), every("h", 10).from(10), on("f", "x", 10)])
        .admit("x", 10, 1)
        .admit("y", 10, 1)
        .until(10);
    assert_eq!(run.lines(&["release"]), ["release g0 @10 y#1", "release h0 @10", "release f0 @10 x#1"]);
}

#[test]
fn a_release_by_a_publication_takes_its_place_in_the_order_of_declaration() {
    let run = Run::new(&[], &[on("c", "p", 10), every("h", 10).from(5), every("p", 10)]).until(5);
    assert_eq!(run.lines(&["release c", "release h"]), ["release c0 @5 p#1", "release h0 @5"]);
}

#[test]
fn admissions_at_one_instant_stand_in_the_order_in_which_their_channels_are_declared() {
    let run = Run::new(&["x", "y"], &[on("f", "x", 10), on("g", "y", 10)])
        .admit("x", 0, 1)
        .admit("y", 0, 1)
        .admit("y", 1, 2)
        .admit("x", 1, 2)
        .until(1);
    assert_eq!(run.lines(&["skipped"]), ["skipped f1 @1 early", "skipped g1 @1 early"]);
}

#[test]
fn a_release_by_an_admission_sees_what_is_published_at_its_instant() {
    let run = Run::new(&["in"], &[on("c", "in", 10).reading(&["in", "p"]), every("p", 10)]).admit("in", 5, 1).until(5);
    assert_eq!(run.lines(&["release c"]), ["release c0 @5 in#1 p#1"]);
}

// What a release sees.

#[test]
fn before_the_first_sample_a_release_sees_zeros_under_sequence_0() {
    let run = Run::new(&["in"], &[every("f", 10).reading(&["in"])]).until(0);
    assert_eq!(run.lines(&["release", "output"]), ["release f0 @0 in#0", "output f0 #1 @5 = 100"]);
}

#[test]
fn a_release_sees_the_newest_sample_and_nothing_later() {
    let run = Run::new(&["in"], &[every("f", 10).reading(&["in"])])
        .admit("in", 3, 30)
        .admit("in", 9, 90)
        .admit("in", 11, 11)
        .until(10);
    assert_eq!(run.lines(&["release f1", "output f1"]), ["release f1 @10 in#2", "output f1 #2 @15 = 290"]);
}

#[test]
fn an_on_arrival_release_sees_its_trigger() {
    let run = Run::new(&["in"], &[on("f", "in", 10)]).admit("in", 7, 70).until(7);
    assert_eq!(run.lines(&["release", "output"]), ["release f0 @7 in#1", "output f0 #1 @12 = 170"]);
}

#[test]
fn a_task_released_by_another_ones_output_sees_it_at_its_publication() {
    let run = Run::new(&[], &[on("c", "p", 10), every("p", 10)]).until(15);
    assert_eq!(run.lines(&["release c"]), ["release c0 @5 p#1", "release c1 @15 p#2"]);
}

#[test]
fn two_fields_of_one_channel_come_from_one_sample_pinned_once() {
    let run = Run::new(&["in"], &[every("f", 10).from(1).reading(&["in", "in"])]).admit("in", 0, 7).until(1);
    assert_eq!(run.lines(&["release", "output"]), ["release f0 @1 in#1", "output f0 #1 @6 = 114"]);
}

// Publication.

#[test]
fn an_output_is_visible_at_its_release_plus_let_and_not_before() {
    let consumer = |time| every("c", 100).from(time).reading(&["p"]);
    let sees = |time| Run::new(&[], &[every("p", 100), consumer(time)]).until(time).lines(&["release c"]);
    assert_eq!(sees(4), ["release c0 @4 p#0"]);
    assert_eq!(sees(5), ["release c0 @5 p#1"]);
}

#[test]
fn an_observer_sees_samples_by_their_tags() {
    let run = Run::new(&[], &[every("p", 10)]).until(10);
    let sequence = |time| run.executive.latest(run.channel("p"), time).sequence;
    assert_eq!([4, 5, 14, 15].map(sequence), [0, 1, 1, 2]);
}

#[test]
fn a_channel_keeps_as_many_samples_as_it_is_deep() {
    let table = table(&["in"], &[every("f", 1000)], 3).expect("the table is sound");
    let run = (1..=9).fold(Run::with(table, &[], None, 0), |run, time| run.admit("in", time, 10)).until(9);
    let sequence = |time| run.executive.latest(run.channel("in"), time).sequence;
    assert_eq!([7, 8, 9, 100].map(sequence), [7, 8, 9, 9]);
}

// Arrivals.

#[test]
fn an_early_arrival_is_dropped_and_logged_and_its_value_is_seen_later() {
    let run = [(0, 1), (9, 2), (10, 3)]
        .iter()
        .fold(Run::new(&["in"], &[on("f", "in", 10)]), |run, (time, value)| run.admit("in", *time, *value));
    let expected = ["release f0 @0 in#1", "skipped f1 @9 early", "release f1 @10 in#3"];
    assert_eq!(run.until(10).lines(&["release", "skipped"]), expected);
}

#[test]
fn a_deferred_arrival_is_released_when_the_interval_has_passed_and_sees_the_newest() {
    let run = [0, 4, 6, 40]
        .iter()
        .fold(Run::new(&["in"], &[on("f", "in", 10).deferring()]), |run, time| run.admit("in", *time, 1));
    let expected = ["release f0 @0 in#1", "skipped f2 @6 early", "release f1 @10 in#3", "release f2 @40 in#4"];
    assert_eq!(run.until(40).lines(&["release", "skipped"]), expected);
}

#[test]
fn what_arrives_at_the_instant_of_a_deferred_release_is_seen_by_it() {
    let run = [0, 4, 10]
        .iter()
        .fold(Run::new(&["in"], &[on("f", "in", 10).deferring()]), |run, time| run.admit("in", *time, 1));
    let expected = ["release f0 @0 in#1", "skipped f2 @10 early", "release f1 @10 in#3"];
    assert_eq!(run.until(30).lines(&["release", "skipped"]), expected);
}

#[test]
fn the_minimum_interval_holds_for_arrivals_of_outputs_too() {
    let run = Run::new(&[], &[every("p", 10), on("c", "p", 15)]).until(35);
    let expected = ["release c0 @5 p#1", "skipped c1 @15 early", "release c1 @25 p#3", "skipped c2 @35 early"];
    assert_eq!(run.lines(&["release c", "skipped c"]), expected);
}

// Overruns.

#[test]
fn a_job_that_ends_at_its_publication_instant_is_done_and_one_that_ends_later_has_overrun() {
    let verdict = |stall| Run::stalled(&[], &[every("p", 10)], 1, stall).until(0).lines(&["verdict"]);
    assert_eq!(verdict(5), ["verdict p0 @5 done"]);
    assert_eq!(verdict(6), ["verdict p0 @5 overrun"]);
}

#[test]
fn the_output_of_a_late_job_is_discarded_but_its_state_advances() {
    let run = Run::stalled(&[], &[every("p", 10)], 2, 6).until(20);
    let expected = ["output p0 #1 @5 = 100", "discarded p1 = 200", "output p2 #3 @25 = 300"];
    assert_eq!(run.lines(&["output", "discarded"]), expected);
}

#[test]
fn releases_while_a_job_runs_are_skipped_and_logged() {
    // Job 1 runs from 10 to 35.
    let run = Run::stalled(&[], &[every("p", 10)], 2, 25).until(40);
    let expected = ["release p0 @0", "release p1 @10", "skipped p2 @20 busy", "skipped p3 @30 busy", "release p4 @40"];
    assert_eq!(run.lines(&["release", "skipped"]), expected);
}

#[test]
fn a_release_at_the_instant_at_which_a_job_ends_is_still_skipped() {
    let run = Run::stalled(&[], &[every("p", 10)], 1, 10).until(20);
    assert_eq!(run.lines(&["release", "skipped"]), ["release p0 @0", "skipped p1 @10 busy", "release p2 @20"]);
}

#[test]
fn under_skip_nothing_stands_at_the_publication_of_a_late_job() {
    let consumers = [every("p", 10), every("c", 10).from(5).reading(&["p"]), on("d", "p", 5)];
    let run = Run::stalled(&[], &consumers, 2, 6).until(15);
    assert_eq!(run.lines(&["release c"]), ["release c0 @5 p#1", "release c1 @15 p#1"]);
    assert_eq!(run.lines(&["release d"]), ["release d0 @5 p#1"]);
}

#[test]
fn under_hold_the_previous_value_stands_again_flagged_and_releases_whom_it_triggers() {
    let consumers = [every("p", 10).holding(), every("c", 10).from(5).reading(&["p"]), on("d", "p", 5)];
    let run = Run::stalled(&[], &consumers, 2, 6).until(25);
    assert_eq!(run.lines(&["release c"]), ["release c0 @5 p#1", "release c1 @15 p#1held", "release c2 @25 p#3"]);
    assert_eq!(run.lines(&["release d"]), ["release d0 @5 p#1", "release d1 @15 p#1held", "release d2 @25 p#3"]);
}

#[test]
fn under_hold_a_skipped_release_republishes_too() {
    // Job 1 runs from 10 to 25, the release at 20 is busy, job 3 is late again: the first value stands throughout.
    let run = Run::stalled(&[], &[every("p", 10).holding(), on("d", "p", 5)], 2, 15).until(35);
    let expected = ["release d0 @5 p#1", "release d1 @15 p#1held", "release d2 @25 p#1held", "release d3 @35 p#1held"];
    assert_eq!(run.lines(&["release d"]), expected);
    assert_eq!(run.lines(&["skipped p"]), ["skipped p2 @20 busy"]);
}

#[test]
fn before_the_first_done_output_there_is_nothing_to_hold() {
    let run = Run::stalled(&[], &[every("p", 10).holding(), on("d", "p", 5)], 1, 6).until(50);
    assert_eq!(run.lines(&["release d"]), [""; 0]);
}

#[test]
fn a_fault_of_a_job_ends_the_run_by_name() {
    let mut run = Run::new(&["in"], &[on("f", "in", 10)]).admit("in", 3, POISON);
    let error = run.executive.advance(3).expect_err("the job fails").to_string();
    assert!(error.starts_with("error[schedule/job]: task \"f\" job 0 ended with fault 7"), "{error}");
}

// Messages of outputs.

/// A message is the value's first byte and the stamp.
struct Byte;

impl Encode for Byte {
    fn encode(&self, slot: &[u8], stamp_ns: i64, out: &mut Vec<u8>) -> Result<(), String> {
        if slot[0] == 0 {
            return Err("error[test/message]: no value".to_owned());
        }
        out.clear();
        out.extend_from_slice(&[slot[0], stamp_ns as u8]);
        Ok(())
    }
    fn most_bytes(&self) -> usize {
        2
    }
}

fn shown(channel: usize) -> Output {
    Output { channel, encoder: Arc::new(Byte), departing: Departing::Publication }
}

#[test]
fn a_message_stands_behind_its_value_and_under_hold_behind_what_has_published_nothing() {
    let stall = Stall { task: 0, every: 2, duration_ns: 12 };
    let table = table(&[], &[every("f", 10).holding()], 2).expect("the table is sound");
    let mut run = Run::with(table, &[stall], None, 0);
    run.executive.encode_with(vec![shown(0)]).expect("the channel is there");
    run.executive.set_epoch(100);
    // Job 1 ends at 22: an overrun, and release 2 at 20 finds it running.
    let run = run.until(29);
    assert_eq!(
        run.lines(&["output", "message", "discarded", "skipped"]),
        [
            "output f0 #1 @5 = 100",
            "message 0 f0 @5 = [100, 105]",
            "message 0 f1 @15 = [100, 115]",
            "discarded f1 = 200",
            "skipped f2 @20 busy",
            "message 0 f2 @25 = [100, 125]",
        ]
    );
    let seen = run.executive.latest_message(0, 15).expect("it is made").expect("one stands");
    assert_eq!((seen.sequence, seen.time, seen.held, seen.bytes), (1, 5, true, vec![100, 105]));
}

#[test]
fn under_skip_an_overrun_sends_no_message() {
    let table = table(&[], &[every("f", 10)], 2).expect("the table is sound");
    let mut run = Run::with(table, &[Stall { task: 0, every: 2, duration_ns: 12 }], None, 0);
    run.executive.encode_with(vec![shown(0)]).expect("the channel is there");
    assert_eq!(run.until(29).lines(&["message"]), ["message 0 f0 @5 = [100, 5]"]);
}

#[test]
fn a_message_that_cannot_be_made_is_an_error_when_records_are_taken() {
    let mut run = Run::new(&["in"], &[on("f", "in", 10)]).admit("in", 3, 256 - 100);
    let output = run.channel("f");
    run.executive.encode_with(vec![shown(output)]).expect("the channel is there");
    run.executive.advance(3).expect("the job runs");
    let error = run.executive.drain().expect_err("no message").to_string();
    assert_eq!(error, "error[test/message]: no value");
    assert!(run.executive.encode_with(vec![shown(7)]).is_err());
    assert!(run.executive.observe(4, true).is_err());
}

// Admission.

#[test]
fn an_admission_at_a_time_that_has_been_processed_is_refused() {
    let mut run = Run::new(&["in"], &[every("f", 10)]).until(10);
    let refused = run.try_admit("in", 10, 1).expect_err("10 is over");
    assert_eq!(refused, "error[schedule/admission]: \"in\" at 10 ns: the run is at 11 ns already");
    assert_eq!(run.try_admit("in", 11, 1), Ok(1));
}

#[test]
fn where_time_stands_before_an_observed_output_admissions_come_after_the_release_that_will_publish_it() {
    let mut run = Run::new(&["in"], &[every("f", 10).reading(&["in"])]);
    let (input, output) = (run.channel("in"), run.channel("f"));
    run.executive.encode_with(vec![shown(output)]).expect("the channel is there");
    run.executive.observe(0, true).expect("the output is there");
    let reached = run.executive.advance(100).expect("nothing fails");
    assert_eq!(reached, -1);
    assert!(run.executive.admit(input, 0, &[], 1u64.to_le_bytes().to_vec()).is_err());
    assert!(run.executive.admit(input, 1, &[], 1u64.to_le_bytes().to_vec()).is_ok());
}

#[test]
fn samples_of_a_channel_come_in_the_order_of_their_times() {
    let mut run = Run::new(&["in"], &[every("f", 10)]).admit("in", 20, 1);
    let refused = run.try_admit("in", 19, 1).expect_err("it goes back");
    assert_eq!(refused, "error[schedule/admission]: \"in\" at 19 ns: its newest sample is at 20 ns already");
    assert_eq!(run.try_admit("in", 20, 1), Ok(2));
}

#[test]
fn only_external_channels_take_admissions() {
    let mut run = Run::new(&["in"], &[every("f", 10)]);
    assert!(run.try_admit("f", 0, 1).expect_err("refused").contains("channel \"f\" is written by a task"));
    let short = run.executive.admit(0, 0, &[1], vec![1]).expect_err("refused").to_string();
    assert!(short.contains("\"in\" takes 8 bytes, not 1"), "{short}");
    let unknown = run.executive.admit(9, 0, &[], vec![]).expect_err("refused").to_string();
    assert!(unknown.contains("there is no channel 9"), "{unknown}");
}

// The log as authority.

fn decisions(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    write(&mut writer);
    writer.take()
}

fn replayed(tasks: &[Spec], log: &[u8]) -> Run {
    Run::with(table(&["in"], tasks, 2).expect("the table is sound"), &[], Some(log), 0)
}

#[test]
fn replay_obeys_the_logged_verdicts_and_skips() {
    let log = decisions(|log| {
        log.verdict(0, 1, 15, true, 17);
        log.skipped(0, 2, 20, Skip::Late, 26);
        log.fault(0, 3, 1_000_000);
    });
    let run = replayed(&[every("p", 10).holding(), on("d", "p", 5)], &log).until(35);
    let expected = [
        "output p0 #1 @5 = 100",
        "discarded p1 = 200",
        "skipped p2 @20 late",
        "fault p3 1000000",
        "output p3 #4 @35 = 300",
    ];
    assert_eq!(run.lines(&["output p", "discarded p", "skipped p", "fault p"]), expected);
    let held = ["release d0 @5 p#1", "release d1 @15 p#1held", "release d2 @25 p#1held", "release d3 @35 p#4"];
    assert_eq!(run.lines(&["release d"]), held);
}

#[test]
fn replay_takes_the_held_flag_from_the_log_and_recomputes_the_sequence() {
    let pin = Pin { channel: 1, sequence: 99, flags: 1 };
    let log = decisions(|log| log.release(1, 0, 5, &[pin]));
    let run = replayed(&[every("p", 10), every("c", 10).from(5).reading(&["p"])], &log).until(5);
    assert_eq!(run.lines(&["release c"]), ["release c0 @5 p#1held"]);
}

// Keyframes.

#[test]
fn a_keyframe_holds_all_states_at_one_tag() {
    let table = table(&["in"], &[every("fast", 10), every("slow", 40)], 2).expect("the table is sound");
    let run = Run::with(table, &[], None, 50).until(120);
    // At 50: fast has been released at 0, 10, 20, 30, 40; slow at 0 and 40. What is released at 50 comes after.
    let expected =
        ["keyframe fast5 @50 = 5", "keyframe slow2 @50 = 2", "keyframe fast10 @100 = 10", "keyframe slow3 @100 = 3"];
    assert_eq!(run.lines(&["keyframe"]), expected);
}

// Tables that no run could follow.

#[test]
fn tasks_that_release_each_other_in_a_circle_are_refused() {
    let refused = table(&[], &[on("f", "g", 10), on("g", "f", 10)], 2).expect_err("nobody begins");
    let expected = "error[schedule/table]: task \"f\" is released by tasks that release each other in a circle\n";
    assert!(refused.starts_with(expected), "{refused}");
}

#[test]
fn a_phase_before_the_run_is_refused() {
    let refused = table(&[], &[every("f", 10).from(-1)], 2).expect_err("time begins at 0");
    assert_eq!(refused, "error[schedule/table]: the phase of task \"f\" is before the run");
}
