//! `tools/call`: the only method that needs the function's process.

use bytes::Bytes;
use std::sync::atomic::Ordering;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use jelou_core::manifest::Tool;
use jelou_engine::{BodyMemory, RequestBody};
use serde_json::{Map, Value, json};

use super::access::Access;
use super::message::{JsonRpcError, Request};
use super::outcome::Outcome;
use super::result_memory::{ResultError, Share, Whole};
use super::revision::Revision;
use super::{Exchange, issues, mirrored, outcome};
use crate::documents::mcp::{Entry, Input, ParameterError};
use crate::gateway::answer::Answer;
use crate::gateway::{failures, invoke};

/// Why a call is not forwarded to the function.
#[derive(Debug)]
pub(super) enum Denial {
    /// The caller has no token, and the tool is not public.
    TokenNeeded,
    Refused(JsonRpcError),
}

impl From<JsonRpcError> for Denial {
    fn from(refusal: JsonRpcError) -> Self {
        Self::Refused(refusal)
    }
}

/// Calls a tool. Returns the result as JSON, and the permit for its memory.
pub(super) async fn call(
    exchange: Exchange<'_>,
    access: &Access,
    revision: Revision,
    headers: &HeaderMap,
    request: &Request,
) -> Result<(Bytes, Option<Share>), Denial> {
    let Some(name) = request.params.get("name").and_then(Value::as_str) else {
        return Err(JsonRpcError::invalid_params("`name` must be a string").into());
    };
    let catalog = &exchange.live.documents.mcp;
    let entry = catalog.entry(name);
    let is_public = catalog.is_public() || entry.is_some_and(|entry| entry.public);
    if access.grant().is_none() && !is_public {
        return Err(Denial::TokenNeeded);
    }
    let Some(entry) = entry else {
        return Err(JsonRpcError::invalid_params(format!("Unknown tool: {name}")).into());
    };
    let arguments = match request.params.get("arguments") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(arguments)) => arguments.clone(),
        Some(_) => {
            return Err(JsonRpcError::invalid_params("`arguments` must be an object").into());
        }
    };
    if revision == Revision::Modern {
        for mirrored in &entry.mirrored {
            mirrored::check(mirrored, headers, &arguments)?;
        }
    }
    let _ = exchange.notes.tool.set(entry.tool);
    let mut outcome = match entry.arguments.input(arguments) {
        Ok(input) => {
            let calls = &exchange.gateway.running_calls;
            let running = calls.enter(exchange.named_call(headers, &request.id));
            tokio::select! {
                outcome = run(exchange, access, entry, headers, input) => outcome,
                () = running.cancelled() => cancelled(),
            }
        }
        Err(error) => invalid(&error),
    };
    exchange
        .notes
        .tool_status
        .store(outcome.status.as_u16(), Ordering::Relaxed);
    let server_info = exchange.live.documents.mcp.server_info();
    let share = outcome.share.take();
    let result = outcome::result(&outcome, entry.output, revision, server_info);
    Ok((result, share))
}

/// Returns the result of a call that the client has cancelled.
fn cancelled() -> Outcome {
    let body = json!({ "error": "The call was cancelled" });
    Outcome::json(
        StatusCode::SERVICE_UNAVAILABLE,
        Bytes::from(body.to_string()),
    )
}

/// Returns the same response that a worker sends for an input that violates its schema.
fn invalid(error: &ParameterError) -> Outcome {
    let (parameter, message, code) = match error {
        ParameterError::Missing(parameter) => (parameter, "Required", "invalid_type"),
        ParameterError::DotSegment(parameter) => (
            parameter,
            "Must not be `.` or `..`: it is a segment of the path",
            "custom",
        ),
    };
    let details = [json!({ "path": [parameter], "message": message, "code": code })];
    let body = json!({ "error": "Validation failed", "details": details });
    Outcome::json(StatusCode::BAD_REQUEST, Bytes::from(body.to_string()))
}

/// Calls the tool as an HTTP caller would, and waits for the complete response.
async fn run(
    exchange: Exchange<'_>,
    access: &Access,
    entry: &Entry,
    headers: &HeaderMap,
    input: Input,
) -> Outcome {
    let tool = &exchange.live.manifest.tools[entry.tool];
    let timeout = invoke::timeout(&exchange.function.limits(), tool);
    let asked = ask(exchange, access, tool, headers, input);
    match exchange.gateway.within(timeout, asked).await {
        Some(Ok(outcome)) if outcome.status == StatusCode::BAD_REQUEST => Outcome {
            body: issues::explain(
                &outcome.body,
                entry.arguments.wrapper(),
                tool.input_schema.as_ref(),
            ),
            ..outcome
        },
        Some(Ok(outcome)) => outcome,
        Some(Err(answer)) => {
            let _ = exchange.notes.error.set(answer.code());
            of_platform(&answer)
        }
        None => {
            let timed_out = invoke::timed_out(&exchange.function.limits(), tool);
            let error = format!("no whole result {timed_out}");
            failures::log(
                exchange.gateway,
                exchange.function,
                exchange.request_id,
                &error,
            );
            let _ = exchange.notes.error.set(Answer::TimedOut.code());
            of_platform(&Answer::TimedOut)
        }
    }
}

async fn ask(
    exchange: Exchange<'_>,
    access: &Access,
    tool: &Tool,
    headers: &HeaderMap,
    input: Input,
) -> Result<Outcome, Answer<'static>> {
    let Exchange {
        gateway, function, ..
    } = exchange;
    let mut request = http::Request::new(RequestBody::full(Bytes::from(input.body.to_string())));
    *request.method_mut() = Method::POST;
    *request.headers_mut() = forwarded(headers);
    let call = invoke::Call {
        tool,
        params: &input.params,
        path: &input.path,
        url: &exchange.live.url,
        caller: exchange.caller,
        grant: access.grant(),
        request_id: exchange.request_id,
        notes: exchange.notes,
        scheduled: None,
    };
    let response = invoke::send(gateway, request, function, &call, BodyMemory::NONE).await?;
    let (parts, body) = response.into_parts();
    let url = format!(
        "{}{}",
        gateway.domain.url(function.slug.as_str()),
        input.path
    );
    let limits = function.limits();
    let limit = limits.max_body_bytes;
    let error = match gateway.mcp_results.read(body, limit).await {
        Ok(Whole { body, share }) => {
            return Ok(Outcome {
                status: parts.status,
                headers: parts.headers,
                url,
                body,
                share,
            });
        }
        Err(error) => error,
    };
    if let ResultError::TooLarge(_) = error {
        let limit = limits.describe("max_body_bytes");
        failures::log(
            gateway,
            function,
            exchange.request_id,
            &format_args!("{error} ({limit})"),
        );
    } else {
        failures::log(gateway, function, exchange.request_id, &error);
    }
    match error {
        ResultError::TooLarge(_) => {
            let whose = limits.whose("max_body_bytes");
            let text = format!(
                "The result is over the limit of {limit} bytes (limits.max_body_bytes, {whose})"
            );
            Ok(Outcome::json(
                StatusCode::INTERNAL_SERVER_ERROR,
                Bytes::from(json!({ "error": text }).to_string()),
            ))
        }
        ResultError::NoMemory { .. } => Err(Answer::Unavailable { retry_after: 1 }),
        ResultError::Worker(_) => Err(Answer::FunctionError),
    }
}

fn of_platform(answer: &Answer<'_>) -> Outcome {
    Outcome::json(answer.status(), answer.body())
}

/// Returns the caller's headers without those that belong to the MCP message.
fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let mut forwarded = headers.clone();
    for name in [
        header::ACCEPT,
        // The gateway parses the response, so it must not be compressed.
        header::ACCEPT_ENCODING,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
    ] {
        forwarded.remove(name);
    }
    let own: Vec<_> = forwarded
        .keys()
        .filter(|name| name.as_str().starts_with("mcp-"))
        .cloned()
        .collect();
    for name in own {
        forwarded.remove(name);
    }
    let json = HeaderValue::from_static("application/json");
    forwarded.insert(header::CONTENT_TYPE, json);
    forwarded
}
