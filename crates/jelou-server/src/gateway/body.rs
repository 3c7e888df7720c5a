use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use jelou_engine::WorkerBody;

use super::call_log::UnsentRecord;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Maximum bytes of each piece of a complete body.
const MAX_PIECE: usize = 64 * 1024;

/// The body of every response of this server.
#[derive(Debug)]
pub(crate) enum GatewayBody {
    Full(Option<Bytes>),
    Worker(Box<Recorded>),
    Api(axum::body::Body),
}

/// Number of body bytes that were passed on.
pub(super) type Sent = u64;

/// A streamed body. When it ends, its call is recorded.
#[derive(Debug)]
pub(crate) struct Recorded {
    body: WorkerBody,
    sent: Sent,
    pub(super) record: Option<UnsentRecord>,
}

impl Recorded {
    pub(super) fn new(body: WorkerBody) -> Self {
        Self {
            body,
            sent: 0,
            record: None,
        }
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            record.send(self.sent);
        }
    }
}

impl GatewayBody {
    pub(crate) fn empty() -> Self {
        Self::Full(None)
    }

    pub(crate) fn full(bytes: Bytes) -> Self {
        Self::Full(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

/// Takes the first bytes of a body. hyper copies a piece into its buffer and then drops it. A large body is therefore
/// cut into pieces, so that its memory stays accounted for until the caller has read most of it.
fn next_piece(bytes: &mut Option<Bytes>) -> Option<Bytes> {
    match bytes {
        Some(rest) if rest.len() > MAX_PIECE => Some(rest.split_to(MAX_PIECE)),
        rest => rest.take(),
    }
}

impl Body for GatewayBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Full(bytes) => Poll::Ready(next_piece(bytes).map(|bytes| Ok(Frame::data(bytes)))),
            Self::Worker(body) => {
                let frame = Pin::new(&mut body.body).poll_frame(context);
                if let Poll::Ready(Some(Ok(frame))) = &frame
                    && let Some(data) = frame.data_ref()
                {
                    body.sent += data.len() as u64;
                }
                frame.map(|frame| frame.map(|frame| frame.map_err(BoxError::from)))
            }
            Self::Api(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(BoxError::from))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_none(),
            Self::Worker(body) => body.body.is_end_stream(),
            Self::Api(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Worker(body) => body.body.size_hint(),
            Self::Api(body) => body.size_hint(),
        }
    }
}
