//! The hash chain as `docs/architecture.md` §4 words it, and what holds for any small run: conservation and replay.

mod common;

use std::collections::HashMap;

use common::{Run, Spec, every, on, table};
use isochron_executive::records::{self, DISCARDED, Fields, OUTPUT, RELEASE, VERDICT};
use isochron_executive::task::Stall;
use proptest::prelude::*;

/// The chains recomputed from a log alone; every chain that the log states is compared on the way.
fn recompute(log: &[u8], tasks: usize) -> Vec<[u8; 32]> {
    let mut chains = vec![[0_u8; 32]; tasks];
    let mut released: HashMap<(u32, u64), Vec<u8>> = HashMap::new();
    let mut verdicts = HashMap::new();
    for (kind, payload) in records::read_all(log).expect("the log is whole") {
        if ![RELEASE, VERDICT, OUTPUT, DISCARDED].contains(&kind) {
            continue;
        }
        let mut fields = Fields::new(payload);
        let key = (fields.u32().expect("a task"), fields.u64().expect("a job"));
        match kind {
            // Release time, then 13 bytes per pin, as they are hashed; the count stands between.
            RELEASE => drop(released.insert(key, [&payload[12..20], &payload[24..]].concat())),
            VERDICT => drop(verdicts.insert(key, payload[20])),
            _ => {
                let (bytes, stated) = payload.split_at(payload.len() - 32);
                let slot = &bytes[bytes.len() - 8..];
                let chain = &mut chains[key.0 as usize];
                let job = key.1.to_le_bytes();
                let cycle = [&chain[..], &job, &released[&key], &[verdicts[&key]], slot].concat();
                *chain = *blake3::hash(&cycle).as_bytes();
                assert_eq!(chain[..], *stated, "task {} job {}", key.0, key.1);
            }
        }
    }
    chains
}

fn schedule() -> Vec<Spec> {
    vec![
        every("p", 10).holding().reading(&["in"]),
        on("c", "p", 12).reading(&["p", "in"]).deferring(),
        on("d", "in", 7).publishing_after(7).reading(&["in", "c"]),
        every("e", 15).from(3).publishing_after(15).reading(&["d", "p"]),
    ]
}

#[test]
fn the_hash_chain_is_what_its_formula_says_and_the_run_hash_covers_all_tasks() {
    let table = table(&["in"], &schedule(), 2).expect("the table is sound");
    let stalls = [Stall { task: 0, every: 3, duration_ns: 17 }, Stall { task: 2, every: 2, duration_ns: 9 }];
    let run = (0..30).fold(Run::with(table, &stalls, None, 0), |run, at| run.admit("in", at * 5, at as u64)).until(200);
    assert!(!run.lines(&["discarded"]).is_empty());
    let chains = recompute(&run.log, 4);
    assert!(chains.iter().all(|chain| *chain != [0; 32]));
    assert_eq!(run.executive.hash(), blake3::hash(&chains.concat()).to_hex().to_string());
}

#[test]
fn the_hash_differs_when_one_input_does() {
    let hash = |value| {
        let run = Run::new(&["in"], &schedule()).admit("in", 4, 1).admit("in", 9, value).until(60);
        run.executive.hash()
    };
    assert_eq!(hash(2), hash(2));
    assert_ne!(hash(2), hash(3));
}

/// One small run: where time is cut, what arrives when, and which jobs take longer.
#[derive(Debug, Clone)]
struct Case {
    depth: usize,
    arrivals: Vec<i64>,
    steps: Vec<i64>,
    stalls: Vec<(usize, u64, i64)>,
}

fn case() -> impl Strategy<Value = Case> {
    let stall = (0..4_usize, 1..5_u64, 0..40_i64);
    (
        1..3_usize,
        prop::collection::vec(0..12_i64, 0..40),
        prop::collection::vec(1..30_i64, 1..8),
        prop::collection::vec(stall, 0..3),
    )
        .prop_map(|(depth, arrivals, steps, stalls)| Case { depth, arrivals, steps, stalls })
}

const END: i64 = 240;

/// Runs a case, with the log of another run as authority where there is one; advances by `steps` in turn.
fn run(case: &Case, steps: &[i64], authority: Option<&[u8]>) -> Run {
    let stalls: Vec<Stall> = match authority {
        Some(_) => vec![],
        None => case
            .stalls
            .iter()
            .map(|(task, every, duration_ns)| Stall { task: *task, every: *every, duration_ns: *duration_ns })
            .collect(),
    };
    let table = table(&["in"], &schedule(), case.depth).expect("the table is sound");
    let mut run = Run::with(table, &stalls, authority, 0);
    let (mut now, mut time) = (0, 0);
    let mut steps = steps.iter().cycle();
    for (value, gap) in case.arrivals.iter().enumerate() {
        time += gap;
        while now < time {
            now = time.min(now + steps.next().copied().unwrap_or(END));
            run = run.until(now - 1);
        }
        run = run.admit("in", time, value as u64);
    }
    run.until(END.max(time))
}

/// Records without admissions, whose place in the log depends on when they were handed in.
fn computed(run: &Run) -> Vec<(u8, &[u8])> {
    let all = records::read_all(&run.log).expect("the log is whole");
    all.into_iter().filter(|(kind, _)| *kind != records::ADMIT).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_replayed_by_its_own_log_gives_the_same_records(case in case()) {
        let first = run(&case, &case.steps, None);
        let again = run(&case, &case.steps, Some(&first.log));
        prop_assert_eq!(&first.log, &again.log);
        prop_assert_eq!(first.executive.hash(), again.executive.hash());
    }

    #[test]
    fn how_far_time_is_advanced_at_once_changes_nothing(case in case()) {
        let (fine, coarse) = (run(&case, &[1], None), run(&case, &case.steps, None));
        prop_assert_eq!(computed(&fine), computed(&coarse));
    }

    #[test]
    fn every_release_ends_as_done_overrun_or_skipped(case in case()) {
        let run = run(&case, &case.steps, None);
        recompute(&run.log, 4);
        let count = |kind: &str, end: &str| run.lines(&[kind]).iter().filter(|line| line.ends_with(end)).count();
        for task in ["p", "c", "d", "e"] {
            let released = count(&format!("release {task}"), "");
            let done = count(&format!("verdict {task}"), "done");
            let overrun = count(&format!("verdict {task}"), "overrun");
            prop_assert_eq!(released, done + overrun);
            prop_assert_eq!(done, count(&format!("output {task}"), ""));
            prop_assert_eq!(overrun, count(&format!("discarded {task}"), ""));
        }
        // The job numbers of releases and busy releases together leave no gap.
        for (task, period, phase) in [("p", 10, 0), ("e", 15, 3)] {
            let all = count(&format!("release {task}"), "") + count(&format!("skipped {task}"), "busy");
            let last = END.max(case.arrivals.iter().sum());
            prop_assert_eq!(all as i64, (last - phase) / period + 1);
        }
        // Every sample releases d or is early.
        let arrived = case.arrivals.len();
        prop_assert_eq!(count("release d", "") + count("skipped d", "busy") + count("skipped d", "early"), arrived);
    }
}
