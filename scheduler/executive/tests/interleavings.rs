//! The verdict and the slots through the interleavings of small cases: the live sources on loom's atomics.
//!
//! Loom runs a case again and again with every order of its threads' accesses (up to a number of preemptions) and every
//! value that the memory model lets a load see. A slot's bytes are a cell that traps any access beside a write.

#[expect(dead_code, reason = "only what the cases drive")]
#[path = "../src/live/channel.rs"]
mod channel;
#[expect(dead_code, reason = "as above")]
#[path = "../src/live/verdict.rs"]
mod verdict;

/// What `isochron_executive::sync` is to the sources above.
mod sync {
    pub use loom::sync::atomic;
}

use channel::{Channel, Pinned, Producer};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// A channel with its bytes: the number of a sample, twice.
struct Case {
    index: Channel,
    slots: Vec<UnsafeCell<[u64; 2]>>,
}

impl Case {
    /// Room for `depth` records, the one being written and what readers and the recorder may pin: what the rule asks for.
    fn new(depth: usize, readers: usize, recorder: usize) -> Arc<Self> {
        Self::with_slots(depth, depth + 1 + readers + recorder, recorder)
    }

    fn with_slots(depth: usize, slots: usize, recorder: usize) -> Arc<Self> {
        let index = Channel::new(depth, slots, recorder as u32, (depth + 3).next_power_of_two());
        Arc::new(Self { index, slots: (0..slots).map(|_| UnsafeCell::new([0, 0])).collect() })
    }

    /// Writes a sample into a claimed slot; none where every slot is held.
    fn write(&self, producer: &mut Producer, sample: u64) -> Option<u32> {
        let slot = self.index.claim(producer)?;
        // SAFETY: the slot is claimed; loom checks that nobody else touches it.
        self.slots[slot as usize].with_mut(|bytes| unsafe { *bytes = [sample, sample] });
        Some(slot)
    }

    fn read(&self, slot: u32) -> u64 {
        // SAFETY: the slot is pinned; loom checks that nobody writes it.
        let [first, second] = self.slots[slot as usize].with(|bytes| unsafe { *bytes });
        assert_eq!(first, second, "the bytes are seen whole");
        first
    }

    /// Job `job` as its worker runs it; whether its output stands from `10 * (job + 1)` on.
    fn run(&self, producer: &mut Producer, job: u64) -> bool {
        if !self.index.verdict.start(job) {
            return false;
        }
        let Some(slot) = self.write(producer, job + 1) else { return false };
        self.index.prepare(producer, slot, 10 * (job as i64 + 1), job + 1, job + 1);
        let done = self.index.verdict.finish(job);
        if done {
            self.index.retain(producer, slot);
        }
        done
    }

    /// What a release sees of the channel when `due` publications are due.
    fn pin_due(&self, due: u64) -> Pinned {
        self.retry(|| self.index.try_pin(self.index.verdict.settle(due).records, 10 * due as i64))
    }

    /// What a release at `time` sees of an external channel.
    fn pin_admitted(&self, time: i64) -> Pinned {
        self.retry(|| self.index.try_pin(self.index.freeze(time, false), time))
    }

    /// Tries as often as a producer can move on meanwhile: nobody waits for a producer that stands still.
    fn retry(&self, pin: impl Fn() -> Option<Pinned>) -> Pinned {
        (0..5).find_map(|_| pin()).expect("a reader gets its sample")
    }

    /// Reads what is pinned and lets go of it; the sample's number.
    fn consume(&self, pinned: Pinned) -> u64 {
        let sample = self.read(pinned.slot);
        assert_eq!(sample, pinned.sequence, "the slot holds the sample that the record names");
        self.index.unpin(pinned.slot);
        sample
    }
}

fn explore(preemptions: usize, case: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(case);
}

#[test]
fn all_readers_of_a_due_job_see_the_verdict_that_its_worker_got() {
    explore(3, || {
        let case = Case::new(1, 2, 0);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let case = case.clone();
                thread::spawn(move || case.consume(case.pin_due(1)))
            })
            .collect();
        let done = case.run(&mut case.index.producer(), 0);
        for reader in readers {
            assert_eq!(reader.join().unwrap(), u64::from(done), "1 where the job is done, else the zero sample");
        }
    });
}

#[test]
fn a_task_that_follows_a_publication_late_learns_the_same_verdict() {
    explore(3, || {
        let case = Case::new(2, 1, 0);
        let reader = {
            let case = case.clone();
            thread::spawn(move || case.consume(case.pin_due(1)))
        };
        let follower = {
            let case = case.clone();
            thread::spawn(move || case.index.stands(0))
        };
        let mut producer = case.index.producer();
        let done = case.run(&mut producer, 0);
        case.run(&mut producer, 1);
        assert_eq!(reader.join().unwrap(), u64::from(done));
        assert_eq!(follower.join().unwrap(), Some(done));
    });
}

/// A reader of job 0 while jobs from 2 on retire its record; whether the worker always had a slot.
fn read_while_retiring(case: &Arc<Case>, jobs: std::ops::Range<u64>) -> bool {
    let mut producer = case.index.producer();
    assert!(case.run(&mut producer, 0) && case.run(&mut producer, 1));
    let reader = {
        let case = case.clone();
        thread::spawn(move || {
            let pinned = case.pin_due(1);
            assert_eq!(pinned.late, pinned.sequence != 1, "the sample that was due, or said to be late");
            case.consume(pinned);
        })
    };
    let mut found = true;
    for job in jobs {
        found &= case.run(&mut producer, job);
    }
    reader.join().unwrap();
    found
}

#[test]
fn a_slot_with_a_reader_is_not_written_and_the_worker_finds_another() {
    explore(3, || assert!(read_while_retiring(&Case::new(1, 1, 0), 2..4)));
}

#[test]
fn a_worker_gives_up_rather_than_write_the_last_slot_under_its_reader() {
    explore(4, || {
        read_while_retiring(&Case::with_slots(1, 2, 0), 2..3);
    });
}

#[test]
fn a_reader_sees_every_sample_that_gets_a_tag_up_to_its_release() {
    explore(3, || {
        let case = Case::new(3, 2, 0);
        let readers: Vec<_> = [5, 7]
            .into_iter()
            .map(|time| {
                let case = case.clone();
                thread::spawn(move || {
                    let pinned = case.pin_admitted(time);
                    assert!(!pinned.late && pinned.time <= time);
                    (time, case.consume(pinned))
                })
            })
            .collect();
        let mut producer = case.index.producer();
        let tags = [4, 5].map(|now| {
            let sample = now as u64 - 3;
            let slot = case.write(&mut producer, sample).expect("a slot is free");
            case.index.admit(&mut producer, slot, sample, || now)
        });
        assert!(tags[0] < tags[1], "tags of a channel are different");
        for reader in readers {
            let (time, seen) = reader.join().unwrap();
            let admitted = tags.iter().filter(|tag| **tag <= time).count() as u64;
            assert_eq!(seen, admitted, "release at {time}, tags {tags:?}");
        }
    });
}

#[test]
fn an_output_on_its_way_to_the_recorder_keeps_its_bytes() {
    explore(3, || {
        let case = Case::new(1, 0, 1);
        let mut producer = case.index.producer();
        let slot = case.write(&mut producer, 1).expect("a slot is free");
        assert!(case.index.pin_for_recorder(slot));
        case.index.prepare(&producer, slot, 10, 1, 1);
        // Overrun: no record names the slot, only the recorder's pin keeps it.
        let recorder = {
            let case = case.clone();
            thread::spawn(move || {
                assert_eq!(case.read(slot), 1);
                case.index.unpin_from_recorder(slot);
            })
        };
        for sample in 2..4 {
            let slot = case.write(&mut producer, sample).expect("a slot is free");
            if case.index.pin_for_recorder(slot) {
                case.index.unpin_from_recorder(slot);
            }
            case.index.prepare(&producer, slot, 10, sample, sample);
        }
        recorder.join().unwrap();
    });
}
