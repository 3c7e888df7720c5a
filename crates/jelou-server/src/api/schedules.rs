//! Routes of a function's schedules, and of their runs.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jelou_core::RunId;
use jelou_core::api::{
    List, Problem, Run, RunPage, RunState, ScheduleInfo, StartRun, UpdateSchedule,
};
use jelou_store::{Readable, RunQuery};
use serde::Deserialize;

use super::app::App;
use super::auth::{Deployer, Reader};
use super::extract::{self, Query, SlugAndName, SlugPath, at_most};
use super::list::Listed;
use super::problem::ApiError;

/// Maximum number of due times per schedule in a response.
const MAX_NEXT: usize = 100;
const DEFAULT_RUNS: usize = 20;
const MAX_RUNS: usize = 1_000;
/// In a path, means all schedules of the function.
const ALL: &str = "*";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SchedulesQuery {
    next: Option<usize>,
}

/// The schedules of the live deployment, with their next due times and last runs.
#[utoipa::path(get, operation_id = "listSchedules", path = "/v1/functions/{slug}/schedules", tag = "schedules", security(("accessToken" = ["read:{slug}"])), params(
    ("slug" = String, Path),
    ("next" = Option<u32>, Query, description = "How many due times of each, up to 100; 1 when absent"),
), responses(
    (status = 200, body = List<ScheduleInfo>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): State<App>,
    _: Reader,
    SlugPath(slug): SlugPath,
    Query(query): Query<SchedulesQuery>,
) -> Result<Listed<List<ScheduleInfo>>, ApiError> {
    let next = at_most("next", query.next.unwrap_or(1), MAX_NEXT)?;
    Ok(control.schedules(&slug, next).await?.into())
}

/// Pauses or resumes a schedule; `*` means all schedules of the function. Due times during a pause are not run later
/// and do not count as missed.
#[utoipa::path(patch, operation_id = "updateSchedule", path = "/v1/functions/{slug}/schedules/{schedule}", tag = "schedules", security(("accessToken" = ["deploy:{slug}"])), params(("slug" = String, Path), ("schedule" = String, Path)), request_body = UpdateSchedule, responses(
    (status = 200, body = List<ScheduleInfo>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn update(
    State(control): State<App>,
    Deployer(caller): Deployer,
    SlugAndName(slug, schedule): SlugAndName,
    extract::Json(update): extract::Json<UpdateSchedule>,
) -> Result<Listed<List<ScheduleInfo>>, ApiError> {
    let paused = update.paused.ok_or_else(|| {
        ApiError::invalid("there is nothing to change").hint("send `paused`: true or false")
    })?;
    let schedule = Some(schedule).filter(|schedule| schedule != ALL);
    let changed = control.set_schedules_paused(caller.actor(), slug, schedule, paused);
    Ok(changed.await?.into())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunsQuery {
    schedule: Option<String>,
    state: Option<String>,
    limit: Option<usize>,
    before: Option<String>,
}

/// The runs of the function's schedules, newest first. The server keeps the last 100 runs of each schedule, and failed
/// and missed runs for 30 days, at most 1,000 in all.
#[utoipa::path(get, operation_id = "listRuns", path = "/v1/functions/{slug}/runs", tag = "schedules", security(("accessToken" = ["read:{slug}"])), params(
    ("slug" = String, Path),
    ("schedule" = Option<String>, Query, description = "Of this schedule"),
    ("state" = Option<String>, Query, description = "RUNNING, OK, ERROR, TIMEOUT or MISSED"),
    ("limit" = Option<u32>, Query, description = "How many, up to 1000; 20 when absent"),
    ("before" = Option<String>, Query, description = "Only runs older than this one"),
), responses(
    (status = 200, body = RunPage),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn runs(
    State(control): State<App>,
    _: Reader,
    SlugPath(slug): SlugPath,
    Query(query): Query<RunsQuery>,
) -> Result<Listed<RunPage>, ApiError> {
    let limit = at_most("limit", query.limit.unwrap_or(DEFAULT_RUNS), MAX_RUNS)?;
    let state = query
        .state
        .as_deref()
        .map(str::parse::<RunState>)
        .transpose();
    let stored = RunQuery {
        schedule: None,
        state: state.map_err(|error| ApiError::invalid(format!("`state`: {error}")))?,
        before: query.before.as_deref().map(run_id).transpose()?,
        limit,
    };
    let Readable { rows, unreadable } = control
        .runs(&slug, query.schedule.as_deref(), stored)
        .await?;
    let is_full = rows.len() + unreadable.len() == limit;
    let next = rows.last().filter(|_| is_full).map(|run| run.id.clone());
    let body = RunPage { items: rows, next };
    Ok(Listed { body, unreadable })
}

/// One run.
#[utoipa::path(get, operation_id = "getRun", path = "/v1/functions/{slug}/runs/{run}", tag = "schedules", security(("accessToken" = ["read:{slug}"])), params(("slug" = String, Path), ("run" = String, Path)), responses(
    (status = 200, body = Run),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn run(
    State(control): State<App>,
    _: Reader,
    SlugAndName(slug, id): SlugAndName,
) -> Result<Json<Run>, ApiError> {
    Ok(Json(control.cron_run(&slug, &run_id(&id)?).await?))
}

/// Starts a run of a schedule now, even if the schedule is paused. The response does not wait for the end of the run.
#[utoipa::path(post, operation_id = "startRun", path = "/v1/functions/{slug}/schedules/{schedule}/runs", tag = "schedules", security(("accessToken" = ["deploy:{slug}"])), params(("slug" = String, Path), ("schedule" = String, Path)), request_body = StartRun, responses(
    (status = 202, body = Run),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn start(
    State(control): State<App>,
    Deployer(caller): Deployer,
    SlugAndName(slug, schedule): SlugAndName,
    extract::Json(request): extract::Json<StartRun>,
) -> Result<(StatusCode, Json<Run>), ApiError> {
    let run = control.start_run(caller.actor(), &slug, &schedule, request);
    Ok((StatusCode::ACCEPTED, Json(run.await?)))
}

fn run_id(text: &str) -> Result<RunId, ApiError> {
    text.parse().map_err(|error| {
        ApiError::invalid(format!(
            "`{}` is not the id of a run: {error}",
            text.escape_debug()
        ))
        .hint("`jelou cron logs` shows the ids")
    })
}
