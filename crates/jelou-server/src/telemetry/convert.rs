//! Converts the records of a function into spans and log records. Secrets are already masked in these records.

use jelou_core::{DeploymentId, Level, TokenId};
use jelou_logs::{Call, Content, Line, Record};
use uuid::Uuid;

use super::otlp::{
    Attribute, INTERNAL, LogRecord, SERVER, Span, Status, Value, flag, number, text,
};

/// Returns the spans of a call: the call itself, its wait in the queue, its wait for a process, and its handler. Empty
/// if the call is not traced.
pub(super) fn spans(record: &Record, call: &Call) -> Vec<Span> {
    let Some(trace) = call.trace else {
        return Vec::new();
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a call lasts less than 2^52 µs"
    )]
    let micros = |ms: f64| (ms * 1000.0) as u64;
    let end_us = u64::try_from(record.time.as_microsecond()).unwrap_or_default();
    let duration_us = micros(call.duration_ms);
    let start_us = end_us.saturating_sub(duration_us);
    let span = |id: u64, parent: Option<u64>, name: String, kind: u8, from: u64, to: u64| Span {
        trace_id: format!("{:032x}", trace.trace),
        id: format!("{id:016x}"),
        parent_span_id: parent.map(|parent| format!("{parent:016x}")),
        name,
        kind,
        start_time_unix_nano: nanos(from),
        end_time_unix_nano: nanos(to.max(from)),
        attributes: Vec::new(),
        status: Status::default(),
    };
    let place = call.route.as_deref().unwrap_or(&call.path);
    let name = format!("{} {place}", call.method);
    let mut whole = span(trace.span, trace.parent, name, SERVER, start_us, end_us);
    whole.attributes = call_attributes(record, call);
    if call.status >= 500 {
        whole.status = Status::error(call.error.clone());
    }
    let mut spans = vec![whole];
    let Some(leased_us) = trace.leased_us else {
        return spans;
    };
    let (queue_us, wait_us) = (micros(call.queue_ms), micros(call.start_ms));
    let leased = start_us + leased_us;
    let began = leased.saturating_sub(wait_us);
    let entered = began.saturating_sub(queue_us);
    // The ids of the child spans differ from the call's id, and from each other, in the last bits.
    let mut part = |number: u64, name: &str, from: u64, to: u64| {
        let id = (trace.span ^ number).max(1);
        spans.push(span(
            id,
            Some(trace.span),
            name.to_owned(),
            INTERNAL,
            from,
            to,
        ));
    };
    if queue_us > 0 {
        part(1, "queue", entered, began);
    }
    if wait_us > 0 {
        part(2, "start", began, leased);
    }
    part(
        3,
        "handler",
        leased,
        start_us + trace.head_us.max(leased_us),
    );
    spans
}

fn call_attributes(record: &Record, call: &Call) -> Vec<Attribute> {
    let mut attributes = vec![
        text("http.request.method", &*call.method),
        text("url.path", &*call.path),
        number("http.response.status_code", u64::from(call.status)),
        number("http.response.body.size", call.bytes_out),
        flag("faas.coldstart", call.cold),
        text("jelou.protocol", call.protocol.as_str()),
        number("jelou.seq", record.seq),
    ];
    attributes.extend(request_attributes(record));
    let texts = [
        ("http.route", call.route.as_deref()),
        ("jelou.tool", call.tool.as_deref()),
        ("jelou.token.id", call.token.as_ref().map(TokenId::as_str)),
        ("error.type", call.error.as_deref()),
    ];
    attributes.extend(
        texts
            .into_iter()
            .filter_map(|(key, value)| Some(text(key, value?))),
    );
    attributes.extend(
        call.bytes_in
            .map(|bytes| number("http.request.body.size", bytes)),
    );
    attributes
}

fn request_attributes(record: &Record) -> impl Iterator<Item = Attribute> {
    let request = record.request_id.as_deref();
    let deployment = record.deployment.as_ref().map(DeploymentId::as_str);
    [
        ("jelou.request.id", request),
        ("jelou.deployment.id", deployment),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some(text(key, value?)))
}

/// Converts a line or an event. `trace` returns the trace of a request.
pub(super) fn log_record(record: &Record, trace: impl Fn(Uuid) -> u128) -> Option<LogRecord> {
    let (body, event) = match &record.content {
        Content::Line(line) => (words(line), None),
        Content::Event(event) => (event.message.clone(), Some(&*event.event)),
        Content::Call(_) => return None,
    };
    let mut attributes = vec![number("jelou.seq", record.seq)];
    attributes.extend(request_attributes(record));
    attributes.extend(event.map(|name| text("event.name", name)));
    let id = record.request_id.as_deref();
    let request = id.and_then(|id| Uuid::try_parse(id).ok());
    let time = nanos(u64::try_from(record.time.as_microsecond()).unwrap_or_default());
    Some(LogRecord {
        time_unix_nano: time.clone(),
        observed_time_unix_nano: time,
        severity_number: severity(record.level),
        severity_text: record.level.as_str(),
        body: Value::Text(body),
        attributes,
        trace_id: request.map(|id| format!("{:032x}", trace(id))),
        span_id: request.map(|id| format!("{:016x}", id.as_u64_pair().1)),
    })
}

/// Joins the arguments of a line with spaces. Strings are unquoted; other values are JSON.
fn words(line: &Line) -> String {
    let Ok(args) = serde_json::from_str::<Vec<serde_json::Value>>(line.args.get()) else {
        return line.args.get().to_owned();
    };
    let words: Vec<_> = args
        .into_iter()
        .map(|arg| match arg {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        })
        .collect();
    words.join(" ")
}

/// Returns the severity number of the OpenTelemetry log data model.
fn severity(level: Level) -> u8 {
    match level {
        Level::Debug => 5,
        Level::Info => 9,
        Level::Warn => 13,
        Level::Error => 17,
    }
}

fn nanos(micros: u64) -> String {
    format!("{micros}000")
}
