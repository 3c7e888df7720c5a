//! The section `[metrics]`.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

/// Settings of `GET /metrics` and of the stored traffic of functions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    #[serde(default, deserialize_with = "super::optional_address")]
    pub listen: Option<SocketAddr>,
    pub max_functions: usize,
    pub max_age_days: u64,
}

impl MetricsConfig {
    pub(crate) fn max_age(&self) -> Duration {
        const DAY: u64 = 24 * 60 * 60;
        Duration::from_secs(self.max_age_days.saturating_mul(DAY))
    }
}
