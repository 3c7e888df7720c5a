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

/// The use of a token on a day of UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenUsageDay {
    #[schema(value_type = String, format = Date)]
    pub date: Date,
    #[serde(flatten)]
    pub counts: TokenUsageCounts,
}

/// Counts of calls. A call counts when the head of its response is complete, and its duration is the time until then.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenUsageCounts {
    /// Calls that the token allowed.
    pub calls: u64,
    /// Those of them with status 5xx.
    pub errors: u64,
    /// Requests that the token did not allow: it was disabled or expired, or a limit refused them.
    pub refused: u64,
    /// Milliseconds; null without calls. Off by less than a quarter.
    #[serde(default)]
    pub p95_ms: Option<f64>,
}
