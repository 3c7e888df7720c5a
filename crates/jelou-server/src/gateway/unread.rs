//! A request's body until somebody reads it. A connection can carry its next request only when nothing of the last one
//! is left on it, so what nobody reads is dropped here, or the caller is told that the connection ends (RFC 9112,
//! section 9.3). Without either, a caller would send its next request into a connection that is gone.

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

/// Bytes that are read to keep a connection; a larger body costs more than a new connection.
const MAX_DROPPED: u64 = 64 * 1024;
/// How long an answer waits for them.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Unread(Option<Incoming>);

impl Unread {
    pub(crate) fn new(body: Incoming) -> Self {
        Self(Some(body).filter(|body| !body.is_end_stream()))
    }

    /// Bytes that the caller says it has.
    pub(crate) fn announced(&self) -> u64 {
        self.0.as_ref().map_or(0, |body| body.size_hint().lower())
    }

    /// Gives the body to the one who reads it. `None` when there is none, or it was given away before.
    pub(crate) fn take(&mut self) -> Option<Incoming> {
        self.0.take()
    }

    /// Called with the headers of the answer.
    pub(crate) async fn settle(self, headers: &mut HeaderMap) {
        let announced = self.announced();
        let Some(body) = self.0 else { return };
        if announced > MAX_DROPPED || !is_dropped_whole(body).await {
            close(headers);
        }
    }
}

/// Tells the caller that this answer is the connection's last.
pub(crate) fn close(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

async fn is_dropped_whole(body: Incoming) -> bool {
    let limit = usize::try_from(MAX_DROPPED).unwrap_or(usize::MAX);
    let mut body = Limited::new(body, limit);
    let dropped = async {
        while let Some(frame) = body.frame().await {
            if frame.is_err() {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(PATIENCE, dropped)
        .await
        .unwrap_or(false)
}
