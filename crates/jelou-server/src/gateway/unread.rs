//! A request body that may stay unread. An HTTP/1.1 connection can be reused only after the whole body was read (RFC
//! 9112, section 9.3), so an unread body is drained here, or the response has `Connection: close`.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Version};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

/// Bytes to drain in order to reuse a connection. A larger body costs more than a new connection.
const MAX_DROPPED: u64 = 64 * 1024;
/// How long the response waits for the drain.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Unread {
    body: Option<Incoming>,
    rest: Rest,
}

/// How the rest of an unread body is handled.
#[derive(Debug, Default, Clone, Copy)]
enum Rest {
    /// The caller sends it in any case.
    #[default]
    Comes,
    /// The caller waits for `100 Continue` (RFC 9110, section 10.1.1).
    Waits,
    /// It has an HTTP/2 stream of its own, which can be reset alone.
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

    /// The announced length, at least.
    pub(crate) fn announced(&self) -> u64 {
        self.body
            .as_ref()
            .map_or(0, |body| body.size_hint().lower())
    }

    /// Drains what has arrived. Returns whether that was the whole body, so that nothing is left to settle.
    pub(crate) fn drain_arrived(&mut self) -> bool {
        let Some(body) = &mut self.body else {
            return true;
        };
        // To poll the body would send `100 Continue`.
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

    /// Takes the body out. `None` if there is none, or it was taken before.
    pub(crate) fn take(&mut self) -> Option<Incoming> {
        self.body.take()
    }

    /// Drains the body, or announces in the response's headers that the connection closes.
    pub(crate) async fn settle(self, headers: &mut HeaderMap) {
        let announced = self.announced();
        let Some(mut body) = self.body else {
            return;
        };
        match self.rest {
            // Clients that are still sending lose the answer when their stream is reset.
            Rest::Apart => jelou_engine::discard(body),
            Rest::Waits => close(headers),
            Rest::Comes => {
                if announced > MAX_DROPPED || !is_dropped_whole(&mut body).await {
                    close(headers);
                    // A caller that sends all before it reads would lose the response to a reset.
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
