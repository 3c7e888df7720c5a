//! How many records are kept.

use std::time::Duration;

/// How long and how many records are kept.
#[derive(Debug, Clone, Copy)]
pub struct LogSettings {
    pub max_age: Duration,
    /// Maximum stored bytes of the lines and events of each function.
    pub max_bytes: u64,
    /// Maximum stored bytes of the call records of each function.
    pub max_call_bytes: u64,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            max_age: Duration::from_hours(7 * 24),
            max_bytes: 100 * 1024 * 1024,
            max_call_bytes: 20 * 1024 * 1024,
        }
    }
}
