//! The minimum-interval rule: which samples of its trigger release a task on arrival, and when.

use crate::table::{Early, Trigger};

/// The arrivals of one task so far; the releases follow from the samples' times alone.
///
/// The rule is that of a leaky bucket (ITU-T I.371's virtual scheduling algorithm): an arrival may come up to the tolerance
/// before its nominal time, but the nominal times stay a minimum interval apart, so that jitter is taken and a faster
/// sender is not.
#[derive(Debug, Clone)]
pub struct Arrivals {
    min_interval_ns: i64,
    tolerance_ns: i64,
    early: Early,
    newest: Option<i64>,
    /// When the next sample is due at the earliest, the tolerance aside.
    nominal: i64,
    released: u64,
}

impl Arrivals {
    /// None for a periodic task.
    pub fn of(trigger: Trigger) -> Option<Self> {
        match trigger {
            Trigger::Arrival { min_interval_ns, tolerance_ns, early, .. } => {
                Some(Self { min_interval_ns, tolerance_ns, early, newest: None, nominal: i64::MIN, released: 0 })
            }
            Trigger::Periodic { .. } => None,
        }
    }

    /// A sample stands from `time` on: the time of the release that it causes, now or when the interval has passed.
    ///
    /// None where it comes early and is dropped, or a release that is still to come will see it. Times never go back.
    /// Real-time.
    pub fn arrive(&mut self, time: i64) -> Option<i64> {
        let earliest = self.nominal.saturating_sub(self.tolerance_ns);
        let release = match self.newest {
            None => time,
            Some(_) if time >= earliest => time,
            // A release at this very time has a later index: it sees the sample too.
            Some(newest) if self.early == Early::Defer && newest < time => earliest,
            Some(_) => return None,
        };
        self.newest = Some(release);
        self.nominal = release.max(self.nominal).saturating_add(self.min_interval_ns);
        self.released += 1;
        Some(release)
    }

    /// Goes on after `released` releases, of which the newest was at `newest`; `nominal` is when the next is due.
    pub fn resume(&mut self, released: u64, newest: Option<i64>, nominal: i64) {
        (self.released, self.newest, self.nominal) = (released, newest, nominal);
    }

    /// Releases caused so far, those to come included.
    pub fn released(&self) -> u64 {
        self.released
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tolerating(tolerance_ns: i64, early: Early, times: &[i64]) -> Vec<Option<i64>> {
        let trigger = Trigger::Arrival { channel: 0, min_interval_ns: 10, tolerance_ns, early };
        let mut arrivals = Arrivals::of(trigger).expect("it is released on arrival");
        times.iter().map(|time| arrivals.arrive(*time)).collect()
    }

    fn releases(early: Early, times: &[i64]) -> Vec<Option<i64>> {
        tolerating(0, early, times)
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

    #[test]
    fn a_tolerance_takes_a_periodic_sender_whose_jitter_is_within_it_for_ever() {
        // Due every 10, up to 4 late; after each late one the next is on time.
        let times: Vec<i64> = (0..1000).map(|k| 10 * k + [0, 4, 0, 3, 1, 4, 2][k as usize % 7]).collect();
        assert!(tolerating(4, Early::Drop, &times).iter().all(Option::is_some));
        assert!(tolerating(3, Early::Drop, &times).iter().any(Option::is_none));
    }

    #[test]
    fn a_tolerance_lets_no_faster_sender_through() {
        // Every 7 with a tolerance of 4: one of about three is dropped, so that 10 lie between them in the mean.
        let times: Vec<i64> = (0..1000).map(|k| 7 * k).collect();
        let taken: Vec<i64> = tolerating(4, Early::Drop, &times).into_iter().flatten().collect();
        assert_eq!(&taken[..6], &[0, 7, 21, 28, 42, 49]);
        for window in [20, 70, 490, 3500] {
            for first in &taken {
                let within = taken.iter().filter(|time| (*first..*first + window).contains(time)).count() as i64;
                assert!(within <= (window + 4 + 9) / 10, "{within} releases within {window}");
            }
        }
        assert!(taken.windows(2).all(|pair| pair[1] - pair[0] >= 6));
    }

    #[test]
    fn a_deferred_arrival_waits_only_until_the_tolerance_before_its_nominal_time() {
        assert_eq!(tolerating(4, Early::Defer, &[0, 1, 2, 15]), [Some(0), Some(6), None, Some(16)]);
    }
}
