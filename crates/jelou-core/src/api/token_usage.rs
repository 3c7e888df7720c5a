//! Counts of the calls of runtime tokens.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{TokenId, TokenName};

/// The use of a token in the last days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenUsageReport {
    pub id: TokenId,
    pub name: TokenName,
    pub total: TokenUsageCounts,
    /// The days with calls, in ascending order.
    pub days: Vec<TokenUsageDay>,
}

/// The use of a token on one day (UTC).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenUsageDay {
    #[schema(value_type = String, format = Date)]
    pub date: Date,
    #[serde(flatten)]
    pub counts: TokenUsageCounts,
}

/// Counts of calls. A call is counted, and its duration ends, when its response head is complete.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenUsageCounts {
    /// Calls that the token allowed.
    pub calls: u64,
    /// Number of these calls with status 5xx.
    pub errors: u64,
    /// Number of requests that the token did not allow, because it was disabled or expired, or because of a limit.
    pub refused: u64,
    /// The 95th percentile of the durations, in milliseconds, with an error below 30 %. Null without calls.
    #[serde(default)]
    pub p95_ms: Option<f64>,
}
