//! Entries that the parts of the server send to the log. An entry owns its data; the writer formats it later.

use std::borrow::Cow;
use std::sync::Arc;

use jelou_core::surrogates::well_formed_json;
use jelou_core::{DeploymentId, FunctionId, Level, Manifest, TokenId};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::record::{Call, CallTrace, Content, Event, Line, Protocol};
use crate::redact::Redactor;

/// One entry of a function's log.
#[derive(Debug)]
pub struct Entry {
    pub function: FunctionId,
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    pub deployment: Option<DeploymentId>,
    /// The fraction of requests whose records are kept, from 0 to 1.
    pub sample: f64,
    pub content: EntryContent,
}

#[derive(Debug)]
pub enum EntryContent {
    /// A line on the function's stdout: a JSON object of the SDK, or plain text.
    Output(String),
    /// A text with a level, such as a line on stderr.
    Text(Level, String),
    Call(Box<CallEntry>),
    Event(EventEntry),
}

/// A finished call.
#[derive(Debug)]
pub struct CallEntry {
    pub request_id: Uuid,
    pub status: u16,
    pub duration_us: u64,
    pub cold: bool,
    pub queue_us: u64,
    pub start_us: u64,
    pub method: Cow<'static, str>,
    pub path: Box<str>,
    /// The deployment's manifest, and the index of the tool in it.
    pub tool: Option<(Arc<Manifest>, usize)>,
    pub token: Option<TokenId>,
    pub protocol: Protocol,
    pub bytes_in: Option<u64>,
    pub bytes_out: u64,
    pub hops: u32,
    pub error: Option<&'static str>,
    /// The trace id of the caller.
    pub trace_id: Option<u128>,
    /// `None` if no trace is exported.
    pub trace: Option<CallTrace>,
}

/// An event: something that the platform did.
#[derive(Debug)]
pub struct EventEntry {
    pub level: Level,
    /// For instance `process.started`.
    pub event: &'static str,
    pub message: String,
    pub request_id: Option<Uuid>,
}

/// A line that the SDK writes for `console.log` or `ctx.log`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SdkLine<'a> {
    #[serde(borrow)]
    request_id: Option<Cow<'a, str>>,
    level: Level,
    args: Box<RawValue>,
}

/// The parts of a record that come from an entry, with secrets masked.
#[derive(Debug)]
pub(crate) struct Redacted {
    pub(crate) level: Level,
    pub(crate) request_id: Option<String>,
    pub(crate) content: Content,
}

impl EntryContent {
    /// Returns the approximate number of bytes that the entry takes in the queue.
    pub(crate) fn bytes(&self) -> usize {
        let text = match self {
            Self::Output(text) | Self::Text(_, text) => text.len(),
            Self::Call(call) => size_of::<CallEntry>() + call.path.len(),
            Self::Event(event) => event.message.len(),
        };
        size_of::<Entry>() + text
    }

    pub(crate) fn redact(self, redactor: &Redactor) -> Redacted {
        match self {
            Self::Output(text) => output(&text, redactor),
            Self::Text(level, text) => plain(level, &text, redactor),
            Self::Call(call) => Redacted {
                level: Level::of_status(call.status),
                request_id: Some(call.request_id.to_string()),
                content: Content::Call(Box::new(call.redact(redactor))),
            },
            Self::Event(entry) => Redacted {
                level: entry.level,
                request_id: entry.request_id.map(|id| id.to_string()),
                content: Content::Event(Event {
                    event: entry.event.to_owned(),
                    message: redactor.text(&entry.message).into_owned(),
                }),
            },
        }
    }
}

impl CallEntry {
    fn redact(self, redactor: &Redactor) -> Call {
        let tool = self
            .tool
            .as_ref()
            .and_then(|(manifest, index)| manifest.tools.get(*index));
        Call {
            status: self.status,
            duration_ms: milliseconds(self.duration_us),
            cold: self.cold,
            queue_ms: milliseconds(self.queue_us),
            start_ms: milliseconds(self.start_us),
            method: self.method.into_owned(),
            path: redactor.path(&self.path),
            route: tool.map(|tool| tool.path.clone()),
            tool: tool.map(|tool| tool.name.clone()),
            token: self.token,
            protocol: self.protocol,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            hops: self.hops,
            error: self.error.map(str::to_owned),
            trace_id: self.trace_id.map(|id| format!("{id:032x}")),
            trace: self.trace,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a call lasts less than 2^52 µs")]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

fn output(text: &str, redactor: &Redactor) -> Redacted {
    // A function can write the SDK's format itself, and so choose the level and the request.
    let json = well_formed_json(text);
    let Ok(line) = serde_json::from_str::<SdkLine<'_>>(&json) else {
        return plain(Level::Info, text, redactor);
    };
    if !line.args.get().starts_with('[') {
        return plain(Level::Info, text, redactor);
    }
    let request_id = line.request_id.and_then(|id| id.parse::<Uuid>().ok());
    Redacted {
        level: line.level,
        request_id: request_id.map(|id| id.to_string()),
        content: Content::Line(Line {
            args: canonical(redactor.json(line.args)),
        }),
    }
}

fn plain(level: Level, text: &str, redactor: &Redactor) -> Redacted {
    let text = redactor.text(text);
    let args = serde_json::value::to_raw_value(&[text]);
    Redacted {
        level,
        request_id: None,
        content: Content::Line(Line {
            args: args.unwrap_or_else(|_| RawValue::NULL.to_owned()),
        }),
    }
}

/// Rewrites JSON with unusual escapes (`\u`, `\/`), so that each text has one spelling and a search can compare bytes.
/// JSON of the SDK has no such escapes.
fn canonical(json: Box<RawValue>) -> Box<RawValue> {
    let text = json.get().as_bytes();
    let is_unusual =
        memchr::memchr_iter(b'\\', text).any(|at| matches!(text.get(at + 1), Some(b'u' | b'/')));
    let value = is_unusual.then(|| serde_json::from_str::<serde_json::Value>(json.get()));
    match value {
        Some(Ok(value)) => serde_json::value::to_raw_value(&value).unwrap_or(json),
        _ => json,
    }
}
