//! A live run whose thread is kept busy: what comes too late is skipped by name, and what ends too late is an overrun.

mod common;

use std::time::Duration;

use common::{Run, every, jobs, table};
use isochron_executive::live::{LiveExecutive, ThreadHooks};
use isochron_executive::task::Stall;

const MS: i64 = 1_000_000;

/// Three tasks on one thread, of which `slow` takes 60 of every 200 ms, and an input that brings a message a millisecond.
fn busy() -> Run {
    let tasks = [
        every("slow", 200 * MS).publishing_after(20 * MS),
        every("quick", 200 * MS).from(5 * MS).publishing_after(5 * MS),
        every("reader", 200 * MS).from(6 * MS).publishing_after(150 * MS).reading(&["in"]),
    ];
    let schedule = || table(&["in"], &tasks, 2).expect("the table is sound");
    let stalls = [Stall { task: 0, every: 1, duration_ns: 60 * MS }];
    let mut live = LiveExecutive::new(schedule(), jobs(&schedule()), &stalls, false, ThreadHooks::default())
        .expect("it is laid out");
    live.start(Some(0)).expect("threads start");
    let mut log = Vec::new();
    for value in 0..700_u64 {
        std::thread::sleep(Duration::from_millis(1));
        if live.now() >= 0 {
            let bytes = value.to_le_bytes();
            live.admit(0, i64::MAX, &bytes, &bytes).expect("it is admitted");
        }
        log.extend(live.drain().expect("messages are made"));
    }
    live.stop();
    log.extend(live.drain().expect("messages are made"));
    let mut run = Run::new(&["in"], &tasks);
    run.log = log;
    run
}

#[test]
fn what_a_busy_thread_comes_to_too_late_is_skipped_by_its_reason_and_what_ends_too_late_is_an_overrun() {
    let run = busy();
    let skipped = run.lines(&["skipped"]);
    let some = |name: &str, reason: &str| {
        assert!(
            skipped.iter().any(|line| line.starts_with(&format!("skipped {name}")) && line.ends_with(reason)),
            "no release of {name} is {reason}: {skipped:?}"
        );
    };
    // Not begun by its publication instant; and by its instant the input has brought more than is kept.
    some("quick", "late");
    some("reader", "gone");
    // Nobody reads it: its own worker has to say that it is late.
    let verdicts = run.lines(&["verdict slow"]);
    assert!(!verdicts.is_empty() && verdicts.iter().all(|line| line.ends_with("overrun")), "{verdicts:?}");
}
