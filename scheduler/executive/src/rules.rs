//! The rules of a schedule (`docs/architecture.md` §4), each stated once: virtual time and live runs ask the same functions.
//!
//! Real-time, all of them: they compare numbers.

use crate::table::{OnOverrun, TaskRow, Trigger};

/// What is known of a task's releases so far.
pub trait Releases {
    /// How many there have been.
    fn count(&self) -> u64;
    /// Time of release number `job`; None where it has not happened, or is too long ago to tell.
    fn time(&self, job: u64) -> Option<i64>;
}

/// When release number `job` is, where that is known.
pub fn release(row: &TaskRow, releases: &impl Releases, job: u64) -> Option<i64> {
    match row.trigger {
        Trigger::Periodic { period_ns, phase_ns } => Some(phase_ns + job as i64 * period_ns),
        Trigger::Arrival { .. } => releases.time(job),
    }
}

/// The instant at which something of a release stands: its job's output, or what the policy says.
pub fn publication(row: &TaskRow, release: i64) -> i64 {
    release + row.let_ns
}

/// Releases of a task whose publication instant is not after `time`.
pub fn due(row: &TaskRow, releases: &impl Releases, time: i64) -> u64 {
    let latest = time - row.let_ns;
    match row.trigger {
        Trigger::Periodic { phase_ns, .. } if latest < phase_ns => 0,
        Trigger::Periodic { period_ns, phase_ns } => ((latest - phase_ns) / period_ns) as u64 + 1,
        Trigger::Arrival { .. } => {
            // Looks back over those that are not due yet.
            let mut count = releases.count();
            while count > 0 && releases.time(count - 1).is_some_and(|release| release > latest) {
                count -= 1;
            }
            count
        }
    }
}

/// Whether the sample that stands is held: under `hold` every release publishes, and a later one than its own was due.
pub fn is_held(row: &TaskRow, sequence: u64, due: u64) -> bool {
    row.on_overrun == OnOverrun::Hold && sequence > 0 && sequence < due
}

/// Whether something is published at a job's instant: its own output, or under `hold` the done one that stands.
pub fn publishes(row: &TaskRow, done: bool, standing: bool) -> bool {
    done || (row.on_overrun == OnOverrun::Hold && standing)
}

/// Whether a release has no job because the task's job before, which ended at `ended`, was still running.
pub fn is_busy(release: i64, ended: i64) -> bool {
    release <= ended
}

/// Whether a job that has not begun at `now` can begin no more: its publication instant has come.
pub fn is_late(publication: i64, now: i64) -> bool {
    now >= publication
}

/// Whether a job that ended at `ended` has overrun.
pub fn is_overrun(publication: i64, ended: i64) -> bool {
    ended > publication
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Early, Table};

    /// Times of the newest releases of several.
    struct Kept<'a>(u64, &'a [i64]);

    impl Releases for Kept<'_> {
        fn count(&self) -> u64 {
            self.0
        }
        fn time(&self, job: u64) -> Option<i64> {
            self.1.get(job.checked_sub(self.0 - self.1.len() as u64)? as usize).copied()
        }
    }

    const NONE: Kept = Kept(0, &[]);

    fn row(trigger: Trigger, on_overrun: OnOverrun) -> TaskRow {
        let table = Table::parse(
            r#"{ "version": 1, "name": "t", "channels": [
                { "name": "f", "source": { "kind": "task", "task": 0 }, "depth": 1, "slotBytes": 8, "fields": [] } ],
              "tasks": [ { "name": "f", "program": 0, "trigger": { "kind": "periodic", "periodNs": 10, "phaseNs": 3 },
                "budgetNs": 1, "deadlineNs": 5, "letNs": 5, "priority": 1, "core": 0, "onOverrun": "hold", "inputs": [],
                "output": 0 } ] }"#,
        );
        TaskRow { trigger, on_overrun, ..table.expect("it is sound").tasks[0].clone() }
    }

    const PERIODIC: Trigger = Trigger::Periodic { period_ns: 10, phase_ns: 3 };
    const ARRIVING: Trigger = Trigger::Arrival { channel: 0, min_interval_ns: 6, tolerance_ns: 0, early: Early::Drop };

    #[test]
    fn a_periodic_release_is_due_from_its_publication_instant_on() {
        let row = row(PERIODIC, OnOverrun::Hold);
        let due: Vec<u64> = [0, 7, 8, 17, 18, 28].iter().map(|time| due(&row, &NONE, *time)).collect();
        assert_eq!(due, [0, 0, 1, 1, 2, 3]);
        assert_eq!((release(&row, &NONE, 2), publication(&row, 23)), (Some(23), 28));
    }

    #[test]
    fn a_release_on_arrival_is_due_by_its_own_time_and_those_forgotten_are() {
        let row = row(ARRIVING, OnOverrun::Hold);
        // Nine releases, of which the last three are known.
        let releases = Kept(9, &[20, 30, 41]);
        let due: Vec<u64> = [10, 24, 25, 35, 45, 46].iter().map(|time| due(&row, &releases, *time)).collect();
        assert_eq!(due, [6, 6, 7, 8, 8, 9]);
        assert_eq!((release(&row, &releases, 5), release(&row, &releases, 8)), (None, Some(41)));
        assert_eq!(release(&row, &releases, 9), None);
    }

    #[test]
    fn what_stands_is_held_only_under_hold_and_once_a_later_release_is_due() {
        let (hold, skip) = (row(PERIODIC, OnOverrun::Hold), row(PERIODIC, OnOverrun::Skip));
        assert_eq!([is_held(&hold, 2, 2), is_held(&hold, 2, 3), is_held(&hold, 0, 3)], [false, true, false]);
        assert!(!is_held(&skip, 2, 3));
        assert_eq!([publishes(&hold, false, true), publishes(&hold, false, false)], [true, false]);
        assert_eq!([publishes(&skip, false, true), publishes(&skip, true, false)], [false, true]);
    }

    #[test]
    fn an_end_at_the_publication_instant_is_in_time_and_a_beginning_there_is_not() {
        assert_eq!([is_overrun(8, 8), is_overrun(8, 9)], [false, true]);
        assert_eq!([is_late(8, 7), is_late(8, 8)], [false, true]);
        assert_eq!([is_busy(8, 7), is_busy(8, 8), is_busy(8, 9)], [false, true, true]);
    }
}
