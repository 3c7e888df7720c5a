//! Pauses between the starts of a function that crashes repeatedly.

use std::time::{Duration, Instant};

use jelou_sandbox::CpuShare;

use super::error::LeaseError;

/// Number of consecutive crashes after which the next process still starts without a pause.
const FREE_CRASHES: u32 = 3;
const LONGEST: Duration = Duration::from_secs(30);
/// A process with at least this lifetime was healthy.
const HEALTHY: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
pub(crate) struct Backoff {
    crashes: u32,
    until: Option<Instant>,
    last: Option<Instant>,
}

impl Backoff {
    /// Records a failed start, or a crash of a process after the lifetime `lived`.
    pub(crate) fn crashed(&mut self, lived: Duration) {
        // The end of an idle process is not recorded, so a long time without crashes also ends the series of crashes.
        let rare = |last: Instant| last.elapsed() >= LONGEST + HEALTHY;
        if lived >= HEALTHY || self.last.is_some_and(rare) {
            self.crashes = 0;
        }
        self.crashes += 1;
        self.last = Some(Instant::now());
        self.until = self
            .crashes
            .checked_sub(FREE_CRASHES + 1)
            .map(|exponent| Duration::from_secs(1 << exponent.min(5)).min(LONGEST))
            .map(|pause| Instant::now() + pause);
    }

    /// Returns the CPU share of the next process: idle priority soon after a crash, so that the process does not slow
    /// down other functions.
    pub(crate) fn share(&self) -> CpuShare {
        match self.last {
            Some(last) if last.elapsed() < HEALTHY => CpuShare::Rest,
            _ => CpuShare::Own,
        }
    }

    /// Checks whether a process may be started now.
    ///
    /// # Errors
    ///
    /// [`LeaseError::BackingOff`] during a pause.
    pub(crate) fn check(&self) -> Result<(), LeaseError> {
        match self
            .until
            .map(|until| until.saturating_duration_since(Instant::now()))
        {
            Some(rest) if !rest.is_zero() => Err(LeaseError::BackingOff {
                crashes: self.crashes,
                // Whole seconds for `Retry-After`, at least 1.
                retry_after: Duration::from_secs(rest.as_secs() + 1),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(backoff: &Backoff) -> u64 {
        match backoff.check() {
            Err(LeaseError::BackingOff { retry_after, .. }) => retry_after.as_secs(),
            _ => 0,
        }
    }

    #[test]
    fn pauses_grow_until_a_process_is_healthy() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.share(), CpuShare::Own);
        let pauses = [(); 10].map(|()| {
            backoff.crashed(Duration::ZERO);
            pause(&backoff)
        });
        assert_eq!(pauses, [0, 0, 0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff.share(), CpuShare::Rest);
        backoff.crashed(HEALTHY);
        assert_eq!(pause(&backoff), 0);
    }

    #[test]
    fn crashes_far_apart_are_not_consecutive() {
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            backoff.crashed(Duration::ZERO);
            assert_eq!(pause(&backoff), 0);
            backoff.last = Instant::now().checked_sub(LONGEST + HEALTHY);
        }
    }
}
