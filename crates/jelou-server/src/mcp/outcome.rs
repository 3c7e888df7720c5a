//! Converts a function's response into the result of a tool call.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use jelou_core::surrogates::parse_json;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::content::{self, Block};
use super::header_values::media_type;
use super::result_memory::Share;
use super::revision::Revision;
use crate::documents::mcp::{OutputSchema, result_meta};

/// A complete response of the function, or of the platform.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The URL that was called.
    pub(super) url: String,
    pub(super) body: Bytes,
    /// The memory share of the body, which belongs to the memory for results.
    pub(super) share: Option<Share>,
}

impl Outcome {
    pub(super) fn json(status: StatusCode, body: Bytes) -> Self {
        let json = HeaderValue::from_static("application/json");
        Self {
            status,
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, json)]),
            url: String::new(),
            body,
            share: None,
        }
    }

    fn media_type(&self) -> String {
        self.header(header::CONTENT_TYPE)
            .map(media_type)
            .unwrap_or_default()
    }

    fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns the body if it is JSON and its media type is a JSON type. It is not parsed further, because parsed
    /// values would take many times the memory of the text.
    fn value(&self) -> Option<&RawValue> {
        let media_type = self.media_type();
        let json = media_type == "application/json" || media_type.ends_with("+json");
        json.then(|| serde_json::from_slice(&self.body).ok())?
    }
}

/// The parts of a result that differ between calls.
#[derive(Debug, Default)]
struct Result<'a> {
    content: Vec<Block<'a>>,
    structured: Option<&'a RawValue>,
    is_error: bool,
    meta: Option<Map<String, Value>>,
}

/// Returns the result as JSON.
pub(super) fn result(
    outcome: &Outcome,
    output: OutputSchema,
    revision: Revision,
    server_info: &Value,
) -> Bytes {
    let mut result = if outcome.status.is_success() {
        success(outcome, output)
    } else {
        failure(outcome)
    };
    if revision == Revision::Legacy {
        // Up to revision 2025-11-25, structured content must be an object.
        result.structured = result.structured.filter(|value| is_object(value));
    }
    let promised = match revision {
        Revision::Modern => output != OutputSchema::None,
        Revision::Legacy => output == OutputSchema::Object,
    };
    if promised && result.structured.is_none() && !result.is_error {
        result.is_error = true;
        result.content.insert(
            0,
            content::text(
                "The tool answered without the structured result that its output schema describes.",
            ),
        );
    }
    Bytes::from(result.write(revision, server_info))
}

/// The form in which a result is sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    content: Vec<Block<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_content: Option<&'a RawValue>,
    is_error: bool,
    #[serde(rename = "_meta", skip_serializing_if = "Map::is_empty")]
    meta: Map<String, Value>,
}

impl Result<'_> {
    fn write(self, revision: Revision, server_info: &Value) -> Vec<u8> {
        let mut meta = self.meta.unwrap_or_default();
        if revision == Revision::Modern
            && let Value::Object(own) = result_meta(server_info)
        {
            meta.extend(own);
        }
        let written = Written {
            result_type: (revision == Revision::Modern).then_some("complete"),
            content: self.content,
            // Omitted in errors: clients validate structured content against the output schema, which does not describe
            // errors.
            structured_content: self.structured.filter(|_| !self.is_error),
            is_error: self.is_error,
            meta,
        };
        // Cannot fail: only a map whose keys are not strings would be an error.
        serde_json::to_vec(&written).unwrap_or_default()
    }
}

fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

fn success(outcome: &Outcome, output: OutputSchema) -> Result<'_> {
    if outcome.body.is_empty() {
        return Result {
            structured: Some(RawValue::NULL).filter(|_| output != OutputSchema::None),
            ..Result::default()
        };
    }
    let Some(value) = outcome.value() else {
        return Result {
            content: vec![content::of_bytes(
                &outcome.media_type(),
                &outcome.body,
                &outcome.url,
            )],
            ..Result::default()
        };
    };
    handler_made(value).unwrap_or_else(|| Result {
        content: vec![content::text(readable(value, &outcome.body))],
        structured: Some(value),
        ..Result::default()
    })
}

/// Returns a string unchanged, and any other value as JSON.
fn readable<'a>(value: &RawValue, body: &'a [u8]) -> Cow<'a, str> {
    match parse_json::<String>(value.get().as_bytes()) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(body),
    }
}

/// A value with which a handler determines the whole result.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct HandlerMade<'a> {
    #[serde(borrow)]
    content: Vec<&'a RawValue>,
    #[serde(borrow)]
    structured_content: Option<&'a RawValue>,
    is_error: Option<bool>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<&'a RawValue>,
}

/// Converts `{content: [blocks]}` into a result. `None` for any other value, which is ordinary data.
fn handler_made(value: &RawValue) -> Option<Result<'_>> {
    let made: HandlerMade<'_> = serde_json::from_str(value.get())
        .ok()
        .filter(|_| is_object(value))?;
    let is_block = |block: &&RawValue| {
        serde_json::from_str(block.get()).is_ok_and(|block| content::is_block(&block))
    };
    if made.content.is_empty() || !made.content.iter().all(is_block) {
        return None;
    }
    let meta = match made.meta {
        Some(meta) => Some(serde_json::from_str(meta.get()).ok()?),
        None => None,
    };
    Some(Result {
        content: made.content.into_iter().map(Block::Made).collect(),
        // Without `structuredContent`, the whole value is the structured content.
        structured: made.structured_content.or(Some(value)),
        is_error: made.is_error.unwrap_or_default(),
        meta,
    })
}

/// Builds an error result, with the details that a model needs to retry.
fn failure(outcome: &Outcome) -> Result<'_> {
    let value = outcome.value();
    let made = value.and_then(handler_made);
    let content = match (made, value) {
        (Some(result), _) => result.content,
        (None, Some(value)) => vec![content::text(describe(value, &outcome.body))],
        (None, None) if outcome.body.is_empty() => vec![content::text(describe_head(outcome))],
        (None, None) => vec![content::of_bytes(
            &outcome.media_type(),
            &outcome.body,
            &outcome.url,
        )],
    };
    Result {
        content,
        is_error: true,
        ..Result::default()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure<'a> {
    error: String,
    #[serde(borrow, default)]
    details: Vec<&'a RawValue>,
}

/// Formats `{"error": text, "details": [...]}` as lines. Any other value is returned unchanged.
fn describe<'a>(value: &RawValue, body: &'a [u8]) -> Cow<'a, str> {
    let failure = serde_json::from_str::<Failure<'_>>(value.get());
    match failure {
        Ok(Failure { error, details }) if is_object(value) => details
            .into_iter()
            .filter_map(|detail| serde_json::from_str(detail.get()).ok())
            .fold(error, |text, detail| {
                text + "\n- " + &describe_detail(&detail)
            })
            .into(),
        _ => readable(value, body),
    }
}

fn describe_detail(detail: &Value) -> String {
    let Some(message) = detail.get("message").and_then(Value::as_str) else {
        return detail.to_string();
    };
    let place: Vec<_> = detail
        .get("path")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|step| {
            step.as_str()
                .map_or_else(|| step.to_string(), str::to_owned)
        })
        .collect();
    if place.is_empty() {
        message.to_owned()
    } else {
        format!("{}: {message}", place.join("."))
    }
}

fn describe_head(outcome: &Outcome) -> String {
    match outcome.header(header::LOCATION) {
        Some(location) => format!("HTTP {}: {location}", outcome.status),
        None => format!("HTTP {}", outcome.status),
    }
}

#[cfg(test)]
mod tests;
