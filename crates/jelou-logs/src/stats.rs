//! Statistics of calls, in groups.

use std::collections::BTreeMap;
use std::str::FromStr;

use jelou_core::api::CallGroup;
use serde::{Deserialize, Serialize};

use crate::read::TokenNames;
use crate::record::{Call, Content, Record};

/// A field by which calls are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    Status,
    Tool,
    Route,
    Method,
    Token,
    Protocol,
    Deployment,
    Error,
}

/// The text is not a field to group calls by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("calls are grouped by status, tool, route, method, token, protocol, deployment or error")]
pub struct ParseGroupByError;

impl FromStr for GroupBy {
    type Err = ParseGroupByError;

    fn from_str(text: &str) -> Result<Self, ParseGroupByError> {
        Ok(match text {
            "status" => Self::Status,
            "tool" => Self::Tool,
            "route" => Self::Route,
            "method" => Self::Method,
            "token" => Self::Token,
            "protocol" => Self::Protocol,
            "deployment" => Self::Deployment,
            "error" => Self::Error,
            _ => return Err(ParseGroupByError),
        })
    }
}

/// Sums of calls in groups. Sums of several servers can be added.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(Vec<String>, Sum)>", into = "Vec<(Vec<String>, Sum)>")]
pub struct CallSums(BTreeMap<Vec<String>, Sum>);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sum {
    calls: u64,
    errors: u64,
    cold: u64,
    max_ms: f64,
    /// Number of calls per duration bucket; the bucket is the rounded logarithm of the duration in ms to the base
    /// [`WIDTH`].
    durations: BTreeMap<i32, u64>,
}

/// The relative width of a duration bucket. The error of a percentile is at most 2 %.
const WIDTH: f64 = 1.04;

#[derive(Debug)]
pub(crate) struct Statistics<'a> {
    by: &'a [GroupBy],
    sums: CallSums,
}

impl From<CallSums> for Vec<(Vec<String>, Sum)> {
    fn from(sums: CallSums) -> Self {
        sums.0.into_iter().collect()
    }
}

impl From<Vec<(Vec<String>, Sum)>> for CallSums {
    fn from(groups: Vec<(Vec<String>, Sum)>) -> Self {
        Self(groups.into_iter().collect())
    }
}

impl CallSums {
    /// Adds the sums of another server.
    pub fn add(&mut self, other: Self) {
        for (group, other) in other.0 {
            let sum = self.0.entry(group).or_default();
            sum.calls += other.calls;
            sum.errors += other.errors;
            sum.cold += other.cold;
            sum.max_ms = sum.max_ms.max(other.max_ms);
            for (class, count) in other.durations {
                *sum.durations.entry(class).or_default() += count;
            }
        }
    }

    /// Returns the groups, the group with the most calls first.
    pub fn groups(self) -> Vec<CallGroup> {
        let mut groups: Vec<_> = self
            .0
            .into_iter()
            .map(|(by, sum)| CallGroup {
                by,
                p50_ms: sum.percentile(50),
                p95_ms: sum.percentile(95),
                p99_ms: sum.percentile(99),
                calls: sum.calls,
                errors: sum.errors,
                cold: sum.cold,
                max_ms: sum.max_ms,
            })
            .collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.calls));
        groups
    }
}

impl<'a> Statistics<'a> {
    pub(crate) fn new(by: &'a [GroupBy]) -> Self {
        Self {
            by,
            sums: CallSums::default(),
        }
    }

    pub(crate) fn add(&mut self, record: &Record, names: &TokenNames) {
        let Content::Call(call) = &record.content else {
            return;
        };
        let values = self.by.iter();
        let key = values.map(|by| value(*by, record, call, names)).collect();
        let sum = self.sums.0.entry(key).or_default();
        sum.calls += 1;
        sum.errors += u64::from(call.status >= 500);
        sum.cold += u64::from(call.cold);
        sum.max_ms = sum.max_ms.max(call.duration_ms);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a logarithm of a duration is small"
        )]
        let class = call.duration_ms.max(0.001).log(WIDTH).round() as i32;
        *sum.durations.entry(class).or_default() += 1;
    }

    pub(crate) fn finish(self) -> CallSums {
        self.sums
    }
}

impl Sum {
    fn percentile(&self, percent: u64) -> f64 {
        let rank = (self.calls * percent).div_ceil(100);
        let mut seen = 0;
        for (class, count) in &self.durations {
            seen += count;
            if seen >= rank {
                let duration = WIDTH.powi(*class).min(self.max_ms);
                return (duration * 1000.0).round() / 1000.0;
            }
        }
        0.0
    }
}

fn value(by: GroupBy, record: &Record, call: &Call, names: &TokenNames) -> String {
    match by {
        GroupBy::Status => call.status.to_string(),
        GroupBy::Tool => call.tool.clone().unwrap_or_default(),
        GroupBy::Route => call.route.clone().unwrap_or_default(),
        GroupBy::Method => call.method.clone(),
        GroupBy::Token => match &call.token {
            Some(token) => names
                .get(token)
                .cloned()
                .unwrap_or_else(|| token.to_string()),
            None => String::new(),
        },
        GroupBy::Protocol => call.protocol.as_str().to_owned(),
        GroupBy::Deployment => record
            .deployment
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        GroupBy::Error => call.error.clone().unwrap_or_default(),
    }
}
