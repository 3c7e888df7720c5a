//! The section `[cron]`.

use serde::Deserialize;

use super::ConfigError;

/// Limits of schedules.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cron {
    pub max_concurrent_runs: usize,
    pub max_timeout_ms: u64,
    pub catch_up_window_ms: u64,
}

impl Cron {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        match self.max_concurrent_runs {
            0 => Err(ConfigError::NoRuns),
            _ => Ok(()),
        }
    }
}
