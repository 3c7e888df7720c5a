//! OTLP in JSON: the messages of `opentelemetry/proto`, with field names in camelCase, ids in hexadecimal and 64-bit
//! numbers as strings (OTLP specification, section "JSON Protobuf Encoding").

use serde::Serialize;

/// The body of `POST /v1/traces`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Traces {
    pub(super) resource_spans: Vec<ResourceSpans>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResourceSpans {
    pub(super) resource: Resource,
    pub(super) scope_spans: [ScopeSpans; 1],
}

#[derive(Debug, Serialize)]
pub(super) struct ScopeSpans {
    pub(super) scope: Scope,
    pub(super) spans: Vec<Span>,
}

/// The body of `POST /v1/logs`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Logs {
    pub(super) resource_logs: Vec<ResourceLogs>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResourceLogs {
    pub(super) resource: Resource,
    pub(super) scope_logs: [ScopeLogs; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScopeLogs {
    pub(super) scope: Scope,
    pub(super) log_records: Vec<LogRecord>,
}

#[derive(Debug, Serialize)]
pub(super) struct Resource {
    pub(super) attributes: Vec<Attribute>,
}

#[derive(Debug, Serialize)]
pub(super) struct Scope {
    name: &'static str,
    version: &'static str,
}

impl Scope {
    pub(super) const OWN: Self = Self {
        name: "jelou",
        version: env!("CARGO_PKG_VERSION"),
    };
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    pub(super) trace_id: String,
    #[serde(rename = "spanId")]
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent_span_id: Option<String>,
    pub(super) name: String,
    pub(super) kind: u8,
    pub(super) start_time_unix_nano: String,
    pub(super) end_time_unix_nano: String,
    pub(super) attributes: Vec<Attribute>,
    pub(super) status: Status,
}

/// `SPAN_KIND_INTERNAL`.
pub(super) const INTERNAL: u8 = 1;
/// `SPAN_KIND_SERVER`.
pub(super) const SERVER: u8 = 2;

#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Status {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    code: u8,
}

impl Status {
    /// Returns a status with `STATUS_CODE_ERROR`.
    pub(super) fn error(message: Option<String>) -> Self {
        Self { message, code: 2 }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogRecord {
    pub(super) time_unix_nano: String,
    pub(super) observed_time_unix_nano: String,
    pub(super) severity_number: u8,
    pub(super) severity_text: &'static str,
    pub(super) body: Value,
    pub(super) attributes: Vec<Attribute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) span_id: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Attribute {
    key: &'static str,
    value: Value,
}

#[derive(Debug, Clone, Serialize)]
pub(super) enum Value {
    #[serde(rename = "stringValue")]
    Text(String),
    #[serde(rename = "intValue")]
    Number(String),
    #[serde(rename = "boolValue")]
    Flag(bool),
}

pub(super) fn text(key: &'static str, value: impl Into<String>) -> Attribute {
    Attribute {
        key,
        value: Value::Text(value.into()),
    }
}

pub(super) fn number(key: &'static str, value: u64) -> Attribute {
    Attribute {
        key,
        value: Value::Number(value.to_string()),
    }
}

pub(super) fn flag(key: &'static str, value: bool) -> Attribute {
    Attribute {
        key,
        value: Value::Flag(value),
    }
}
