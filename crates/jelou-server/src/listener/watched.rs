//! A connection's stream that watches what hyper cannot limit: the time since the first bytes of a head, a caller that
//! does not read, and a caller that has closed its sending direction.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// The state of a connection, shared with its timer and its service.
#[derive(Debug)]
pub(super) struct Progress {
    start: Instant,
    /// When the first bytes of the current head arrived, in milliseconds after `start`. 0: not yet.
    head_began: AtomicU64,
    /// Whether a request is being answered.
    is_answering: AtomicBool,
    head_timeout: Duration,
}

impl Progress {
    pub(super) fn new(head_timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            head_began: AtomicU64::new(0),
            is_answering: AtomicBool::new(false),
            head_timeout,
        })
    }

    /// Records that hyper waits for the next request.
    pub(super) fn awaits_head(&self) {
        self.head_began.store(0, Ordering::Relaxed);
        self.is_answering.store(false, Ordering::Relaxed);
    }

    /// Records that the head is complete and the request is being answered.
    pub(super) fn answers(&self) {
        self.is_answering.store(true, Ordering::Relaxed);
    }

    pub(super) fn received(&self) {
        if self.is_answering.load(Ordering::Relaxed) || self.head_began.load(Ordering::Relaxed) > 0
        {
            return;
        }
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.head_began.store(now.max(1), Ordering::Relaxed);
    }

    /// Returns when the current head must be complete. `None` if no head has begun.
    pub(super) fn head_deadline(&self) -> Option<Instant> {
        let began = self.head_began.load(Ordering::Relaxed);
        (began > 0).then(|| self.start + Duration::from_millis(began) + self.head_timeout)
    }
}

/// The time limits of a [`Watched`] stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Maximum time in which the caller reads none of the bytes that wait for it.
    pub(super) write: Duration,
    /// How long a request continues after its caller has closed its sending direction.
    pub(super) half_closed: Duration,
}

#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    /// `None` for HTTP/2, which hyper can limit itself.
    progress: Option<Arc<Progress>>,
    patience: Patience,
    /// Timer that runs while a write makes no progress.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Timer that runs since the caller closed its sending direction during a request.
    closing: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, progress: Option<Arc<Progress>>, patience: Patience) -> Self {
        Self {
            stream,
            progress,
            patience,
            stalled: None,
            closing: None,
        }
    }

    /// Returns an error if writes have made no progress for too long.
    fn check_write<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.patience.write;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        std::task::ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!(
                "the caller has not read for {} ms (connections.write_timeout_ms, a server setting)",
                limit.as_millis()
            ),
        )))
    }

    /// Whether to hide the end of the caller's bytes from hyper, because a request is being answered. A caller that has
    /// only closed its sending direction (half-close) looks like one that has disconnected.
    fn waits_at_end(&mut self, context: &mut Context<'_>) -> bool {
        let is_answering = |progress: &Arc<Progress>| progress.is_answering.load(Ordering::Relaxed);
        if !self.progress.as_ref().is_some_and(is_answering) {
            return false;
        }
        let limit = self.patience.half_closed;
        let closing = self
            .closing
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        closing.as_mut().poll(context).is_pending()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            if let Some(progress) = &self.progress {
                progress.received();
            }
        } else if buffer.remaining() > 0 && self.waits_at_end(context) {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check_write(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.check_write(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.check_write(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut_down = Pin::new(&mut self.stream).poll_shutdown(context);
        self.check_write(context, shut_down)
    }
}
