//! Schedules and their runs.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::manifest::{CatchUp, Overlap};
use crate::{DeploymentId, RunId, Slug};

/// A schedule of a live deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleInfo {
    pub function: Slug,
    /// The name of the schedule. A schedule without a name has tool, expression and time zone as its id.
    pub id: String,
    /// The word for the schedule in commands: the name, or the name of the tool, followed by a number if the tool has
    /// several schedules. Empty in answers of older servers.
    #[serde(default)]
    pub label: String,
    pub name: Option<String>,
    /// Name of the tool.
    pub tool: String,
    pub expression: String,
    pub timezone: String,
    pub overlap: Overlap,
    pub catch_up: CatchUp,
    pub paused: bool,
    /// Name of the access token that paused the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_by: Option<String>,
    /// The next due times. Empty while the schedule is paused.
    #[schema(value_type = Vec<String>)]
    pub next: Vec<Timestamp>,
    pub last_run: Option<Run>,
}

/// A schedule that a deploy makes live, or would make live (dry run).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedSchedule {
    /// The name of the schedule. A schedule without a name has tool, expression and time zone as its id.
    pub id: String,
    /// The word for the schedule in commands: the name, or the name of the tool, followed by a number if the tool has
    /// several schedules. Empty in answers of older servers.
    #[serde(default)]
    pub label: String,
    /// Name of the tool.
    pub tool: String,
    pub expression: String,
    pub timezone: String,
    /// The next three due times.
    #[schema(value_type = Vec<String>)]
    pub next: Vec<Timestamp>,
}

/// A run of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    pub id: RunId,
    /// The id of the schedule.
    pub schedule: String,
    /// The due time of the run. The run may have started later.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
    pub origin: RunOrigin,
    pub state: RunState,
    /// Why the run failed or was missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub deployment: DeploymentId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    pub attempts: u32,
    /// The HTTP status of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The request id of the last attempt, as in the function's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// For a missed run: the number of due times without a run, up to `dueAt`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missed: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde defines the signature"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What caused a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum RunOrigin {
    /// The schedule was due.
    Schedule,
    /// The run makes up for missed runs.
    CatchUp,
    /// A user started the run.
    Manual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunState {
    /// The run is in progress, or waits for earlier runs.
    Running,
    Ok,
    Error,
    Timeout,
    /// The run did not start.
    Missed,
}

/// The text is not one of the known values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown value `{0}`; the values are {1}")]
pub struct ParseWordError(String, &'static str);

impl RunOrigin {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::CatchUp => "catchUp",
            Self::Manual => "manual",
        }
    }
}

impl FromStr for RunOrigin {
    type Err = ParseWordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut known = [Self::Schedule, Self::CatchUp, Self::Manual].into_iter();
        known
            .find(|origin| origin.as_str() == text)
            .ok_or_else(|| ParseWordError(text.to_owned(), "schedule, catchUp and manual"))
    }
}

impl RunState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Ok => "OK",
            Self::Error => "ERROR",
            Self::Timeout => "TIMEOUT",
            Self::Missed => "MISSED",
        }
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RunState {
    type Err = ParseWordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut known = [
            Self::Running,
            Self::Ok,
            Self::Error,
            Self::Timeout,
            Self::Missed,
        ]
        .into_iter();
        known
            .find(|state| state.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                ParseWordError(
                    text.escape_debug().to_string(),
                    "RUNNING, OK, ERROR, TIMEOUT and MISSED",
                )
            })
    }
}

/// A page of runs, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunPage {
    pub items: Vec<Run>,
    /// Pass as `before` to get older runs. Null on the last page.
    pub next: Option<RunId>,
}

/// A change of a schedule. Absent fields keep their value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateSchedule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartRun {
    /// The due time that the function gets, such as `2026-11-29T09:00:00Z`. A time without a zone is in the schedule's
    /// zone. Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}
