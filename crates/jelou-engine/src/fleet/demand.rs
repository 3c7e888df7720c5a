//! Decides how many blank workers to keep ready, by the number of recent starts.

use std::time::{Duration, Instant};

/// Length of the spans of time in which starts are counted. A blank worker cannot be replaced within one span.
const SPAN: Duration = Duration::from_secs(1);
/// Number of remembered spans.
const SPANS: usize = 16;

/// The recent starts of functions, and the number of blank workers that follows from them.
#[derive(Debug)]
pub(crate) struct Demand {
    /// When the newest span began.
    newest: Instant,
    /// Number of starts in each of the last spans, the newest first.
    starts: [usize; SPANS],
}

impl Demand {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            newest: now,
            starts: [0; SPANS],
        }
    }

    /// Counts the start of a function.
    pub(crate) fn count(&mut self, now: Instant) {
        self.advance(now);
        self.starts[0] += 1;
    }

    /// Returns the largest number of starts in a recent span, but at most `most`, and at least `least`.
    pub(crate) fn target(&mut self, now: Instant, least: usize, most: usize) -> usize {
        self.advance(now);
        let burst = self.starts.into_iter().max().unwrap_or_default();
        burst.min(most).max(least)
    }

    fn advance(&mut self, now: Instant) {
        while now.saturating_duration_since(self.newest) >= SPAN {
            self.newest += SPAN;
            self.starts.rotate_right(1);
            self.starts[0] = 0;
            if self.starts == [0; SPANS] {
                self.newest = now;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_follows_the_largest_recent_burst() {
        let start = Instant::now();
        let mut demand = Demand::new(start);
        assert_eq!(demand.target(start, 2, 8), 2);
        for _ in 0..5 {
            demand.count(start);
        }
        assert_eq!(demand.target(start, 2, 8), 5);
        let later = start + SPAN * 3;
        for _ in 0..20 {
            demand.count(later);
        }
        assert_eq!(demand.target(later, 2, 8), 8);
        assert_eq!(demand.target(later + SPAN * 15, 2, 30), 20);
        assert_eq!(demand.target(later + SPAN * 17, 2, 30), 2);
    }

    #[test]
    fn starts_in_sequence_need_one_blank_worker() {
        let start = Instant::now();
        let mut demand = Demand::new(start);
        for number in 0..100 {
            demand.count(start + SPAN * number);
        }
        assert_eq!(demand.target(start + SPAN * 99, 0, 8), 1);
    }

    #[test]
    fn the_minimum_has_priority_over_the_maximum() {
        let now = Instant::now();
        assert_eq!(Demand::new(now).target(now, 4, 0), 4);
    }
}
