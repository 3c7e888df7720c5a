//! Counts of the calls of a function over time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The traffic of a function, in sum and in points of equal length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrafficReport {
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// The length of a point.
    pub step_seconds: u64,
    pub total: Traffic,
    /// In ascending order, without gaps.
    pub points: Vec<TrafficPoint>,
}

/// The traffic of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TrafficPoint {
    /// Its beginning.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    #[serde(flatten)]
    pub traffic: Traffic,
}

/// Counts of calls. A call counts when the head of its response is complete, and its duration is the time until then.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    pub calls: u64,
    /// Calls with status 4xx.
    pub refused: u64,
    /// Calls with status 5xx.
    pub errors: u64,
    /// Calls that waited for the start of a process.
    pub cold_starts: u64,
    /// Milliseconds; absent without calls. Percentiles are off by less than a quarter.
    #[serde(default)]
    pub p50_ms: Option<f64>,
    #[serde(default)]
    pub p95_ms: Option<f64>,
    #[serde(default)]
    pub p99_ms: Option<f64>,
    /// Every counter that is not zero, by name.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
}
