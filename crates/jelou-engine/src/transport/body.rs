//! The body of a request on its way to a worker.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;

/// Bytes of a body that goes over the call channel; a longer one is streamed over HTTP.
pub const MAX_CALL_BODY: usize = 128 * 1024;
/// How much of a body that nobody wants is read, and for how long.
const MAX_DISCARDED_BYTES: usize = 32 * 1024 * 1024;
const MAX_DISCARD_TIME: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("request body is over the limit of {limit} bytes (limits.max_body_bytes)")]
    TooLarge { limit: u64 },
    #[error(transparent)]
    Hyper(#[from] hyper::Error),
}

/// A body that is streamed from the caller, or one that is at hand.
#[derive(Debug)]
pub enum RequestBody {
    Full(Option<Bytes>),
    Stream(LimitedStream),
}

/// Fails as soon as more bytes have come than the limit allows.
#[derive(Debug)]
pub struct LimitedStream {
    /// Absent at its end.
    body: Option<Incoming>,
    left: u64,
    limit: u64,
}

impl RequestBody {
    pub fn empty() -> Self {
        Self::Full(None)
    }

    pub fn full(bytes: Bytes) -> Self {
        Self::Full(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// Takes a short body whole, so that it can go over the call channel; a long one, and one of unknown length, stays a
    /// stream.
    ///
    /// # Errors
    /// [`BodyError`] when the stream fails or is over its limit.
    pub async fn gather(self) -> Result<Self, BodyError> {
        let length = self.size_hint().exact();
        match self {
            Self::Stream(stream) if length.is_some_and(|length| length <= MAX_CALL_BODY as u64) => {
                let bytes = Self::Stream(stream).collect().await?.to_bytes();
                Ok(Self::full(bytes))
            }
            body => Ok(body),
        }
    }

    pub fn limited(body: Incoming, limit: u64) -> Self {
        Self::Stream(LimitedStream {
            body: Some(body),
            left: limit,
            limit,
        })
    }
}

impl LimitedStream {
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let Some(frame) = std::task::ready!(Pin::new(body).poll_frame(context)) else {
            self.body = None;
            return Poll::Ready(None);
        };
        if let Ok(frame) = &frame
            && let Some(data) = frame.data_ref()
        {
            let Some(rest) = self.left.checked_sub(data.len() as u64) else {
                let limit = self.limit;
                return Poll::Ready(Some(Err(BodyError::TooLarge { limit })));
            };
            self.left = rest;
        }
        Poll::Ready(Some(frame.map_err(BodyError::from)))
    }
}

impl Drop for LimitedStream {
    fn drop(&mut self) {
        // The function has answered before it had read everything, or could not be asked.
        if let Some(body) = self.body.take() {
            discard(body);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(stream) => stream.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_none(),
            Self::Stream(stream) => stream.body.as_ref().is_none_or(Incoming::is_end_stream),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Stream(stream) => stream
                .body
                .as_ref()
                .map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint),
        }
    }
}

/// Reads and forgets the rest of a body whose request is answered already. A connection that is closed on bytes that
/// nobody has read is reset, and a caller who is still sending loses the answer (RFC 9112, section 9.6).
pub fn discard(mut body: Incoming) {
    if body.is_end_stream() {
        return;
    }
    // None while the server goes down.
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    runtime.spawn(async move {
        let mut left = MAX_DISCARDED_BYTES;
        let rest = async {
            while let Some(Ok(frame)) = body.frame().await {
                let length = frame.data_ref().map_or(0, Bytes::len);
                match left.checked_sub(length) {
                    Some(rest) => left = rest,
                    None => return,
                }
            }
        };
        // Whoever sends slower than that waits for no answer.
        let _ = tokio::time::timeout(MAX_DISCARD_TIME, rest).await;
    });
}
