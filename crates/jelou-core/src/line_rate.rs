//! How many lines of one kind are logged in a second.

use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(1);

/// Counts lines in windows of a second.
#[derive(Debug, Default)]
pub struct LineRate {
    /// When the window began.
    window: Option<Instant>,
    passed: u64,
    dropped: u64,
}

impl LineRate {
    /// Whether a line may pass, of which there may be so many in a window.
    pub fn admit(&mut self, limit: u64, now: Instant) -> bool {
        if !self.lasts(now) {
            self.window = Some(now);
            self.passed = 0;
        }
        if self.passed < limit {
            self.passed += 1;
            return true;
        }
        self.dropped += 1;
        false
    }

    /// Lines dropped since this was asked last; `None` while the window in which they were dropped lasts.
    pub fn take_dropped(&mut self, now: Instant) -> Option<u64> {
        if self.lasts(now) {
            return None;
        }
        self.rest()
    }

    /// When the lines that were dropped can be told of, if there are any.
    pub fn told_at(&self) -> Option<Instant> {
        let window = self.window?;
        (self.dropped > 0).then_some(window + WINDOW)
    }

    /// Lines dropped and not told of yet.
    pub fn rest(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.dropped)).filter(|dropped| *dropped > 0)
    }

    fn lasts(&self, now: Instant) -> bool {
        self.window
            .is_some_and(|began| now.duration_since(began) < WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_limit_is_counted() {
        let start = Instant::now();
        let mut rate = LineRate::default();
        assert_eq!(
            [(); 4].map(|()| rate.admit(2, start)),
            [true, true, false, false]
        );
        assert_eq!(rate.take_dropped(start), None);
        assert_eq!(rate.told_at(), Some(start + WINDOW));
        let later = start + WINDOW;
        assert_eq!(rate.take_dropped(later), Some(2));
        assert_eq!(rate.told_at(), None);
        assert!(rate.admit(2, later));
        assert_eq!(rate.rest(), None);
    }
}
