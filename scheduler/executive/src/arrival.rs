//! The minimum-interval rule: which samples of its trigger release a task on arrival, and when.

use crate::table::{Early, Trigger};

/// The arrivals of one task so far; the releases follow from the samples' times alone.
#[derive(Debug, Clone)]
pub struct Arrivals {
    min_interval_ns: i64,
    early: Early,
    newest: Option<i64>,
    released: u64,
}

impl Arrivals {
    /// None for a periodic task.
    pub fn of(trigger: Trigger) -> Option<Self> {
        match trigger {
            Trigger::Arrival { min_interval_ns, early, .. } => {
                Some(Self { min_interval_ns, early, newest: None, released: 0 })
            }
            Trigger::Periodic { .. } => None,
        }
    }

    /// A sample stands from `time` on: the time of the release that it causes, now or when the interval has passed.
    ///
    /// None where it comes early and is dropped, or a release that is still to come will see it. Times never go back.
    /// Real-time.
    pub fn arrive(&mut self, time: i64) -> Option<i64> {
        let release = match self.newest {
            None => time,
            Some(newest) if time >= newest.saturating_add(self.min_interval_ns) => time,
            // A release at this very time has a later index: it sees the sample too.
            Some(newest) if self.early == Early::Defer && newest < time => newest + self.min_interval_ns,
            Some(_) => return None,
        };
        self.newest = Some(release);
        self.released += 1;
        Some(release)
    }

    /// Releases caused so far, those to come included.
    pub fn released(&self) -> u64 {
        self.released
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn releases(early: Early, times: &[i64]) -> Vec<Option<i64>> {
        let trigger = Trigger::Arrival { channel: 0, min_interval_ns: 10, early };
        let mut arrivals = Arrivals::of(trigger).expect("it is released on arrival");
        times.iter().map(|time| arrivals.arrive(*time)).collect()
    }

    #[test]
    fn an_arrival_within_the_interval_is_dropped() {
        assert_eq!(releases(Early::Drop, &[5, 14, 15, 24, 40]), [Some(5), None, Some(15), None, Some(40)]);
    }

    #[test]
    fn a_deferred_arrival_is_released_when_the_interval_has_passed() {
        assert_eq!(releases(Early::Defer, &[5, 7, 30]), [Some(5), Some(15), Some(30)]);
    }

    #[test]
    fn one_release_waits_at_most_and_stands_for_what_arrives_meanwhile() {
        assert_eq!(releases(Early::Defer, &[0, 1, 2, 9, 10, 11]), [Some(0), Some(10), None, None, None, Some(20)]);
    }
}
