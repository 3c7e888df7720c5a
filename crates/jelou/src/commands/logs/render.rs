//! Renders a record as a line for human readers, or as a line of JSON.

use std::fmt::Write as _;
use std::io;

use jelou_core::{Slug, printable_json};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::output::{Human, LogLevel, Output};

/// Shows a record. Names the function if there are several.
pub(super) fn show(output: &Output, slugs: &[Slug], slug: &Slug, json: &str) -> io::Result<()> {
    if output.is_json() {
        let json = printable_json(json);
        let rest = json.strip_prefix('{').unwrap_or(&json);
        return output.raw(format!("{{\"function\":\"{slug}\",{rest}\n").as_bytes());
    }
    let record: Value = serde_json::from_str(json).unwrap_or_default();
    let name = (slugs.len() > 1).then_some(slug.as_str());
    output.human(|human| {
        if record.is_null() {
            // JSON that this program cannot parse, such as a number that is too large, is shown as it is.
            return human.text(json);
        }
        line(human, &record, name)
    })
}

/// Writes a record as a line. `function` is named if there are several.
pub(super) fn line(human: &mut Human, record: &Value, function: Option<&str>) -> io::Result<()> {
    let level = match record["level"].as_str() {
        Some("ERROR") => LogLevel::Error,
        Some("WARN") => LogLevel::Warn,
        Some("DEBUG") => LogLevel::Debug,
        _ => LogLevel::Info,
    };
    let time = time(record)
        .to_zoned_datetime(TimeZone::system())
        .strftime("%H:%M:%S")
        .to_string();
    human.log_line(&time, level, function, &text_of(record))
}

pub(super) fn time_of(json: &str) -> Timestamp {
    time(&serde_json::from_str(json).unwrap_or_default())
}

fn time(record: &Value) -> Timestamp {
    let time = record["time"].as_str().and_then(|time| time.parse().ok());
    time.unwrap_or_default()
}

fn text_of(record: &Value) -> String {
    match record["kind"].as_str() {
        Some("call") => call(record),
        Some("event") => record["message"].as_str().unwrap_or_default().to_owned(),
        _ => {
            let args = record["args"].as_array().map_or(&[][..], Vec::as_slice);
            let words: Vec<_> = args.iter().map(argument).collect();
            words.join(" ")
        }
    }
}

/// Formats a call: `POST /enviar → 500 in 12 ms (cold start, token ci), request 550e8400-…`.
fn call(record: &Value) -> String {
    let field = |name: &str| record[name].as_str().unwrap_or_default();
    let duration = record["durationMs"].as_f64().unwrap_or_default();
    let duration = if duration < 10.0 {
        format!("{duration:.1} ms")
    } else if duration < 10_000.0 {
        format!("{duration:.0} ms")
    } else {
        format!("{:.1} s", duration / 1000.0)
    };
    let target = if record["protocol"] == "mcp" && record["tool"].is_string() {
        format!("MCP {}", field("tool"))
    } else {
        format!("{} {}", field("method"), field("path"))
    };
    let mut details = Vec::new();
    if record["cold"] == true {
        details.push("cold start".to_owned());
    }
    if let Some(token) = record["tokenName"].as_str().or(record["token"].as_str()) {
        details.push(format!("token {token}"));
    }
    if let Some(error) = record["error"].as_str() {
        details.push(error.to_owned());
    }
    let mut text = format!("{target} → {} in {duration}", record["status"]);
    if !details.is_empty() {
        let _ = write!(text, " ({})", details.join(", "));
    }
    if record["status"]
        .as_u64()
        .is_some_and(|status| status >= 400)
    {
        let _ = write!(text, ", request {}", field("requestId"));
    }
    text
}

/// Formats an argument as `console.log` does: a string without quotes, an error with its stack, any other value as a
/// literal.
fn argument(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => error(fields).unwrap_or_else(|| literal(value)),
        other => literal(other),
    }
}

/// Formats an error: its stack, its own fields and its causes.
fn error(fields: &Map<String, Value>) -> Option<String> {
    let stack = fields.get("stack")?.as_str()?;
    fields.get("message")?.as_str()?;
    let mut text = stack.to_owned();
    let own: Map<_, _> = fields
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "name" | "message" | "stack" | "cause"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !own.is_empty() {
        let _ = write!(text, "\n{}", literal(&Value::Object(own)));
    }
    if let Some(cause) = fields.get("cause") {
        let _ = write!(text, "\ncaused by: {}", argument(cause));
    }
    Some(text)
}

/// Formats a value as in source code: `{ telefono: "593987654321" }`.
fn literal(value: &Value) -> String {
    match value {
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(literal).collect();
            format!("[ {} ]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", key_of(key), literal(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// Formats a key. It has no quotes if it is an identifier.
fn key_of(key: &str) -> String {
    let mut characters = key.chars();
    let starts = characters
        .next()
        .is_some_and(|first| first.is_alphabetic() || matches!(first, '_' | '$'));
    let goes_on = characters.all(|next| next.is_alphanumeric() || matches!(next, '_' | '$'));
    if starts && goes_on {
        key.to_owned()
    } else {
        Value::from(key).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_read_like_console_output() {
        let cases = [
            (
                r#"{"kind":"line","args":["Buscando cliente",{"telefono":"593987654321"}]}"#,
                r#"Buscando cliente { telefono: "593987654321" }"#,
            ),
            (
                r#"{"kind":"line","args":[[1,null],{"a-b":{}},true]}"#,
                r#"[ 1, null ] { "a-b": {} } true"#,
            ),
            (
                r#"{"kind":"line","args":[{"name":"Error","message":"no","stack":"Error: no\n    at index.ts:1:2","code":7}]}"#,
                "Error: no\n    at index.ts:1:2\n{ code: 7 }",
            ),
            (
                r#"{"kind":"call","method":"POST","path":"/x","status":200,"durationMs":1.25,"protocol":"http"}"#,
                "POST /x → 200 in 1.2 ms",
            ),
            (
                r#"{"kind":"call","method":"POST","path":"/mcp","tool":"enviar","status":504,"durationMs":100.4,"protocol":"mcp","cold":true,"token":"tok_1","tokenName":"ci","error":"timeout","requestId":"r-1"}"#,
                "MCP enviar → 504 in 100 ms (cold start, token ci, timeout), request r-1",
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(text_of(&serde_json::from_str(json).unwrap()), expected);
        }
    }
}
