//! Histograms of durations: counters on a logarithmic scale. Recording needs no lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets in microseconds, ten for each power of ten: from 0.1 ms to 200 s. One more bucket counts
/// longer durations.
pub const BOUNDS_US: [u64; 64] = [
    100,
    125,
    160,
    200,
    250,
    315,
    400,
    500,
    630,
    800,
    1_000,
    1_250,
    1_600,
    2_000,
    2_500,
    3_150,
    4_000,
    5_000,
    6_300,
    8_000,
    10_000,
    12_500,
    16_000,
    20_000,
    25_000,
    31_500,
    40_000,
    50_000,
    63_000,
    80_000,
    100_000,
    125_000,
    160_000,
    200_000,
    250_000,
    315_000,
    400_000,
    500_000,
    630_000,
    800_000,
    1_000_000,
    1_250_000,
    1_600_000,
    2_000_000,
    2_500_000,
    3_150_000,
    4_000_000,
    5_000_000,
    6_300_000,
    8_000_000,
    10_000_000,
    12_500_000,
    16_000_000,
    20_000_000,
    25_000_000,
    31_500_000,
    40_000_000,
    50_000_000,
    63_000_000,
    80_000_000,
    100_000_000,
    125_000_000,
    160_000_000,
    200_000_000,
];

/// The number of buckets.
pub const BUCKETS: usize = BOUNDS_US.len() + 1;

/// Counts durations.
#[derive(Debug)]
pub struct Histogram {
    counts: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
}

/// The counts of a histogram at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durations {
    /// Counts by bucket, not cumulative.
    pub counts: [u64; BUCKETS],
    pub sum_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: [const { AtomicU64::new(0) }; BUCKETS],
            sum_us: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    pub fn record(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < micros);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(micros, Ordering::Relaxed);
    }

    /// Reads the counts and sets them to zero.
    pub fn take(&self) -> Durations {
        Durations {
            counts: std::array::from_fn(|bucket| self.counts[bucket].swap(0, Ordering::Relaxed)),
            sum_us: self.sum_us.swap(0, Ordering::Relaxed),
        }
    }

    /// Adds the counts of an earlier [`Self::take`].
    pub fn add(&self, taken: &Durations) {
        for (own, more) in self.counts.iter().zip(taken.counts) {
            own.fetch_add(more, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(taken.sum_us, Ordering::Relaxed);
    }

    pub fn read(&self) -> Durations {
        Durations {
            counts: std::array::from_fn(|bucket| self.counts[bucket].load(Ordering::Relaxed)),
            sum_us: self.sum_us.load(Ordering::Relaxed),
        }
    }
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            counts: [0; BUCKETS],
            sum_us: 0,
        }
    }
}

impl Durations {
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub fn add(&mut self, other: &Self) {
        for (own, more) in self.counts.iter_mut().zip(other.counts) {
            *own += more;
        }
        self.sum_us += other.sum_us;
    }

    /// Returns the counts that were added since an earlier reading.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            counts: std::array::from_fn(|bucket| {
                self.counts[bucket].saturating_sub(earlier.counts[bucket])
            }),
            sum_us: self.sum_us.saturating_sub(earlier.sum_us),
        }
    }

    /// Returns a quantile in milliseconds: the fraction `part` of the durations does not exceed it. `None` without
    /// durations. The value is interpolated within its bucket, so its error is below 30 %. A duration above the last
    /// bound counts as that bound.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts and bounds are far below 2^52"
    )]
    pub fn quantile_ms(&self, part: f64) -> Option<f64> {
        let count = self.count();
        let rank = part * count as f64;
        let mut below = 0;
        let last = BOUNDS_US[BOUNDS_US.len() - 1];
        for (bucket, here) in self.counts.into_iter().enumerate() {
            if here > 0 && (below + here) as f64 >= rank {
                let low = bucket.checked_sub(1).map_or(0, |bucket| BOUNDS_US[bucket]) as f64;
                let high = BOUNDS_US.get(bucket).copied().unwrap_or(last) as f64;
                let inside = (rank - below as f64) / here as f64;
                return Some((low + (high - low) * inside.max(0.0)) / 1000.0);
            }
            below += here;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_quantiles_is_below_a_quarter() {
        let histogram = Histogram::default();
        assert_eq!(histogram.read().quantile_ms(0.5), None);
        for ms in 1..=1000 {
            histogram.record(Duration::from_millis(ms));
        }
        let read = histogram.read();
        assert_eq!((read.count(), read.sum_us), (1000, 500_500_000));
        for (part, exact) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (0.001, 1.0)] {
            let found = read.quantile_ms(part).unwrap();
            assert!((found - exact).abs() < exact / 4.0, "{part}: {found}");
        }
    }

    #[test]
    fn very_short_and_very_long_durations_are_counted() {
        let histogram = Histogram::default();
        for duration in [Duration::ZERO, Duration::from_hours(1), Duration::MAX] {
            histogram.record(duration);
        }
        let read = histogram.read();
        assert_eq!((read.counts[0], read.counts[BUCKETS - 1]), (1, 2));
        assert_eq!(read.quantile_ms(1.0), Some(200_000.0));
    }

    #[test]
    fn durations_can_be_added_and_subtracted() {
        let histogram = Histogram::default();
        histogram.record(Duration::from_millis(3));
        let first = histogram.read();
        histogram.record(Duration::from_millis(7));
        let mut sum = histogram.read().since(&first);
        assert_eq!((sum.count(), sum.sum_us), (1, 7000));
        sum.add(&first);
        assert_eq!(sum, histogram.read());
        let taken = histogram.take();
        assert_eq!((&taken, histogram.read()), (&sum, Durations::default()));
        histogram.add(&taken);
        assert_eq!(histogram.read(), taken);
    }
}
