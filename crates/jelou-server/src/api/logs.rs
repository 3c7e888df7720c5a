//! Routes of a function's log: a page of records, a stream that follows the log, or call statistics.

mod follow;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, header};
use jelou_core::DeploymentId;
use jelou_core::api::{CallGroup, List, Problem};
use jelou_logs::{Filter, GroupBy, Level, Query as LogQuery};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::app::App;
use super::auth::LogReader;
use super::extract::{Query, SlugPath};
use super::problem::ApiError;
use follow::{Format, Reading, Start};

const LAST_EVENT_ID: &str = "last-event-id";
/// Number of earlier records that a stream begins with, if the query sets no start.
const DEFAULT_TAIL: usize = 20;
const MAX_TAIL: usize = 10_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogsQuery {
    since: Option<String>,
    until: Option<String>,
    tail: Option<usize>,
    after: Option<u64>,
    level: Option<String>,
    request: Option<String>,
    deployment: Option<String>,
    filter: Option<String>,
    #[serde(default)]
    follow: bool,
    /// Used by statistics only.
    by: Option<String>,
}

impl LogsQuery {
    fn records(&self, now: Timestamp) -> Result<LogQuery, ApiError> {
        let level = self.level.as_deref().map(str::parse::<Level>).transpose();
        let deployment = self.deployment.as_deref().map(str::parse::<DeploymentId>);
        let filter = self.filter.as_deref().unwrap_or_default().parse::<Filter>();
        let time = |text: &Option<String>| text.as_deref().map(|text| time(text, now)).transpose();
        Ok(LogQuery {
            since: time(&self.since)?,
            until: time(&self.until)?,
            level: level.map_err(|error| ApiError::invalid(format!("`level`: {error}")))?,
            request: self.request.clone(),
            deployment: deployment
                .transpose()
                .map_err(|error| ApiError::invalid(format!("`deployment`: {error}")))?,
            filter: filter.map_err(|error| ApiError::invalid(error.to_string()))?,
        })
    }
}

/// Parses a time such as `2026-11-29T10:30:00Z`, or a duration before `now`, such as `2h`.
fn time(text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago = text.parse::<jiff::Span>().ok().and_then(|span| {
        let days = SignedDuration::from_hours(i64::from(span.get_days()) * 24);
        let rest = SignedDuration::try_from(span.days(0)).ok()?;
        now.checked_sub(days.checked_add(rest)?).ok()
    });
    ago.ok_or_else(|| {
        ApiError::invalid(format!("`{}` is not a time", text.escape_debug()))
            .hint("for example 2026-11-29T10:30:00Z, or 2h for two hours ago")
    })
}

/// Records of the function in ascending order: its log lines, its calls, and events of the platform. The response has
/// one JSON object per line. With `follow`, or an `Accept` of `text/event-stream`, the response is a stream of
/// server-sent events that follows the log; the ids of the events are sequence numbers. `Last-Event-ID` resumes after a
/// record.
#[utoipa::path(get, operation_id = "readLogs", path = "/v1/functions/{slug}/logs", tag = "logs", security(("accessToken" = ["logs:{slug}"])), params(
    ("slug" = String, Path),
    ("since" = Option<String>, Query, description = "From this time on, such as 2026-11-29T10:30:00Z, or this long ago, such as 2h"),
    ("until" = Option<String>, Query, description = "Before this time"),
    ("tail" = Option<u32>, Query, description = "At most the last records, up to 10000; 20 when a stream has no other beginning"),
    ("after" = Option<u64>, Query, description = "Only records after this sequence number, as `Last-Event-ID`"),
    ("level" = Option<String>, Query, description = "This level and above: debug, info, warn or error"),
    ("request" = Option<String>, Query, description = "Of this request"),
    ("deployment" = Option<String>, Query, description = "Of this deployment"),
    ("filter" = Option<String>, Query, description = "In the filter language"),
    ("follow" = Option<bool>, Query, description = "Goes on with new records, as server-sent events"),
), responses(
    (status = 200, content((String = "application/x-ndjson"), (String = "text/event-stream"))),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn read(
    State(control): State<App>,
    _: LogReader,
    SlugPath(slug): SlugPath,
    Query(query): Query<LogsQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let function = control.store.function_id(&slug).await?;
    let records = query.records(control.clock.now())?;
    let format = if query.follow || accepts_events(&headers) {
        Format::Events
    } else {
        Format::Lines
    };
    let after = match headers.get(LAST_EVENT_ID) {
        Some(id) => Some(
            id.to_str()
                .ok()
                .and_then(|id| id.parse().ok())
                .ok_or_else(|| ApiError::invalid("`Last-Event-ID` is not a sequence number"))?,
        ),
        None => query.after,
    };
    if query.tail.is_some_and(|tail| tail > MAX_TAIL) {
        return Err(ApiError::invalid(format!("`tail` is over {MAX_TAIL}")));
    }
    let start = match (after, query.tail) {
        (Some(after), _) => Start::After(after),
        (None, Some(tail)) => Start::Last(tail),
        (None, None) if format == Format::Events && records.since.is_none() => {
            Start::Last(DEFAULT_TAIL)
        }
        (None, None) => Start::After(0),
    };
    let reading = Reading::new(control, slug, function, records).await?;
    Ok(reading.respond(start, format))
}

/// Statistics of the calls that match the query.
#[utoipa::path(get, operation_id = "callStatistics", path = "/v1/functions/{slug}/logs/stats", tag = "logs", security(("accessToken" = ["logs:{slug}"])), params(
    ("slug" = String, Path),
    ("by" = Option<String>, Query, description = "What to group by, separated by commas: status, tool, route, method, token, protocol, deployment, error; status when absent"),
    ("since" = Option<String>, Query, description = "From this time on"),
    ("until" = Option<String>, Query, description = "Before this time"),
    ("deployment" = Option<String>, Query, description = "Of this deployment"),
    ("filter" = Option<String>, Query, description = "In the filter language"),
), responses(
    (status = 200, body = List<CallGroup>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn statistics(
    State(control): State<App>,
    _: LogReader,
    SlugPath(slug): SlugPath,
    Query(query): Query<LogsQuery>,
) -> Result<Json<List<CallGroup>>, ApiError> {
    let function = control.store.function_id(&slug).await?;
    let records = query.records(control.clock.now())?;
    let by = query.by.as_deref().unwrap_or("status").split(',');
    let by: Result<Vec<GroupBy>, _> = by.map(|by| by.trim().parse()).collect();
    let by = by.map_err(|error| ApiError::invalid(format!("`by`: {error}")))?;
    let reading = Reading::new(control, slug, function, records).await?;
    let items = reading.statistics(by).await?;
    Ok(Json(List { items }))
}

fn accepts_events(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}
