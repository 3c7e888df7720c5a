//! How many lines a process may write in a second.

use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(1);

/// Counts lines in windows of a second.
#[derive(Debug)]
pub(crate) struct LineRate {
    limit: u64,
    window: Instant,
    passed: u64,
    dropped: u64,
}

impl LineRate {
    pub(crate) fn new(limit: u64, now: Instant) -> Self {
        Self {
            limit,
            window: now,
            passed: 0,
            dropped: 0,
        }
    }

    /// Whether a line may pass.
    pub(crate) fn admit(&mut self, now: Instant) -> bool {
        if now.duration_since(self.window) >= WINDOW {
            self.window = now;
            self.passed = 0;
        }
        if self.passed < self.limit {
            self.passed += 1;
            return true;
        }
        self.dropped += 1;
        false
    }

    /// Lines dropped since this was asked last; `None` while the window in which they were dropped lasts.
    pub(crate) fn take_dropped(&mut self, now: Instant) -> Option<u64> {
        if self.dropped == 0 || now.duration_since(self.window) < WINDOW {
            return None;
        }
        Some(std::mem::take(&mut self.dropped))
    }

    /// When the lines that were dropped can be told of, if there are any.
    pub(crate) fn told_at(&self) -> Option<Instant> {
        (self.dropped > 0).then_some(self.window + WINDOW)
    }

    /// Lines dropped and not told of yet.
    pub(crate) fn rest(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.dropped)).filter(|dropped| *dropped > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_limit_is_counted() {
        let start = Instant::now();
        let mut rate = LineRate::new(2, start);
        assert_eq!(
            [(); 4].map(|()| rate.admit(start)),
            [true, true, false, false]
        );
        assert_eq!(rate.take_dropped(start), None);
        assert_eq!(rate.told_at(), Some(start + WINDOW));
        let later = start + WINDOW;
        assert_eq!(rate.take_dropped(later), Some(2));
        assert!(rate.admit(later));
        assert_eq!(rate.rest(), None);
    }
}
