//! One request's hold on a worker: it keeps the process from being ended until the response body has gone through.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

use super::connection::Connection;
use super::in_flight::InFlightRequest;
use super::process::Worker;
use crate::RequestBody;

#[derive(Debug)]
pub struct Lease {
    worker: Arc<Worker>,
    request_id: String,
    stream_idle_timeout: Duration,
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("request body: {0}")]
    Body(crate::BodyError),
    #[error("the head of the response is over the limit (limits.max_response_header_bytes)")]
    HeadTooLarge,
    #[error("the function's process ended or closed the connection: {0}")]
    Died(String),
}

impl Lease {
    /// `worker` has already counted this lease in.
    pub(crate) fn new(
        worker: Arc<Worker>,
        permit: OwnedSemaphorePermit,
        request: InFlightRequest,
        stream_idle_timeout: Duration,
    ) -> Self {
        let request_id = worker.in_flight.begin(request);
        Self {
            worker,
            request_id,
            stream_idle_timeout,
            _permit: permit,
        }
    }

    /// Sends the request and answers with the response's head; the body streams after it.
    pub async fn send(
        self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<WorkerBody>, SendError> {
        let died = |error: std::io::Error| SendError::Died(error.to_string());
        loop {
            let mut connection = self.worker.connections.take().await.map_err(died)?;
            match connection.send(request).await {
                Ok(response) => {
                    let connection = if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                        connection.detach();
                        None
                    } else {
                        Some(connection)
                    };
                    return Ok(response.map(|body| WorkerBody {
                        body,
                        stalled: None,
                        connection,
                        lease: self,
                    }));
                }
                Err(mut error) => match error.take_message() {
                    // A kept connection that the worker closed meanwhile: nothing was on the wire.
                    Some(unsent) => request = unsent,
                    None => return Err(send_error(&error.into_error())),
                },
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.worker.in_flight.end(&self.request_id);
        self.worker.release();
    }
}

fn send_error(error: &hyper::Error) -> SendError {
    let text = error.to_string();
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = source {
        if let Some(crate::BodyError::TooLarge { limit }) = current.downcast_ref() {
            return SendError::Body(crate::BodyError::TooLarge { limit: *limit });
        }
        source = current.source();
    }
    if error.is_parse_too_large() {
        return SendError::HeadTooLarge;
    }
    SendError::Died(text)
}

/// A response body on its way from a worker to the caller.
#[derive(Debug)]
pub struct WorkerBody {
    body: Incoming,
    /// Runs while nothing comes.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Goes back to the pool when the body has ended well.
    connection: Option<Connection>,
    lease: Lease,
}

#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    #[error("no byte came for {} ms (limits.stream_idle_timeout_ms)", .0.as_millis())]
    Idle(Duration),
    #[error(transparent)]
    Worker(#[from] hyper::Error),
}

impl Body for WorkerBody {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        // Asking for a frame may let the connection read on, so both are asked once more before waiting.
        for _ in 0..2 {
            if let Some(connection) = &mut self.connection
                && connection.drive(context).is_ready()
            {
                // Closed by the worker; what it had sent is still to be read.
                self.connection = None;
            }
            if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
                self.stalled = None;
                if frame.is_none() {
                    self.give_back();
                }
                return Poll::Ready(frame.map(|frame| frame.map_err(StreamError::from)));
            }
        }
        let timeout = self.lease.stream_idle_timeout;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        std::task::ready!(stalled.as_mut().poll(context));
        Poll::Ready(Some(Err(StreamError::Idle(timeout))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl WorkerBody {
    fn give_back(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.lease.worker.connections.give_back(connection);
        }
    }
}

impl Drop for WorkerBody {
    fn drop(&mut self) {
        // A server stops polling once the announced length has gone through, so the end is often not seen.
        if self.body.is_end_stream() {
            self.give_back();
        }
    }
}
