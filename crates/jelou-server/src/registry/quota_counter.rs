//! Counts the calls of a token towards its quota. The count is stored in batches, so a restart does not reset it. Each
//! server of a shared database adds its calls to the stored count, and so gets the calls of the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jelou_core::policy::{Calendar, Quota};
use jelou_store::QuotaUse;
use jiff::Timestamp;

/// The counter of a quota. A change of the number of calls keeps the current period and its count.
#[derive(Debug)]
pub(super) struct QuotaCounter {
    quota: Quota,
    period: Arc<QuotaPeriod>,
}

/// The calls of the current period.
#[derive(Debug)]
pub(crate) struct QuotaPeriod {
    calendar: Calendar,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// In milliseconds since the Unix epoch, like all times here.
    start_ms: i64,
    end_ms: i64,
    /// The calls of all servers, as far as this server knows.
    calls: u64,
    /// The part of `calls` that this server has not stored yet.
    unstored: u64,
}

/// The remaining calls of a quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuotaStatus {
    pub(crate) quota: Quota,
    /// Number of calls that this period still allows.
    pub(crate) remaining: u32,
    /// Seconds until the next period, rounded up.
    pub(crate) reset: u64,
    /// The length of this period, in seconds.
    pub(crate) window: u64,
}

impl QuotaCounter {
    /// Continues the period of `former` if the calendar is the same. Otherwise begins with the stored count.
    pub(super) fn new(quota: Quota, former: Option<&Self>, stored: Option<QuotaUse>) -> Self {
        let former = former.filter(|former| former.quota.calendar() == quota.calendar());
        let period = former.map_or_else(
            || Arc::new(QuotaPeriod::new(quota.calendar().clone(), stored)),
            |former| Arc::clone(&former.period),
        );
        Self { quota, period }
    }

    pub(super) fn period(&self) -> &Arc<QuotaPeriod> {
        &self.period
    }

    /// Counts a call.
    ///
    /// # Errors
    /// The quota is used up.
    pub(super) fn count(&self, now_ms: i64) -> Result<(), QuotaStatus> {
        let mut state = self.period.at(now_ms);
        if state.calls >= u64::from(self.quota.calls().get()) {
            return Err(self.left(*state, now_ms));
        }
        state.calls += 1;
        state.unstored += 1;
        Ok(())
    }

    /// Returns the remaining calls, without counting a call.
    pub(super) fn status(&self, now_ms: i64) -> QuotaStatus {
        self.left(*self.period.at(now_ms), now_ms)
    }

    fn left(&self, state: State, now_ms: i64) -> QuotaStatus {
        let calls = u64::from(self.quota.calls().get());
        QuotaStatus {
            quota: self.quota.clone(),
            remaining: u32::try_from(calls.saturating_sub(state.calls)).unwrap_or(u32::MAX),
            reset: seconds(state.end_ms - now_ms),
            window: seconds(state.end_ms - state.start_ms),
        }
    }
}

impl QuotaPeriod {
    fn new(calendar: Calendar, stored: Option<QuotaUse>) -> Self {
        let state = stored.map_or_else(
            // The first call begins a period, because this one has already ended.
            || State::begin(i64::MIN, i64::MIN),
            |stored| {
                let start = Timestamp::from_millisecond(stored.start_ms).unwrap_or_default();
                let (_, end_ms) = calendar.period_of(start);
                State {
                    calls: stored.calls,
                    ..State::begin(stored.start_ms, end_ms)
                }
            },
        );
        Self {
            calendar,
            state: Mutex::new(state),
        }
    }

    /// Returns the state of the period at `now_ms`. A clock that is set back does not bring back an earlier period.
    fn at(&self, now_ms: i64) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if now_ms >= state.end_ms {
            let now = Timestamp::from_millisecond(now_ms).unwrap_or_default();
            let (start_ms, end_ms) = self.calendar.period_of(now);
            *state = State::begin(start_ms, end_ms);
        }
        state
    }

    /// Returns the calls that are not stored yet, if there are any.
    pub(crate) fn unstored(&self) -> Option<QuotaUse> {
        let state = *self.lock();
        (state.unstored > 0).then_some(QuotaUse {
            start_ms: state.start_ms,
            calls: state.unstored,
        })
    }

    /// Records that these calls were stored. `sum` contains these calls and those of other servers.
    pub(crate) fn mark_stored(&self, added: QuotaUse, sum: QuotaUse) {
        let mut state = self.lock();
        if state.start_ms != added.start_ms {
            return;
        }
        state.unstored = state.unstored.saturating_sub(added.calls);
        if state.start_ms == sum.start_ms {
            state.calls = sum.calls + state.unstored;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(start_ms: i64, end_ms: i64) -> Self {
        Self {
            start_ms,
            end_ms,
            calls: 0,
            unstored: 0,
        }
    }
}

/// Converts milliseconds to seconds, rounded up.
fn seconds(ms: i64) -> u64 {
    let duration = Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn counter(quota: &str) -> QuotaCounter {
        QuotaCounter::new(quota.parse().unwrap(), None, None)
    }

    #[test]
    fn a_period_begins_anew_in_the_zone_of_the_quota() {
        let counter = counter("2/day@America/Guayaquil");
        let count = |time| counter.count(at(time)).is_ok();
        assert!(count("2026-01-01T04:59:58Z") && count("2026-01-01T04:59:59Z"));
        assert!(!count("2026-01-01T04:59:59.999Z"));
        let left = counter.status(at("2026-01-01T04:59:59Z"));
        assert_eq!((left.remaining, left.reset, left.window), (0, 1, 86_400));
        assert!(count("2026-01-01T05:00:00Z") && count("2026-01-02T04:59:59Z"));
        assert!(!count("2026-01-02T04:59:59Z"));
        // A clock that is set back allows no more calls.
        assert!(!count("2026-01-01T04:00:00Z"));
    }

    #[test]
    fn a_count_survives_a_restart_and_a_change_of_the_number() {
        let now = at("2026-05-31T23:00:00Z");
        let counter = counter("3/month");
        assert!(counter.count(now).is_ok() && counter.count(now).is_ok());
        let stored = counter.period().unstored().unwrap();
        counter.period().mark_stored(stored, stored);
        assert_eq!(counter.period().unstored(), None);
        let restarted = QuotaCounter::new("3/month".parse().unwrap(), None, Some(stored));
        assert!(restarted.count(now).is_ok() && restarted.count(now).is_err());
        assert!(restarted.count(at("2026-06-01T00:00:00Z")).is_ok());
        let raised = QuotaCounter::new("4/month".parse().unwrap(), Some(&counter), None);
        assert_eq!(raised.status(now).remaining, 2);
        let other = QuotaCounter::new("4/day".parse().unwrap(), Some(&counter), None);
        assert_eq!(other.status(now).remaining, 4);
    }

    #[test]
    fn calls_of_other_servers_count_from_the_next_store_on() {
        let now = at("2026-05-31T23:00:00Z");
        let counter = counter("10/day");
        let used = |calls| QuotaUse {
            start_ms: at("2026-05-31T00:00:00Z"),
            calls,
        };
        assert!(counter.count(now).is_ok() && counter.count(now).is_ok());
        let added = counter.period().unstored().unwrap();
        assert_eq!(added, used(2));
        // One more call, while the two are stored, after five of another server.
        assert!(counter.count(now).is_ok());
        counter.period().mark_stored(added, used(7));
        assert_eq!(counter.status(now).remaining, 2);
        assert_eq!(counter.period().unstored(), Some(used(1)));
        // The other server has begun the next period, by its clock.
        let next = QuotaUse {
            start_ms: at("2026-06-01T00:00:00Z"),
            calls: 1,
        };
        counter.period().mark_stored(used(1), next);
        assert_eq!(counter.period().unstored(), None);
        assert_eq!(counter.status(now).remaining, 2);
        // The calls are stored only after the end of the period.
        assert!(counter.count(at("2026-06-01T00:00:00Z")).is_ok());
        counter.period().mark_stored(used(1), used(8));
        assert_eq!(counter.status(at("2026-06-01T00:00:00Z")).remaining, 9);
    }

    #[test]
    fn calls_at_the_same_time_are_counted_once_each() {
        let counter = counter("1000/day");
        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..500).filter(|_| counter.count(5).is_ok()).count()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(passed, 1000);
    }
}
