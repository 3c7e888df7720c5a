//! A response body that streams from a worker to the caller.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::admission::Permit;
use super::error::LeaseError;
use super::lease::Lease;
use crate::transport::{BodyMemory, Connection, HeldCall};

#[derive(Debug)]
pub struct WorkerBody(Source);

#[derive(Debug)]
enum Source {
    Whole(Option<Bytes>),
    Stream(Stream),
    /// The connection has switched to another protocol. The lease lasts until this value is dropped.
    Upgraded(Box<Lease>),
}

/// A streamed body. A separate task cuts the stream when it is idle, because the server does not poll the body while
/// the caller does not read.
#[derive(Debug)]
struct Stream {
    state: Arc<Mutex<State>>,
    idle_timeout: Duration,
    watch: AbortHandle,
}

struct State {
    /// `None` after the stream was cut.
    open: Option<Box<Open>>,
    last_frame: Instant,
    reader: Option<Waker>,
    on_failure: Option<OnFailure>,
}

type OnFailure = Box<dyn FnOnce(&StreamError) + Send>;

#[derive(Debug)]
pub(super) struct Open {
    pub(super) body: Incoming,
    /// The connection to the worker. It is reused when the body is complete.
    pub(super) connection: Option<Connection>,
    /// The held call, if the worker has announced this response on the call channel.
    pub(super) held: Option<HeldCall>,
    pub(super) lease: Lease,
}

#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    #[error("the stream was cut: no byte went through for {} ms (limits.stream_idle_timeout_ms, a server setting)", .0.as_millis())]
    Idle(Duration),
    #[error("the stream broke off, because the function's process ended or closed it: {0}")]
    Worker(#[from] hyper::Error),
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

impl WorkerBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self(Source::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }

    pub(super) fn upgraded(lease: Lease) -> Self {
        Self(Source::Upgraded(Box::new(lease)))
    }

    pub(super) fn stream(open: Open, idle_timeout: Duration) -> Self {
        let state = Arc::new(Mutex::new(State {
            open: Some(Box::new(open)),
            last_frame: Instant::now(),
            reader: None,
            on_failure: None,
        }));
        let watch = tokio::spawn(cut_when_idle(Arc::downgrade(&state), idle_timeout));
        Self(Source::Stream(Stream {
            state,
            idle_timeout,
            watch: watch.abort_handle(),
        }))
    }

    /// Waits for the memory of a WebSocket message to the function, after the connection has switched protocols.
    ///
    /// # Errors
    /// [`LeaseError`] when the wait is too long, or the slot is retired.
    pub async fn admit(&self, memory: BodyMemory) -> Result<Option<Permit>, LeaseError> {
        match &self.0 {
            Source::Upgraded(lease) => lease.admit(memory).await,
            Source::Whole(_) | Source::Stream(_) => Ok(None),
        }
    }

    /// Returns the body, if it is completely buffered.
    ///
    /// # Errors
    /// Returns the body itself when it is a stream.
    pub fn into_whole(self) -> Result<Bytes, Self> {
        match self.0 {
            Source::Whole(bytes) => Ok(bytes.unwrap_or_default()),
            other => Err(Self(other)),
        }
    }

    /// Calls `report` once if the stream ends too early.
    pub fn on_failure(self, report: impl FnOnce(&StreamError) + Send + 'static) -> Self {
        if let Source::Stream(stream) = &self.0 {
            lock(&stream.state).on_failure = Some(Box::new(report));
        }
        self
    }
}

impl Body for WorkerBody {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        match &mut self.0 {
            Source::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Source::Stream(stream) => stream.poll_frame(context),
            Source::Upgraded(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Whole(bytes) => bytes.is_none(),
            Source::Stream(stream) => {
                let state = lock(&stream.state);
                state
                    .open
                    .as_ref()
                    .is_some_and(|open| open.body.is_end_stream())
            }
            Source::Upgraded(_) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Source::Stream(stream) => {
                let state = lock(&stream.state);
                let open = state.open.as_ref();
                open.map_or_else(SizeHint::default, |open| open.body.size_hint())
            }
            Source::Upgraded(_) => SizeHint::with_exact(0),
        }
    }
}

impl Stream {
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let mut state = lock(&self.state);
        let Some(open) = &mut state.open else {
            return Poll::Ready(Some(Err(StreamError::Idle(self.idle_timeout))));
        };
        let Poll::Ready(frame) = open.poll_frame(context) else {
            state.reader = Some(context.waker().clone());
            return Poll::Pending;
        };
        state.last_frame = Instant::now();
        let frame = frame.map(|frame| frame.map_err(StreamError::from));
        if let Some(Err(error)) = &frame
            && let Some(report) = state.on_failure.take()
        {
            drop(state);
            report(error);
        }
        Poll::Ready(frame)
    }
}

impl Open {
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        // A poll for a frame may let the connection read more. So both are polled twice before this future waits.
        for _ in 0..2 {
            if let Some(connection) = &mut self.connection
                && connection.drive(context).is_ready()
            {
                // The worker closed the connection. The body can still deliver data that the worker sent before.
                self.connection = None;
            }
            if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
                if frame.is_none() {
                    self.end();
                }
                return Poll::Ready(frame);
            }
        }
        Poll::Pending
    }

    /// Tells the worker that a held response was read completely, and returns the connection for reuse. Called after
    /// the end of the body.
    fn end(&mut self) {
        if let Some(call) = self.held.take() {
            call.done();
        }
        if let Some(connection) = self.connection.take() {
            self.lease.give_back(connection);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // hyper stops polling after `Content-Length` bytes, so often the end of the body was not polled.
        if self.body.is_end_stream() {
            self.end();
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// Cuts the stream when no frame has passed for `idle_timeout`, because the function sent none or the caller read none.
/// This releases the process and the permit, even if the connection of the caller stays open.
async fn cut_when_idle(state: Weak<Mutex<State>>, idle_timeout: Duration) {
    while let Some(end) = state
        .upgrade()
        .and_then(|state| idle_end(&state, idle_timeout))
    {
        tokio::time::sleep_until(end).await;
    }
}

/// Returns the deadline of the stream: the time at which it is cut unless another frame passes. If the deadline has
/// passed, cuts the stream and returns `None`.
fn idle_end(state: &Mutex<State>, idle_timeout: Duration) -> Option<Instant> {
    let mut state = lock(state);
    let end = state.last_frame.checked_add(idle_timeout)?;
    if end > Instant::now() {
        return Some(end);
    }
    let cut = state.open.take();
    let (reader, report) = (state.reader.take(), state.on_failure.take());
    drop(state);
    drop(cut);
    if let Some(report) = report {
        report(&StreamError::Idle(idle_timeout));
    }
    if let Some(reader) = reader {
        reader.wake();
    }
    None
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
