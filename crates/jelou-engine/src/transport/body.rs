//! The body of a request from the caller to a worker.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;

use super::body_memory::{BodyMemory, Contents};

/// Maximum bytes of a body on the call channel. A longer body is streamed over HTTP.
pub const MAX_CALL_BODY: usize = 128 * 1024;
/// Limits for reading and discarding an unwanted body: bytes and time.
const MAX_DISCARDED_BYTES: usize = 32 * 1024 * 1024;
const MAX_DISCARD_TIME: Duration = Duration::from_secs(5);
/// Maximum wait for the end of a body of unknown length, which may be short.
const GATHER_TIME: Duration = Duration::from_millis(50);

#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("request body is over the limit of {limit} bytes (limits.max_body_bytes)")]
    TooLarge { limit: u64 },
    #[error(
        "request body has so many JSON objects, arrays or form fields that it would take more memory than is allowed for its size"
    )]
    TooDense,
    #[error(transparent)]
    Hyper(#[from] hyper::Error),
}

/// A complete body, or a stream from the caller.
#[derive(Debug)]
pub enum RequestBody {
    Full(Option<Bytes>),
    Stream(LimitedStream),
}

/// A stream that fails when it exceeds its limit of bytes.
#[derive(Debug)]
pub struct LimitedStream {
    /// `None` after the end of the body.
    body: Option<Incoming>,
    /// The first bytes, if they were already received.
    begun: Bytes,
    left: u64,
    limit: u64,
    /// Counts the memory of the content, if [`RequestBody::within`] was called. Boxed to keep the stream small, because
    /// only long bodies have it.
    contents: Option<Box<Contents>>,
}

impl RequestBody {
    pub fn empty() -> Self {
        Self::Full(None)
    }

    pub fn full(bytes: Bytes) -> Self {
        Self::Full(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// Reads a short body completely, so that it can go over the call channel. A long body remains a stream, as does a
    /// body of unknown length that does not end within [`GATHER_TIME`].
    ///
    /// # Errors
    /// [`BodyError`] when the stream fails or exceeds its limit.
    pub async fn gather(self) -> Result<Self, BodyError> {
        let length = self.size_hint().exact();
        match self {
            Self::Stream(stream) if length.is_none() => stream.gather_some().await,
            Self::Stream(stream) if length.is_some_and(|length| length <= MAX_CALL_BODY as u64) => {
                let bytes = Self::Stream(stream).collect().await?.to_bytes();
                Ok(Self::full(bytes))
            }
            body => Ok(body),
        }
    }

    /// Limits the worker memory that the body's content may use.
    ///
    /// # Errors
    /// [`BodyError::TooDense`] when a complete body takes more memory. A stream fails later, while it is read.
    pub fn within(self, memory: BodyMemory) -> Result<Self, BodyError> {
        let mut contents = memory.contents();
        match self {
            Self::Full(Some(bytes)) => {
                contents.count(&bytes)?;
                Ok(Self::Full(Some(bytes)))
            }
            Self::Full(None) => Ok(Self::Full(None)),
            Self::Stream(mut stream) => {
                stream.contents = Some(Box::new(contents));
                Ok(Self::Stream(stream))
            }
        }
    }

    pub fn limited(body: Incoming, limit: u64) -> Self {
        Self::Stream(LimitedStream {
            body: Some(body),
            begun: Bytes::new(),
            left: limit,
            limit,
            contents: None,
        })
    }
}

impl LimitedStream {
    /// Reads a body until its end, but at most [`MAX_CALL_BODY`] bytes, and for at most [`GATHER_TIME`].
    async fn gather_some(mut self) -> Result<RequestBody, BodyError> {
        let mut gathered = BytesMut::new();
        let gathering = async {
            while gathered.len() < MAX_CALL_BODY {
                match poll_fn(|context| self.poll_frame(context)).await {
                    Some(frame) => {
                        if let Ok(data) = frame?.into_data() {
                            gathered.extend_from_slice(&data);
                        }
                    }
                    None => break,
                }
            }
            Ok::<_, BodyError>(())
        };
        // After the timeout, the stream starts with the gathered bytes.
        if let Ok(read) = tokio::time::timeout(GATHER_TIME, gathering).await {
            read?;
        }
        let gathered = gathered.freeze();
        if self.body.is_none() {
            return Ok(RequestBody::full(gathered));
        }
        self.begun = gathered;
        Ok(RequestBody::Stream(self))
    }

    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if !self.begun.is_empty() {
            let bytes = std::mem::take(&mut self.begun);
            let counted = self.count(&bytes);
            return Poll::Ready(Some(counted.map(|()| Frame::data(bytes))));
        }
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
            if let Err(error) = self.count(data) {
                return Poll::Ready(Some(Err(error)));
            }
        }
        Poll::Ready(Some(frame.map_err(BodyError::from)))
    }
}

impl LimitedStream {
    fn count(&mut self, data: &[u8]) -> Result<(), BodyError> {
        match &mut self.contents {
            Some(contents) => contents.count(data),
            None => Ok(()),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.as_ref();
        if !self.begun.is_empty() {
            // Only a body of unknown length has gathered bytes.
            return SizeHint::default();
        }
        body.map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for LimitedStream {
    fn drop(&mut self) {
        // The function responded before it read the whole body, or no function got the request.
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
            Self::Stream(stream) => {
                stream.begun.is_empty() && stream.body.as_ref().is_none_or(Incoming::is_end_stream)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Stream(stream) => stream.size_hint(),
        }
    }
}

/// Reads and discards the rest of a body whose request is already answered. Closing a connection with unread bytes
/// would reset it, and a caller that still sends would lose the response (RFC 9112, section 9.6).
pub fn discard(mut body: Incoming) {
    if body.is_end_stream() {
        return;
    }
    // There is no runtime while the server shuts down.
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
        // If the sender is slower, the connection is closed, and the sender may not receive the response.
        let _ = tokio::time::timeout(MAX_DISCARD_TIME, rest).await;
    });
}
