//! The rate limiter of a token. It uses GCRA (the generic cell rate algorithm of ITU-T I.371): a burst may have the
//! calls of one period, then one call per interval is allowed (the period divided by the number of calls).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jelou_core::policy::Rate;

/// The limiter. Its state is one atomic number, so concurrent calls need no lock.
#[derive(Debug)]
pub(super) struct RateLimiter {
    rate: Rate,
    /// Nanoseconds per call at an even rate.
    interval: u64,
    /// The length of a burst in nanoseconds, without its first call.
    tolerance: u64,
    /// Theoretical arrival time of the next call, in nanoseconds since `start`.
    next: AtomicU64,
    /// The zero point of all times, from a monotonic clock.
    start: Instant,
}

/// The call exceeds the rate. After `wait`, another call is allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OverRate {
    wait: Duration,
    rate: Rate,
}

impl OverRate {
    /// Returns the seconds until the next allowed call, rounded up, so that a retry after this time is not too early.
    pub(crate) fn retry_after(&self) -> u64 {
        seconds(self.wait)
    }

    pub(crate) fn status(&self) -> RateStatus {
        RateStatus {
            rate: self.rate,
            remaining: 0,
            reset: self.retry_after(),
        }
    }
}

/// The current state of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateStatus {
    pub(crate) rate: Rate,
    /// Number of calls that are allowed now.
    pub(crate) remaining: u32,
    /// Seconds until all calls of a period are allowed again. Without remaining calls: seconds until the next call is
    /// allowed.
    pub(crate) reset: u64,
}

impl RateLimiter {
    pub(super) fn new(rate: Rate) -> Self {
        let calls = u64::from(rate.calls().get());
        // Rounded up, so that the rate is never exceeded.
        let interval = nanoseconds(rate.period()).div_ceil(calls);
        Self {
            rate,
            interval,
            tolerance: interval * (calls - 1),
            next: AtomicU64::new(0),
            start: Instant::now(),
        }
    }

    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// Counts a call, unless it exceeds the rate.
    pub(super) fn count(&self) -> Result<(), OverRate> {
        self.count_at(self.start.elapsed())
    }

    /// Returns the current state, without counting a call.
    pub(super) fn status(&self) -> RateStatus {
        self.status_at(self.start.elapsed())
    }

    fn status_at(&self, now: Duration) -> RateStatus {
        let ahead = self
            .next
            .load(Ordering::Relaxed)
            .saturating_sub(nanoseconds(now));
        let remaining = (self.tolerance + self.interval).saturating_sub(ahead) / self.interval;
        let reset = if remaining == 0 {
            ahead - self.tolerance
        } else {
            ahead
        };
        RateStatus {
            rate: self.rate,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset: seconds(Duration::from_nanos(reset)),
        }
    }

    /// Counts a call at `now`, the time since `start`.
    fn count_at(&self, now: Duration) -> Result<(), OverRate> {
        let now = nanoseconds(now);
        let mut next = self.next.load(Ordering::Relaxed);
        loop {
            let ahead = next.saturating_sub(now);
            if ahead > self.tolerance {
                return Err(OverRate {
                    wait: Duration::from_nanos(ahead - self.tolerance),
                    rate: self.rate,
                });
            }
            let after = next.max(now) + self.interval;
            match self
                .next
                .compare_exchange_weak(next, after, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(changed) => next = changed,
            }
        }
    }
}

/// Returns the seconds of a duration, rounded up.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// Returns the nanoseconds of a duration. Saturates after 584 years.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limiter(rate: &str) -> RateLimiter {
        RateLimiter::new(rate.parse().unwrap())
    }

    fn passing(limiter: &RateLimiter, tries: usize, now: Duration) -> usize {
        (0..tries).filter(|_| limiter.count_at(now).is_ok()).count()
    }

    #[test]
    fn a_whole_period_may_come_at_once_and_then_evenly() {
        let limiter = limiter("6/m");
        let at = Duration::from_secs;
        assert_eq!(passing(&limiter, 20, at(0)), 6);
        let wait = |now| limiter.count_at(at(now)).unwrap_err().wait;
        assert_eq!((wait(0), wait(9)), (at(10), at(1)));
        assert_eq!(passing(&limiter, 20, at(10)), 1);
        assert_eq!(passing(&limiter, 20, at(35)), 2);
        // After a long pause, a burst has the calls of one period, not of several.
        assert_eq!(passing(&limiter, 20, at(100_000)), 6);
    }

    #[test]
    fn the_status_says_what_is_left() {
        let limiter = limiter("6/m");
        let at = Duration::from_secs;
        let left = |now| {
            let status = limiter.status_at(at(now));
            (status.remaining, status.reset)
        };
        assert_eq!(left(0), (6, 0));
        assert_eq!(passing(&limiter, 2, at(0)), 2);
        assert_eq!(left(0), (4, 20));
        assert_eq!(left(15), (5, 5));
        assert_eq!(passing(&limiter, 20, at(20)), 6);
        assert_eq!(left(20), (0, 10));
        assert_eq!(left(29), (0, 1));
        assert_eq!(left(30), (1, 50));
        assert_eq!(left(1000), (6, 0));
    }

    #[test]
    fn a_refused_call_costs_nothing() {
        let limiter = limiter("1/h");
        let at = Duration::from_secs;
        assert_eq!(passing(&limiter, 1000, Duration::ZERO), 1);
        assert_eq!(passing(&limiter, 1000, at(3599)), 0);
        assert_eq!(passing(&limiter, 1000, at(3600)), 1);
    }

    #[test]
    fn a_rate_that_does_not_divide_its_period_is_never_exceeded() {
        for rate in ["7/s", "999999/s", "1000000/s", "7/d", "1000000/d"] {
            let limiter = limiter(rate);
            let rate: Rate = rate.parse().unwrap();
            let calls = rate.calls().get() as usize;
            assert_eq!(
                passing(&limiter, calls + 1, Duration::ZERO),
                calls,
                "{rate}"
            );
            let next = passing(&limiter, calls + 1, rate.period());
            // Rounding costs at most one call in a thousand.
            let least = calls - calls / 1000 - 1;
            assert!((least..=calls).contains(&next), "{rate}: {next}");
        }
    }

    proptest! {
        /// The limit holds for all arrival times, also with retries after the returned wait.
        #[test]
        fn no_more_than_a_burst_and_what_time_has_freed(
            calls in 1_u32..50,
            pauses in prop::collection::vec(0_u64..3_000_000_000, 1..300),
        ) {
            let limiter = limiter(&format!("{calls}/m"));
            let mut now = Duration::ZERO;
            let mut passed = 0;
            for pause in pauses {
                now += Duration::from_nanos(pause);
                if let Err(OverRate { wait, .. }) = limiter.count_at(now) {
                    now += wait;
                    let too_early = now.saturating_sub(Duration::from_nanos(1));
                    prop_assert!(limiter.count_at(too_early).is_err());
                    prop_assert_eq!(limiter.count_at(now), Ok(()));
                }
                passed += 1;
                let freed = nanoseconds(now) / limiter.interval;
                prop_assert!(passed <= u64::from(calls) + freed, "{} of {}", passed, freed);
            }
        }
    }

    #[test]
    fn calls_at_the_same_time_are_counted_once_each() {
        for _ in 0..50 {
            let limiter = limiter("1000/d");
            let start = std::sync::Barrier::new(8);
            let passed: usize = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8)
                    .map(|_| {
                        scope.spawn(|| {
                            start.wait();
                            passing(&limiter, 500, Duration::ZERO)
                        })
                    })
                    .collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap())
                    .sum()
            });
            assert_eq!(passed, 1000);
        }
    }
}
