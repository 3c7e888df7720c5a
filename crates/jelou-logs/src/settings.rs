use std::time::Duration;

/// How much is kept, and how it is written.
#[derive(Debug, Clone, Copy)]
pub struct LogSettings {
    pub max_age: Duration,
    /// Stored bytes of lines and events, for each function.
    pub max_bytes: u64,
    /// Stored bytes of call records, for each function.
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
