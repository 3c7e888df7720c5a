//! The clock, which tests can set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// The system clock, or a fixed clock for tests. Clones of a fixed clock share its time.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Milliseconds since the Unix epoch. `None`: system clock.
    fixed: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// Returns the system clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// Creates a clock that only [`Clock::set`] changes.
    pub fn fixed(at: Timestamp) -> Self {
        Self {
            fixed: Some(Arc::new(AtomicI64::new(at.as_millisecond()))),
        }
    }

    /// Sets a fixed clock. Has no effect on the system clock.
    pub fn set(&self, at: Timestamp) {
        if let Some(fixed) = &self.fixed {
            fixed.store(at.as_millisecond(), Ordering::Relaxed);
        }
    }

    /// Whether this is a fixed clock. Timers do not follow a fixed clock.
    pub fn is_fixed(&self) -> bool {
        self.fixed.is_some()
    }

    /// Returns the time in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        match &self.fixed {
            Some(fixed) => fixed.load(Ordering::Relaxed),
            None => Timestamp::now().as_millisecond(),
        }
    }

    /// Returns the time with millisecond precision, as stored in the database.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}
