//! The response with records: its format, and its body, which is produced no faster than the client receives it.

use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http_body::Frame;
use jelou_logs::MAX_LAST_BYTES;
use jiff::{Timestamp, ToSpan};
use tokio::sync::mpsc;

/// Interval of keep-alive lines in a stream without records, so that a broken connection is noticed.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// One JSON object per line. The response ends with the last record.
    Lines,
    /// Server-sent events. The response continues with new records.
    Events,
}

impl Format {
    /// Appends a record. A client that has received the record resumes at `position`.
    pub(super) fn write(self, text: &mut String, position: impl std::fmt::Display, json: &str) {
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Lines => writeln!(text, "{json}"),
            Self::Events => write!(text, "id: {position}\ndata: {json}\n\n"),
        };
    }
}

/// Where the pieces of a response go.
pub(super) type Pieces = mpsc::Sender<io::Result<Bytes>>;

/// Returns a response whose body consists of the pieces that `produce` sends.
pub(super) fn respond<F>(format: Format, produce: impl FnOnce(Pieces) -> F) -> Response
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    // Capacity for one page, so that it is read while the client receives the previous page.
    let (sender, pieces) = mpsc::channel(1);
    let producing = produce(sender.clone());
    tokio::spawn(async move {
        if format == Format::Events && !send(&sender, ": records follow\n\n".to_owned()).await {
            return;
        }
        if let Err(error) = producing.await {
            tracing::warn!(%error, "cannot read the log of a function");
            // Aborts the response, so that the client does not consider it complete.
            let _ = sender.send(Err(error)).await;
        }
    });
    let mut response = Response::new(Body::new(Received(pieces)));
    let content_type = match format {
        Format::Lines => "application/x-ndjson",
        Format::Events => "text/event-stream",
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Sends a piece once the client has read the previous ones. Returns `false` if the client has disconnected.
pub(super) async fn send(pieces: &Pieces, text: String) -> bool {
    text.is_empty() || pieces.send(Ok(Bytes::from(text))).await.is_ok()
}

/// Returns the record that stands for records which the retention has removed, up to this one.
pub(super) fn removed(seq: u64, time: Timestamp) -> String {
    serde_json::json!({
        "seq": seq,
        "time": time,
        "level": "WARN",
        "kind": "event",
        "event": "log.removed",
        "message": format!(
            "records up to {time:.0} were removed (logs.max_age_hours, logs.max_mib, logs.max_calls_mib)"
        ),
    })
    .to_string()
}

/// Returns the record that stands for records before `time` which the answer leaves out.
pub(super) fn cut(seq: u64, time: Timestamp) -> String {
    // `until` is exclusive. The next millisecond includes records of the same millisecond as the first one here.
    let until = time.checked_add(1.millisecond()).unwrap_or(time);
    serde_json::json!({
        "seq": seq,
        "time": time,
        "level": "WARN",
        "kind": "event",
        "event": "log.cut",
        "message": format!(
            "earlier records are left out, because the last records of an answer have at most {} MiB; `--until {until:.3}` shows them",
            MAX_LAST_BYTES / (1024 * 1024)
        ),
    })
    .to_string()
}

/// A response body that consists of the received pieces.
struct Received(mpsc::Receiver<io::Result<Bytes>>);

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = self.0.poll_recv(context);
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
