//! Records: one line, call or event of a function.

use jelou_core::{DeploymentId, Level, TokenId};
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Output of the function.
    Line,
    Call,
    /// Something that the platform did.
    Event,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Call => "call",
            Self::Event => "event",
        }
    }
}

/// A record. It is stored and sent as one line of JSON.
#[derive(Debug, Clone)]
pub struct Record {
    /// The sequence number in the function's stream. Increases with each record, also across restarts.
    pub seq: u64,
    pub time: Timestamp,
    pub level: Level,
    pub request_id: Option<String>,
    pub deployment: Option<DeploymentId>,
    pub content: Content,
}

/// The content of a record, by its kind.
#[derive(Debug, Clone)]
pub enum Content {
    Line(Line),
    Call(Box<Call>),
    Event(Event),
}

/// The arguments of `console.log` or `ctx.log`, as a JSON list. Plain output becomes a list with one string.
#[derive(Debug, Clone)]
pub struct Line {
    pub args: Box<RawValue>,
}

/// A call of the function, from the first byte of the request to the last byte of the response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    pub status: u16,
    pub duration_ms: f64,
    /// Whether the call waited for the start of a process.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cold: bool,
    /// How long the call waited for a permit.
    #[serde(default, skip_serializing_if = "is_none")]
    pub queue_ms: f64,
    /// How long the call waited for the start of a process.
    #[serde(default, skip_serializing_if = "is_none")]
    pub start_ms: f64,
    pub method: String,
    /// The path, without the query.
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The id of the token; `None` for a public route or a refused request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenId>,
    pub protocol: Protocol,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_in: Option<u64>,
    pub bytes_out: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hops: u32,
    /// The error code, if the platform answered instead of the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The trace id of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The spans for the export of traces. They are not stored.
    #[serde(skip)]
    pub trace: Option<CallTrace>,
}

/// The spans of a traced call. Times count from the start of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTrace {
    pub trace: u128,
    /// The span of the caller.
    pub parent: Option<u64>,
    /// The span of the call.
    pub span: u64,
    /// When the call got a process; `None` if it got none.
    pub leased_us: Option<u64>,
    /// When the head of the response was complete.
    pub head_us: u64,
}

/// How a call reached the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Http,
    Mcp,
    /// A schedule started the call.
    Cron,
}

impl Protocol {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Mcp => "mcp",
            Self::Cron => "cron",
        }
    }
}

/// Something that the platform did, or a note that records were dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// For instance `process.started`.
    pub event: String,
    pub message: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde defines the signature"
)]
fn is_none(ms: &f64) -> bool {
    *ms == 0.0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde defines the signature"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The fields that every record has, and `args` of a line, so that a line is parsed only once.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head {
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
    pub(crate) level: Level,
    pub(crate) kind: Kind,
    pub(crate) request_id: Option<String>,
    pub(crate) deployment: Option<DeploymentId>,
    args: Option<Box<RawValue>>,
}

impl Content {
    /// Returns the approximate number of bytes of the content in memory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Line(line) => line.args.get().len(),
            Self::Call(_) => size_of::<Call>(),
            Self::Event(event) => event.message.len(),
        }
    }
}

impl Record {
    pub fn kind(&self) -> Kind {
        match self.content {
            Content::Line(_) => Kind::Line,
            Content::Call(_) => Kind::Call,
            Content::Event(_) => Kind::Event,
        }
    }

    /// Parses a record from its line of JSON.
    ///
    /// # Errors
    /// When the line is not a record.
    pub fn parse(line: &str) -> serde_json::Result<Self> {
        let head: Head = serde_json::from_str(line)?;
        let content = match head.kind {
            Kind::Line => Content::Line(Line {
                args: head
                    .args
                    .ok_or_else(|| serde_json::Error::missing_field("args"))?,
            }),
            Kind::Call => Content::Call(serde_json::from_str(line)?),
            Kind::Event => Content::Event(serde_json::from_str(line)?),
        };
        Ok(Self {
            seq: head.seq,
            time: head.time,
            level: head.level,
            request_id: head.request_id,
            deployment: head.deployment,
            content,
        })
    }

    /// Appends the record as one line of JSON, with its line end. Returns the byte offset of the content in the buffer.
    pub(crate) fn write(&self, buffer: &mut String) -> usize {
        use std::fmt::Write as _;
        let Self {
            seq,
            time,
            level,
            request_id,
            deployment,
            ..
        } = self;
        let kind = self.kind().as_str();
        // Writing to a string cannot fail.
        let _ = write!(
            buffer,
            r#"{{"seq":{seq},"time":"{time:.3}","level":"{level}","kind":"{kind}""#
        );
        if let Some(id) = request_id {
            buffer.push_str(",\"requestId\":");
            buffer.push_str(&json(id));
        }
        if let Some(deployment) = deployment {
            let _ = write!(buffer, r#","deployment":"{deployment}""#);
        }
        buffer.push(',');
        let start = buffer.len();
        let content = match &self.content {
            Content::Line(line) => {
                let _ = write!(buffer, r#""args":{}}}"#, line.args.get());
                buffer.push('\n');
                return start;
            }
            Content::Call(call) => json(call),
            Content::Event(event) => json(event),
        };
        buffer.push_str(content.strip_prefix('{').unwrap_or(&content));
        buffer.push('\n');
        start
    }

    /// Returns the record as one line of JSON, without a line end.
    pub fn to_json(&self) -> String {
        let mut line = String::new();
        self.write(&mut line);
        line.truncate(line.trim_end().len());
        line
    }
}

/// Serialises a type of this module. This cannot fail.
fn json(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Returns the sequence number, which is at the start of a record's line.
pub(crate) fn seq_of(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("{\"seq\":")?;
    let end = rest.find(',')?;
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_a_round_trip() {
        let call = Call {
            status: 504,
            duration_ms: 100.25,
            cold: true,
            queue_ms: 0.0,
            start_ms: 12.5,
            method: "POST".to_owned(),
            path: "/a\"b".to_owned(),
            route: None,
            tool: Some("enviar".to_owned()),
            token: Some(TokenId::generate()),
            protocol: Protocol::Mcp,
            bytes_in: Some(2),
            bytes_out: 31,
            hops: 0,
            error: Some("timeout".to_owned()),
            trace_id: None,
            trace: None,
        };
        let record = Record {
            seq: 7,
            time: "2026-11-29T10:30:01.123Z".parse().unwrap(),
            level: Level::Error,
            request_id: Some("x".to_owned()),
            deployment: Some(DeploymentId::generate()),
            content: Content::Call(Box::new(call.clone())),
        };
        let line = record.to_json();
        assert_eq!(seq_of(&line), Some(7));
        let read = Record::parse(&line).unwrap();
        assert_eq!(
            (read.seq, read.time, read.level),
            (7, record.time, Level::Error)
        );
        assert_eq!(read.request_id.as_deref(), Some("x"));
        assert_eq!(read.deployment, record.deployment);
        let Content::Call(read) = read.content else {
            panic!("{line}");
        };
        assert_eq!(*read, call);
    }
}
