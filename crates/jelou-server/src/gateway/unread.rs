//! A request body that may stay unread. An HTTP/1.1 connection can be reused only after the whole body was read (RFC
//! 9112, section 9.3), so an unread body is drained, or the response gets `Connection: close`.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Version};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

/// Maximum bytes that are drained to reuse a connection. Draining a larger body costs more than a new connection.
const MAX_DROPPED: u64 = 64 * 1024;
/// Maximum time that a response waits for the drain.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Unread {
    body: Option<Incoming>,
    rest: BodyFraming,
}

/// How the rest of an unread body is handled.
#[derive(Debug, Default, Clone, Copy)]
enum BodyFraming {
    /// The caller sends the body without waiting, so it can be drained.
    #[default]
    Sending,
    /// The caller sends no body before it gets `100 Continue` (RFC 9110, section 10.1.1).
    AwaitsContinue,
    /// The body has its own HTTP/2 stream. A reset of this stream does not affect other requests.
    Http2Stream,
}

impl Unread {
    pub(crate) fn of(request: Request<Incoming>) -> Request<Self> {
        let rest = if request.version() == Version::HTTP_2 {
            BodyFraming::Http2Stream
        } else if request.headers().contains_key(header::EXPECT) {
            BodyFraming::AwaitsContinue
        } else {
            BodyFraming::Sending
        };
        request.map(|body| Self {
            body: Some(body).filter(|body| !body.is_end_stream()),
            rest,
        })
    }

    /// Returns the announced length of the body, or its known minimum.
    pub(crate) fn announced(&self) -> u64 {
        self.body
            .as_ref()
            .map_or(0, |body| body.size_hint().lower())
    }

    /// Drains the received bytes. Returns whether they were the whole body, so that [`Unread::settle`] is not needed.
    pub(crate) fn drain_arrived(&mut self) -> bool {
        let Some(body) = &mut self.body else {
            return true;
        };
        // Polling the body would send `100 Continue`. A body over HTTP/2 need not be drained.
        if !matches!(self.rest, BodyFraming::Sending) {
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

    /// Takes the body. `None` if there is no body, or it was already taken.
    pub(crate) fn take(&mut self) -> Option<Incoming> {
        self.body.take()
    }

    /// Drains the body, or sets `Connection: close` in the response headers.
    pub(crate) async fn settle(self, headers: &mut HeaderMap) {
        let announced = self.announced();
        let Some(mut body) = self.body else {
            return;
        };
        match self.rest {
            // Discards instead of resetting: a client that is still sending would lose the response.
            BodyFraming::Http2Stream => jelou_engine::discard(body),
            BodyFraming::AwaitsContinue => close(headers),
            BodyFraming::Sending => {
                if announced > MAX_DROPPED || !is_dropped_whole(&mut body).await {
                    close(headers);
                    // Discards instead of resetting: a caller that sends the whole body before it reads would lose the
                    // response.
                    jelou_engine::discard(body);
                }
            }
        }
    }
}

/// Announces that the connection closes after this response.
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
