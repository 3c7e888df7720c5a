//! Gives a function that ends again and again time between its starts.

use std::time::{Duration, Instant};

use jelou_sandbox::CpuShare;

use super::error::LeaseError;

/// Ends in a row that are forgiven.
const FORGIVEN: u32 = 3;
const LONGEST: Duration = Duration::from_secs(30);
/// A process that lived this long was well.
const WELL: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
pub(crate) struct Backoff {
    crashes: u32,
    until: Option<Instant>,
    last: Option<Instant>,
}

impl Backoff {
    /// Notes that a process ended by itself after living that long, or did not start at all.
    pub(crate) fn crashed(&mut self, lived: Duration) {
        // One process that was well, or a time without a bad end that is longer than any pause: nobody says of those that
        // were ended for want of work how long they lived.
        let rare = |last: Instant| last.elapsed() >= LONGEST + WELL;
        if lived >= WELL || self.last.is_some_and(rare) {
            self.crashes = 0;
        }
        self.crashes += 1;
        self.last = Some(Instant::now());
        self.until = self
            .crashes
            .checked_sub(FORGIVEN + 1)
            .map(|exponent| Duration::from_secs(1 << exponent.min(5)).min(LONGEST))
            .map(|pause| Instant::now() + pause);
    }

    /// What the next process starts with: after a bad end it does not take the processor from the others, who have done
    /// nothing.
    pub(crate) fn share(&self) -> CpuShare {
        match self.last {
            Some(last) if last.elapsed() < WELL => CpuShare::Rest,
            _ => CpuShare::Own,
        }
    }

    pub(crate) fn check(&self) -> Result<(), LeaseError> {
        match self
            .until
            .map(|until| until.saturating_duration_since(Instant::now()))
        {
            Some(rest) if !rest.is_zero() => Err(LeaseError::BackingOff {
                crashes: self.crashes,
                // Whole seconds, as Retry-After takes them; never zero.
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
    fn pauses_grow_and_a_long_life_ends_them() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.share(), CpuShare::Own);
        let pauses = [(); 10].map(|()| {
            backoff.crashed(Duration::ZERO);
            pause(&backoff)
        });
        assert_eq!(pauses, [0, 0, 0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff.share(), CpuShare::Rest);
        backoff.crashed(WELL);
        assert_eq!(pause(&backoff), 0);
    }

    #[test]
    fn ends_far_apart_are_not_in_a_row() {
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            backoff.crashed(Duration::ZERO);
            assert_eq!(pause(&backoff), 0);
            backoff.last = Instant::now().checked_sub(LONGEST + WELL);
        }
    }
}
