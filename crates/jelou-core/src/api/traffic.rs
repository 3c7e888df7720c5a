//! Traffic of a function: counts of its calls over time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The traffic of a function: the total, and a point for each step of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrafficReport {
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// The period that each point covers, in seconds.
    pub step_seconds: u64,
    pub total: Traffic,
    /// In ascending order of time, without gaps.
    pub points: Vec<TrafficPoint>,
}

/// The traffic of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TrafficPoint {
    /// The beginning of the step.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    #[serde(flatten)]
    pub traffic: Traffic,
}

/// Counts of calls. A call is counted, and its duration ends, when its response head is complete.
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
    /// Median duration in milliseconds. Absent without calls. The percentiles have an error of less than 30 %.
    #[serde(default)]
    pub p50_ms: Option<f64>,
    #[serde(default)]
    pub p95_ms: Option<f64>,
    #[serde(default)]
    pub p99_ms: Option<f64>,
    /// The counters that are not zero, by name.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
}
