//! The verdict and the slots through the interleavings of small cases: the live sources on loom's atomics.
//!
//! Loom runs a case again and again with every order of its threads' accesses (up to a number of preemptions) and every
//! value that the memory model lets a load see. A slot's bytes are a cell that traps any access beside a write.

#[expect(dead_code, reason = "only what the cases drive")]
#[path = "../src/live/channel.rs"]
mod channel;
#[path = "../src/live/counts.rs"]
mod counts;
#[expect(dead_code, reason = "as above")]
#[path = "../src/live/turns.rs"]
mod turns;
#[expect(dead_code, reason = "as above")]
#[path = "../src/live/verdict.rs"]
mod verdict;

/// What `isochron_executive::sync` is to the sources above.
mod sync {
    pub use loom::sync::atomic;
}

use channel::{Channel, Pinned, Producer};
use counts::Counts;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use turns::Turns;

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

/// A ring of numbers.
struct Numbers {
    turns: Turns,
    entries: Vec<UnsafeCell<u64>>,
}

impl Numbers {
    fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { turns: Turns::new(capacity), entries: (0..capacity).map(|_| UnsafeCell::new(0)).collect() })
    }

    fn write(&self, number: u64) -> bool {
        let Some(at) = self.turns.to_write() else { return false };
        // SAFETY: it is the writer's turn; loom checks that the reader does not touch it.
        self.entries[at].with_mut(|entry| unsafe { *entry = number });
        self.turns.wrote();
        true
    }

    fn read(&self) -> Option<u64> {
        let at = self.turns.to_read()?;
        // SAFETY: it is the reader's turn, as above.
        let number = self.entries[at].with(|entry| unsafe { *entry });
        self.turns.done();
        Some(number)
    }
}

#[test]
fn entries_of_a_ring_come_out_whole_and_in_order_however_few_there_are() {
    explore(4, || {
        let numbers = Numbers::new(2);
        let reader = {
            let numbers = numbers.clone();
            thread::spawn(move || (0..4).filter_map(|_| numbers.read()).collect::<Vec<_>>())
        };
        let written: Vec<u64> = (1..=3).filter(|number| numbers.write(*number)).collect();
        let mut read = reader.join().unwrap();
        read.extend(std::iter::from_fn(|| numbers.read()));
        assert_eq!(read, written);
    });
}

#[test]
fn who_learns_of_a_sample_finds_its_entry_announced() {
    explore(3, || {
        let case = Case::new(2, 1, 0);
        let numbers = Numbers::new(2);
        let reader = {
            let (case, numbers) = (case.clone(), numbers.clone());
            thread::spawn(move || {
                let pinned = case.pin_admitted(9);
                case.index.unpin(pinned.slot);
                // What was read has been announced: it is read once it is written.
                (pinned.sequence, numbers.turns.announced())
            })
        };
        let mut producer = case.index.producer();
        let slot = case.write(&mut producer, 1).expect("a slot is free");
        numbers.turns.announce();
        case.index.admit(&mut producer, slot, 1, || 5);
        assert!(numbers.write(1));
        let (seen, announced) = reader.join().unwrap();
        assert!(announced as u64 >= seen, "sample {seen}, {announced} announced");
        assert_eq!(numbers.read(), Some(1));
        assert!(numbers.turns.has_read(announced));
    });
}

#[test]
fn a_buffer_is_written_anew_only_when_all_who_share_it_have_let_go() {
    explore(4, || {
        let pool = Arc::new((Counts::new(1), UnsafeCell::new(0_u64)));
        let (counts, bytes) = (&pool.0, &pool.1);
        let buffer = counts.claim().expect("it is free");
        // SAFETY: it is claimed; loom checks that nobody else touches it.
        bytes.with_mut(|bytes| unsafe { *bytes = 1 });
        counts.share(buffer);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let pool = pool.clone();
                thread::spawn(move || {
                    // SAFETY: it is held; loom checks that nobody writes it.
                    assert_eq!(pool.1.with(|bytes| unsafe { *bytes }), 1);
                    pool.0.release(buffer);
                })
            })
            .collect();
        if let Some(again) = counts.claim() {
            // SAFETY: it is claimed, as above.
            bytes.with_mut(|bytes| unsafe { *bytes = 2 });
            counts.release(again);
        }
        for reader in readers {
            reader.join().unwrap();
        }
        assert_eq!(counts.claim(), Some(0));
    });
}
