//! A request's body until somebody reads it. A connection can carry its next request only when nothing of the last one
//! is left on it, so what nobody reads is dropped here, or the caller is told that the connection ends (RFC 9112,
//! section 9.3). Without either, a caller would send its next request into a connection that is gone.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Version};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

/// Bytes that are read to keep a connection; a larger body costs more than a new connection.
const MAX_DROPPED: u64 = 64 * 1024;
/// How long an answer waits for them.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Unread {
    body: Option<Incoming>,
    rest: Rest,
}

/// What becomes of a body that nobody has read.
#[derive(Debug, Default, Clone, Copy)]
enum Rest {
    /// It is on the connection, or will be.
    #[default]
    Comes,
    /// The caller waits to be asked for it (RFC 9110, section 10.1.1).
    Waits,
    /// It has a stream of its own, which can end alone.
    Apart,
}

impl Unread {
    pub(crate) fn of(request: Request<Incoming>) -> Request<Self> {
        let rest = if request.version() == Version::HTTP_2 {
            Rest::Apart
        } else if request.headers().contains_key(header::EXPECT) {
            Rest::Waits
        } else {
            Rest::Comes
        };
        request.map(|body| Self {
            body: Some(body).filter(|body| !body.is_end_stream()),
            rest,
        })
    }

    /// Bytes that the caller says it has.
    pub(crate) fn announced(&self) -> u64 {
        self.body
            .as_ref()
            .map_or(0, |body| body.size_hint().lower())
    }

    /// Drops what has arrived. Whether that was all, as it mostly is: then there is nothing to settle.
    pub(crate) fn is_drained(&mut self) -> bool {
        let Some(body) = &mut self.body else {
            return true;
        };
        // To poll the body of a caller that waits would ask for it.
        if !matches!(self.rest, Rest::Comes) {
            return false;
        }
        let mut context = Context::from_waker(Waker::noop());
        while !body.is_end_stream() {
            match Pin::new(&mut *body).poll_frame(&mut context) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(None) => return true,
                Poll::Ready(Some(Err(_))) | Poll::Pending => return false,
            }
        }
        true
    }

    /// Gives the body to the one who reads it. `None` when there is none, or it was given away before.
    pub(crate) fn take(&mut self) -> Option<Incoming> {
        self.body.take()
    }

    /// Called with the headers of the answer.
    pub(crate) async fn settle(self, headers: &mut HeaderMap) {
        let announced = self.announced();
        let Some(mut body) = self.body else {
            return;
        };
        match self.rest {
            Rest::Apart => {}
            Rest::Waits => close(headers),
            Rest::Comes => {
                if announced > MAX_DROPPED || !is_dropped_whole(&mut body).await {
                    close(headers);
                    // Whoever sends on before listening would lose the answer.
                    jelou_engine::discard(body);
                }
            }
        }
    }
}

/// Tells the caller that this answer is the connection's last.
pub(crate) fn close(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

async fn is_dropped_whole(body: &mut Incoming) -> bool {
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
