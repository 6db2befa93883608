//! The release times of a task on arrival: one writer; the task's thread and its readers look back on the newest.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use crate::rules;

/// Releases that can be looked back on.
const KEPT: u64 = 1024;

pub struct Releases {
    times: Box<[AtomicI64]>,
    count: AtomicU64,
    closed: AtomicBool,
}

impl Releases {
    pub fn new() -> Self {
        Self {
            times: (0..KEPT).map(|_| AtomicI64::new(0)).collect(),
            count: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// Adds a release, later than all before. Writer only.
    ///
    /// Real-time: two stores.
    pub fn push(&self, time: i64) {
        let count = self.count.load(Ordering::Relaxed);
        // Release pairs with the Acquire in `time`: who reads this time sees that the one it replaces is gone.
        self.times[(count % KEPT) as usize].store(time, Ordering::Release);
        // Release pairs with the Acquire in `count`: who sees the count sees the time.
        self.count.store(count + 1, Ordering::Release);
    }

    /// No release will follow. Writer only.
    pub fn close(&self) {
        // Release pairs with the Acquire in `is_closed`: who sees it closed sees every release.
        self.closed.store(true, Ordering::Release);
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The oldest release that can be looked back on.
    pub fn oldest(&self) -> u64 {
        rules::Releases::count(self).saturating_sub(KEPT - 1)
    }
}

impl rules::Releases for Releases {
    fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    fn time(&self, job: u64) -> Option<i64> {
        if job >= self.count() {
            return None;
        }
        let time = self.times[(job % KEPT) as usize].load(Ordering::Acquire);
        (job >= self.oldest()).then_some(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Releases as _;

    #[test]
    fn releases_are_found_by_number_until_too_many_have_followed() {
        let releases = Releases::new();
        assert_eq!((releases.count(), releases.time(0)), (0, None));
        for job in 0..KEPT as i64 {
            releases.push(job * 10);
        }
        assert_eq!((releases.oldest(), releases.time(0), releases.time(1)), (1, None, Some(10)));
        assert_eq!((releases.time(KEPT - 1), releases.time(KEPT)), (Some(10 * (KEPT as i64 - 1)), None));
    }
}
