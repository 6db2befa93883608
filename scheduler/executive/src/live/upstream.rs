//! A task released by another task's output: it looks at that task's verdicts itself, so nobody has to wake up and tell it.

use std::sync::atomic::Ordering;

use super::shared::{Decision, Shared, Upcoming};
use crate::arrival::Arrivals;
use crate::records::Skip;
use crate::rules;
use crate::table::Table;

/// What a task knows of the publications that release it.
pub struct Upstream {
    /// The publishing task.
    task: usize,
    /// The number of its next publication to look at.
    next: u64,
    /// A done output of it stands: there is something to hold.
    standing: bool,
    arrivals: Arrivals,
    over: bool,
}

impl Upstream {
    /// None for a task that no other task releases.
    pub fn of(table: &Table, task: usize) -> Option<Self> {
        let arrivals = Arrivals::of(table.tasks[task].trigger)?;
        Some(Self { task: table.upstream(task)?, next: 0, standing: false, arrivals, over: false })
    }

    /// Whether no publication of the run is left to look at.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Settles what was to be published up to `now`, and releases task `id` by what stands.
    ///
    /// The next publication instant to look at, where it is known already. Real-time: looks at each publication once.
    pub fn follow(&mut self, shared: &Shared, group: usize, id: usize, now: i64) -> Option<i64> {
        let row = &shared.table.tasks[self.task];
        let end = shared.end.load(Ordering::Acquire);
        while !self.over {
            let (gone, upcoming) = shared.upcoming(self.task, &mut self.next, end);
            if gone > 0 {
                shared.lost.decisions.fetch_add(gone, Ordering::Relaxed);
            }
            let publication = match upcoming {
                Upcoming::At(publication) => publication,
                Upcoming::Unknown => return None,
                Upcoming::Over => {
                    self.over = true;
                    shared.releases[id].close();
                    // This thread's own tasks too: they may have looked already.
                    shared.wake_dependents(id, usize::MAX);
                    return None;
                }
            };
            if publication > now {
                return Some(publication);
            }
            let done = shared.stands(self.task, self.next);
            self.next += 1;
            self.standing |= done;
            if rules::publishes(row, done, self.standing) {
                self.arrival(shared, group, id, publication);
            }
        }
        None
    }

    fn arrival(&mut self, shared: &Shared, group: usize, id: usize, time: i64) {
        if let Some(release) = self.arrivals.arrive(time) {
            shared.releases[id].push(release);
            shared.wake_dependents(id, group);
        } else {
            let job = self.arrivals.released();
            shared.decide(group, Decision::Skipped { task: id as u32, job, time, reason: Skip::Early, decided: time });
        }
    }
}
