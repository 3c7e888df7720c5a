//! Sums of calls.

use serde::{Deserialize, Serialize};

/// The calls that have the same values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallGroup {
    /// The values, in the order of `by`; an empty text for none.
    pub by: Vec<String>,
    pub calls: u64,
    /// Calls with status 5xx.
    pub errors: u64,
    /// Calls that waited for the start of a process.
    pub cold: u64,
    /// Milliseconds; percentiles are within 2 %.
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}
