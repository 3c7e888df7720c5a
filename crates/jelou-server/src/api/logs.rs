//! Routes of a function's log: a page of records, a stream that follows the log, or call statistics.

mod alone;
mod local;
mod merged;
mod peer;
mod position;
mod response;
mod source;
mod sums;

use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jelou_core::DeploymentId;
use jelou_core::api::{CallGroup, List, Problem};
use jelou_logs::{Filter, GroupBy, Level, Query as LogQuery};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::app::App;
use super::auth::LogReader;
use super::extract::{Query, SlugPath};
use super::problem::ApiError;
use local::{Read, Reading};
use merged::{Merged, Start};
pub(super) use peer::{page, statistics as own_statistics};
use position::Position;
use response::{Format, respond};
use source::Asked;

const LAST_EVENT_ID: &str = "last-event-id";
/// Names the servers whose calls the statistics lack.
const MISSING: HeaderName = HeaderName::from_static("jelou-missing");
/// Number of earlier records that a stream begins with, if the query sets no start.
const DEFAULT_TAIL: usize = 20;
const MAX_TAIL: usize = 10_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogsQuery {
    since: Option<String>,
    until: Option<String>,
    tail: Option<usize>,
    after: Option<String>,
    level: Option<String>,
    request: Option<String>,
    deployment: Option<String>,
    filter: Option<String>,
    #[serde(default)]
    follow: bool,
    /// Used by statistics only.
    by: Option<String>,
    /// Used between servers only.
    wait_ms: Option<u64>,
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
/// server-sent events that follows the log. `Last-Event-ID` with the id of an event resumes after its record. Of several
/// servers with one database, it has the records of all, each with the id of its server as `node`.
#[utoipa::path(get, operation_id = "readLogs", path = "/v1/functions/{slug}/logs", tag = "logs", security(("accessToken" = ["logs:{slug}"])), params(
    ("slug" = String, Path),
    ("since" = Option<String>, Query, description = "From this time on, such as 2026-11-29T10:30:00Z, or this long ago, such as 2h"),
    ("until" = Option<String>, Query, description = "Before this time"),
    ("tail" = Option<u32>, Query, description = "At most the last records, up to 10000; 20 when a stream has no other beginning"),
    ("after" = Option<String>, Query, description = "Only records after the one with this id, as `Last-Event-ID`"),
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
        Some(id) => Some(id.to_str().unwrap_or_default()),
        None => query.after.as_deref(),
    };
    if query.tail.is_some_and(|tail| tail > MAX_TAIL) {
        return Err(ApiError::invalid(format!("`tail` is over {MAX_TAIL}")));
    }
    let is_stream = format == Format::Events && records.since.is_none();
    let tail = query.tail.or(is_stream.then_some(DEFAULT_TAIL));
    if control.store.is_shared() {
        let start = match (after, tail) {
            (Some(after), _) => Start::After(parsed::<Position>(after)?),
            (None, Some(tail)) => Start::Last(tail),
            (None, None) => Start::First,
        };
        let asked = Asked {
            function,
            query: records,
            filter: query.filter,
            follows: format == Format::Events,
        };
        let merged = Merged::new(control, slug, asked, start, format).await?;
        return Ok(respond(format, |pieces| merged.run(pieces)));
    }
    let start = match (after, tail) {
        (Some(after), _) => Read::After(parsed(after)?),
        (None, Some(tail)) => Read::Last(tail),
        (None, None) => Read::After(0),
    };
    let reading = Reading::new(control, function, records).await?;
    Ok(respond(format, |pieces| {
        alone::run(reading, slug, start, format, pieces)
    }))
}

/// Parses the id of an event.
fn parsed<T: FromStr>(id: &str) -> Result<T, ApiError> {
    id.parse().map_err(|_| {
        ApiError::invalid("`Last-Event-ID`, or `after`, is not the id of an event of this stream")
    })
}

/// Statistics of the calls that match the query. Of several servers with one database, they are of all; the header
/// `Jelou-Missing` names those that do not answer.
#[utoipa::path(get, operation_id = "callStatistics", path = "/v1/functions/{slug}/logs/stats", tag = "logs", security(("accessToken" = ["logs:{slug}"])), params(
    ("slug" = String, Path),
    ("by" = Option<String>, Query, description = "What to group by, separated by commas: status, tool, route, method, token, protocol, deployment, error; status when absent"),
    ("since" = Option<String>, Query, description = "From this time on"),
    ("until" = Option<String>, Query, description = "Before this time"),
    ("deployment" = Option<String>, Query, description = "Of this deployment"),
    ("filter" = Option<String>, Query, description = "In the filter language"),
), responses(
    (status = 200, body = List<CallGroup>, headers(("Jelou-Missing" = String, description = "Servers that do not answer"))),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn statistics(
    State(control): State<App>,
    _: LogReader,
    SlugPath(slug): SlugPath,
    Query(query): Query<LogsQuery>,
) -> Result<Response, ApiError> {
    let function = control.store.function_id(&slug).await?;
    let records = query.records(control.clock.now())?;
    let by = query.by.as_deref().unwrap_or("status");
    let fields = groups(by)?;
    let reading = Reading::new(control.clone(), function.clone(), records.clone()).await?;
    let own = reading.statistics(fields).await?;
    if !control.store.is_shared() {
        let items = own.groups();
        return Ok(Json(List { items }).into_response());
    }
    let asked = Asked {
        function,
        query: records,
        filter: query.filter,
        follows: false,
    };
    let (sums, missing) = sums::of_all(&control, &asked, by, own).await?;
    let items = sums.groups();
    let mut response = Json(List { items }).into_response();
    if let Ok(missing) = HeaderValue::from_str(&missing.join(", "))
        && !missing.is_empty()
    {
        response.headers_mut().insert(MISSING, missing);
    }
    Ok(response)
}

/// Parses the fields to group calls by.
fn groups(by: &str) -> Result<Vec<GroupBy>, ApiError> {
    let by: Result<Vec<GroupBy>, _> = by.split(',').map(|by| by.trim().parse()).collect();
    by.map_err(|error| ApiError::invalid(format!("`by`: {error}")))
}

fn accepts_events(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}
