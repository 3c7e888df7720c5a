//! The time that a process could have run: what others took of a processor is not held against it.

use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::procfs::{self, Activity};

/// How often a process is looked at.
const PERIOD: Duration = Duration::from_millis(100);
/// How many times longer by the clock than by its own time a process may take: for a machine that is always full.
const CLOCK_TIMES: u32 = 6;

/// Of a process, since it was given something to do.
#[derive(Debug)]
pub(super) struct FairClock {
    since: Instant,
    at_first: Activity,
    last: (Instant, Activity),
    /// Without the time that it waited for a processor.
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

    /// Who waits for a processor could not run for longer than it did; who sleeps does so by itself.
    pub(super) fn go_on(&mut self, now: Instant, activity: Activity) {
        let (then, before) = self.last;
        let passed = now.duration_since(then);
        self.could_run += if activity.is_runnable {
            passed.min(activity.cpu.saturating_sub(before.cpu))
        } else {
            passed
        };
        self.last = (now, activity);
    }

    pub(super) fn passed(&self) -> Duration {
        let (last, _) = self.last;
        let by_the_clock = last.duration_since(self.since) / CLOCK_TIMES;
        self.could_run.max(by_the_clock)
    }

    /// How much processor time the process has used.
    pub(super) fn used(&self) -> Duration {
        let (_, last) = self.last;
        last.cpu.saturating_sub(self.at_first.cpu)
    }
}

/// Returns when as much of its own time has passed for a process. One that is not to be seen has all the time there is.
pub(super) async fn passes(process: Option<Pid>, time: Duration) {
    let look = || process.and_then(procfs::activity);
    let mut activity = look().unwrap_or_default();
    let mut own = FairClock::new(Instant::now(), activity);
    while own.passed() < time {
        tokio::time::sleep(PERIOD.min(time)).await;
        activity = look().unwrap_or(activity);
        own.go_on(Instant::now(), activity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn what_others_took_is_not_its_own() {
        let start = Instant::now();
        let mut own = FairClock::new(start, Activity::at(0, true));
        own.go_on(start + ms(100), Activity::at(100, true));
        own.go_on(start + ms(200), Activity::at(110, true));
        assert_eq!(own.passed(), ms(110));
        // Another thread may use more than there is of one core.
        own.go_on(start + ms(300), Activity::at(400, true));
        assert_eq!(own.passed(), ms(210));
        own.go_on(start + ms(500), Activity::at(400, false));
        assert_eq!(own.passed(), ms(410));
        // But not for ever.
        own.go_on(start + ms(6000), Activity::at(400, true));
        assert_eq!(own.passed(), ms(1000));
    }
}
