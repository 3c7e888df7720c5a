//! A clock of the time in which a process could run. It excludes the time in which other processes used the processor.

use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::procfs::{self, Activity};

/// Interval between measurements.
const PERIOD: Duration = Duration::from_millis(100);
/// The clock counts at least the wall-clock time divided by this number, so that it advances on a machine that is
/// always busy.
const CLOCK_DIVISOR: u32 = 6;

/// A clock that starts when the process starts a task, such as an import.
#[derive(Debug)]
pub(super) struct FairClock {
    since: Instant,
    at_first: Activity,
    last: (Instant, Activity),
    /// Time in which the process did not wait for a processor.
    could_run: Duration,
}

impl FairClock {
    pub(super) fn new(now: Instant, activity: Activity) -> Self {
        Self {
            since: now,
            at_first: activity,
            last: (now, activity),
            could_run: Duration::ZERO,
        }
    }

    /// Records a measurement. While the process is runnable, only its processor time counts. While it sleeps, all time
    /// counts.
    pub(super) fn record(&mut self, now: Instant, activity: Activity) {
        let (then, before) = self.last;
        let passed = now.duration_since(then);
        self.could_run += if activity.is_runnable {
            passed.min(activity.cpu.saturating_sub(before.cpu))
        } else {
            passed
        };
        self.last = (now, activity);
    }

    /// Returns the time on this clock.
    pub(super) fn passed(&self) -> Duration {
        let (last, _) = self.last;
        let by_the_clock = last.duration_since(self.since) / CLOCK_DIVISOR;
        self.could_run.max(by_the_clock)
    }

    /// Returns the processor time of the process since the clock started.
    pub(super) fn used(&self) -> Duration {
        let (_, last) = self.last;
        last.cpu.saturating_sub(self.at_first.cpu)
    }
}

/// Completes when the clock of a process shows `time`. Uses wall-clock time for a process that cannot be measured.
pub(super) async fn passes(process: Option<Pid>, time: Duration) {
    let measure = || process.and_then(procfs::activity);
    let mut activity = measure().unwrap_or_default();
    let mut own = FairClock::new(Instant::now(), activity);
    while own.passed() < time {
        tokio::time::sleep(PERIOD.min(time)).await;
        activity = measure().unwrap_or(activity);
        own.record(Instant::now(), activity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn time_of_other_processes_does_not_count() {
        let start = Instant::now();
        let mut own = FairClock::new(start, Activity::at(0, true));
        own.record(start + ms(100), Activity::at(100, true));
        own.record(start + ms(200), Activity::at(110, true));
        assert_eq!(own.passed(), ms(110));
        // Several threads may use more than one core.
        own.record(start + ms(300), Activity::at(400, true));
        assert_eq!(own.passed(), ms(210));
        own.record(start + ms(500), Activity::at(400, false));
        assert_eq!(own.passed(), ms(410));
        // Wall-clock time divided by the divisor.
        own.record(start + ms(6000), Activity::at(400, true));
        assert_eq!(own.passed(), ms(1000));
    }
}
