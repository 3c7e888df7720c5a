//! Limits the number of log lines per second.

use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(1);

/// Counts lines in windows of one second.
#[derive(Debug, Default)]
pub struct LineRate {
    /// The start of the window.
    window: Option<Instant>,
    passed: u64,
    dropped: u64,
}

impl LineRate {
    /// Counts a line. Returns whether it may be logged: at most `limit` lines per window.
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

    /// Returns the number of dropped lines since the last report. `None` if there are none, or if their window has not
    /// ended.
    pub fn take_dropped(&mut self, now: Instant) -> Option<u64> {
        if self.lasts(now) {
            return None;
        }
        self.rest()
    }

    /// Returns when the dropped lines can be reported. `None` if there are none.
    pub fn report_at(&self) -> Option<Instant> {
        let window = self.window?;
        (self.dropped > 0).then_some(window + WINDOW)
    }

    /// Returns the number of dropped lines that are not reported yet, even if their window has not ended. `None` if
    /// there are none.
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
    fn dropped_lines_are_counted() {
        let start = Instant::now();
        let mut rate = LineRate::default();
        assert_eq!(
            [(); 4].map(|()| rate.admit(2, start)),
            [true, true, false, false]
        );
        assert_eq!(rate.take_dropped(start), None);
        assert_eq!(rate.report_at(), Some(start + WINDOW));
        let later = start + WINDOW;
        assert_eq!(rate.take_dropped(later), Some(2));
        assert_eq!(rate.report_at(), None);
        assert!(rate.admit(2, later));
        assert_eq!(rate.rest(), None);
    }
}
