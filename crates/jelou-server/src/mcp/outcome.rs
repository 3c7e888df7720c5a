//! Turns a function's response into the result of a tool.

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};

use super::content;
use super::header_values::media_type;
use super::revision::Revision;
use crate::documents::mcp::{OutputSchema, result_meta};

/// A complete response, of the function or of the platform.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The URL of the call.
    pub(super) url: String,
    pub(super) body: Bytes,
}

impl Outcome {
    pub(super) fn json(status: StatusCode, body: Bytes) -> Self {
        let json = HeaderValue::from_static("application/json");
        Self {
            status,
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, json)]),
            url: String::new(),
            body,
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

    /// The parsed body, if its media type is JSON.
    fn value(&self) -> Option<Value> {
        let media_type = self.media_type();
        let json = media_type == "application/json" || media_type.ends_with("+json");
        json.then(|| serde_json::from_slice(&self.body).ok())?
    }
}

/// The parts of a result that differ between calls.
#[derive(Debug, Default)]
struct Result {
    content: Vec<Value>,
    structured: Option<Value>,
    is_error: bool,
    meta: Option<Map<String, Value>>,
}

/// The result as JSON.
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
        result.structured = result.structured.filter(Value::is_object);
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
    Bytes::from(result.write(revision, server_info).to_string())
}

impl Result {
    fn write(self, revision: Revision, server_info: &Value) -> Value {
        let mut fields = Map::new();
        if revision == Revision::Modern {
            fields.insert("resultType".to_owned(), json!("complete"));
        }
        fields.insert("content".to_owned(), Value::Array(self.content));
        // Clients validate structured content against the output schema, which does not cover errors.
        if let Some(structured) = self.structured.filter(|_| !self.is_error) {
            fields.insert("structuredContent".to_owned(), structured);
        }
        fields.insert("isError".to_owned(), json!(self.is_error));
        let mut meta = self.meta.unwrap_or_default();
        if revision == Revision::Modern
            && let Value::Object(own) = result_meta(server_info)
        {
            meta.extend(own);
        }
        if !meta.is_empty() {
            fields.insert("_meta".to_owned(), Value::Object(meta));
        }
        Value::Object(fields)
    }
}

fn success(outcome: &Outcome, output: OutputSchema) -> Result {
    if outcome.body.is_empty() {
        return Result {
            structured: Some(Value::Null).filter(|_| output != OutputSchema::None),
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
    match handler_made(value) {
        Ok(result) => result,
        Err(value) => Result {
            content: vec![content::text(&readable(&value, &outcome.body))],
            structured: Some(value),
            ..Result::default()
        },
    }
}

/// Returns a string unchanged, and any other value as JSON.
fn readable(value: &Value, body: &[u8]) -> String {
    match value {
        Value::String(text) => text.clone(),
        _ => String::from_utf8_lossy(body).into_owned(),
    }
}

/// Uses `{content: [blocks]}` as the result. A value that is not completely valid is returned as data.
fn handler_made(value: Value) -> std::result::Result<Result, Value> {
    const FIELDS: [&str; 4] = ["content", "structuredContent", "isError", "_meta"];
    let Value::Object(fields) = &value else {
        return Err(value);
    };
    let blocks = fields.get("content").and_then(Value::as_array);
    let Some(blocks) =
        blocks.filter(|blocks| !blocks.is_empty() && blocks.iter().all(content::is_block))
    else {
        return Err(value);
    };
    let known = fields.iter().all(|(name, value)| match name.as_str() {
        "isError" => value.is_boolean(),
        "_meta" => value.is_object(),
        name => FIELDS.contains(&name),
    });
    if !known {
        return Err(value);
    }
    Ok(Result {
        content: blocks.clone(),
        // Without `structuredContent`, the output schema describes the complete value.
        structured: Some(fields.get("structuredContent").unwrap_or(&value).clone()),
        is_error: fields.get("isError") == Some(&Value::Bool(true)),
        meta: fields.get("_meta").and_then(Value::as_object).cloned(),
    })
}

/// The text of an error, with details that a model needs for a retry.
fn failure(outcome: &Outcome) -> Result {
    let value = outcome.value();
    let content = match value.map(handler_made) {
        Some(Ok(result)) => result.content,
        Some(Err(value)) => vec![content::text(&describe(&value, &outcome.body))],
        None if outcome.body.is_empty() => vec![content::text(&describe_head(outcome))],
        None => vec![content::of_bytes(
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

/// Formats `{"error": text, "details": [...]}` as lines, and any other value unchanged.
fn describe(value: &Value, body: &[u8]) -> String {
    let plain = value.as_object().is_some_and(|fields| {
        fields
            .keys()
            .all(|name| matches!(name.as_str(), "error" | "details"))
    });
    let Some(error) = value.get("error").and_then(Value::as_str).filter(|_| plain) else {
        return readable(value, body);
    };
    let details = value.get("details").and_then(Value::as_array);
    details
        .into_iter()
        .flatten()
        .fold(error.to_owned(), |text, detail| {
            text + "\n- " + &describe_detail(detail)
        })
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
