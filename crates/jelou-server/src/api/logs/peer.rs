//! Routes for the other servers of the database: a page of the records of this server, and its sums of calls. They are
//! not part of the documented API.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header;
use jelou_core::FunctionId;
use jelou_logs::CallSums;

use super::local::{Read, Reading, unreadable};
use super::source::{PageHead, WAIT};
use super::{LogsQuery, groups};
use crate::api::app::App;
use crate::api::auth::FromServer;
use crate::api::extract::Query;
use crate::api::problem::ApiError;

pub(in crate::api) async fn page(
    State(control): State<App>,
    _: FromServer,
    Path(function): Path<String>,
    Query(query): Query<LogsQuery>,
) -> Result<Response, ApiError> {
    let mut stopped = control.stopped.clone();
    let records = query.records(control.clock.now())?;
    let mut reading = Reading::new(control, id(&function)?, records).await?;
    let from = match query.tail {
        Some(count) => Read::Last(count),
        None => {
            let after = query.after.as_deref().unwrap_or("0").parse();
            let after: u64 = after.map_err(|_| ApiError::invalid("`after` is not a number"))?;
            Read::After(after.min(reading.watch.last_seq()))
        }
    };
    if let Read::After(cursor) = from {
        let wait = Duration::from_millis(query.wait_ms.unwrap_or_default()).min(WAIT);
        tokio::select! {
            _ = reading.watch.wait_beyond(cursor) => {}
            () = tokio::time::sleep(wait) => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }
    let page = reading
        .read(from)
        .await
        .map_err(|error| unreadable(&error))?;
    let mut text = serde_json::to_string(&PageHead::of(&page)).unwrap_or_default();
    for found in page.records {
        text.push('\n');
        text.push_str(&found.json);
    }
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], text).into_response())
}

pub(in crate::api) async fn statistics(
    State(control): State<App>,
    _: FromServer,
    Path(function): Path<String>,
    Query(query): Query<LogsQuery>,
) -> Result<Json<CallSums>, ApiError> {
    let records = query.records(control.clock.now())?;
    let by = groups(query.by.as_deref().unwrap_or("status"))?;
    let reading = Reading::new(control, id(&function)?, records).await?;
    Ok(Json(reading.statistics(by).await?))
}

fn id(text: &str) -> Result<FunctionId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::invalid("this is not the id of a function"))
}
