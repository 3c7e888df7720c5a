//! Statistics of calls.

use serde::{Deserialize, Serialize};

/// Statistics of the calls that have the same values in all fields of the query's `by`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallGroup {
    /// The values of the group, in the order of `by`. Empty if the calls have no value.
    pub by: Vec<String>,
    pub calls: u64,
    /// Calls with status 5xx.
    pub errors: u64,
    /// Calls that waited for the start of a process.
    pub cold: u64,
    /// Median duration in milliseconds. The percentiles have an error of at most 2 %.
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}
