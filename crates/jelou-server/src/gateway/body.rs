use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use jelou_engine::WorkerBody;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Maximum bytes of a piece of a complete body.
const MAX_PIECE: usize = 64 * 1024;

/// The body of every response of this server.
#[derive(Debug)]
pub(crate) enum GatewayBody {
    Full(Option<Bytes>),
    Worker(Box<WorkerBody>),
    Api(axum::body::Body),
}

impl GatewayBody {
    pub(crate) fn empty() -> Self {
        Self::Full(None)
    }

    pub(crate) fn full(bytes: Bytes) -> Self {
        Self::Full(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

/// The first bytes of a body. hyper copies a piece into its buffer and then drops the piece, so a large body is cut: its
/// memory stays accounted for until the caller has read most of it.
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
            Self::Worker(body) => Pin::new(body.as_mut())
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(BoxError::from))),
            Self::Api(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(BoxError::from))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_none(),
            Self::Worker(body) => body.is_end_stream(),
            Self::Api(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Worker(body) => body.size_hint(),
            Self::Api(body) => body.size_hint(),
        }
    }
}
