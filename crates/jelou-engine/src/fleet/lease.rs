//! One request's hold on a worker: it keeps the process from being ended until the response body has gone through.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{Method, Request, Response, StatusCode, request};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use jelou_core::cold_future;
use tokio::time::Sleep;
use uuid::Uuid;

use super::instance::Entered;
use super::permits::Turn;
use crate::transport::{
    Answered, BodyError, CALL_HEADER, CallError, CallFacts, Connection, HeldCall, MAX_CALL_BODY,
    RequestBody,
};

/// Asks for a held answer; its value is the request's id.
const HELD_HEADER: HeaderName = HeaderName::from_static("x-jelou-held");

#[derive(Debug)]
pub struct Lease {
    entered: Entered,
    request_id: Uuid,
    stream_idle_timeout: Duration,
    _turn: Turn,
}

#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("request body: {0}")]
    Body(BodyError),
    #[error("the facts of the call are no header: {0}")]
    Facts(#[from] header::InvalidHeaderValue),
    #[error(
        "the head of the response is over the limit of {limit} bytes (limits.max_response_header_bytes), or has more than 100 headers"
    )]
    HeadTooLarge { limit: usize },
    #[error("the function's process ended or closed the connection: {0}")]
    Died(String),
}

impl From<CallError> for SendError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::HeadTooLarge { limit } => Self::HeadTooLarge { limit },
            CallError::Died(reason) => Self::Died(reason),
            CallError::Unreachable(error) => Self::Died(error.to_string()),
        }
    }
}

impl Lease {
    pub(super) fn new(
        entered: Entered,
        turn: Turn,
        call: &CallFacts<'_>,
        stream_idle_timeout: Duration,
    ) -> Self {
        let request_id = entered.in_flight.begin(call);
        Self {
            entered,
            request_id,
            stream_idle_timeout,
            _turn: turn,
        }
    }

    /// Sends the request and answers with the response's head; the body may stream after it.
    ///
    /// # Errors
    /// [`SendError`] when the request body fails, the response head is too large, or the process dies.
    pub async fn send(
        self,
        request: Request<RequestBody>,
        facts: &CallFacts<'_>,
    ) -> Result<Response<WorkerBody>, SendError> {
        let (mut head, body) = request.into_parts();
        let body = match body {
            RequestBody::Full(body) if is_call(&head, body.as_ref()) => {
                let body = body.unwrap_or_default();
                let answered = {
                    let call = pin!(self.entered.worker.channels.call(facts, &head, &body));
                    call.await
                };
                match answered.map_err(|error| self.failed(error))? {
                    Some(Answered::Whole(mut response)) => {
                        settle_length(&head.method, &mut response);
                        return Ok(response.map(WorkerBody::whole));
                    }
                    Some(Answered::Held(call)) => {
                        let request = self.ask_for_held(&head.method);
                        return cold_future(|| self.stream(request, Some(call))).await;
                    }
                    None => RequestBody::full(body),
                }
            }
            body => body,
        };
        head.headers.insert(CALL_HEADER, facts.header_value()?);
        let request = Request::from_parts(head, body);
        cold_future(|| self.stream(request, None)).await
    }

    fn ask_for_held(&self, method: &Method) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::empty());
        if *method == Method::HEAD {
            *request.method_mut() = Method::HEAD;
        }
        let headers = request.headers_mut();
        headers.insert(header::HOST, header::HeaderValue::from_static("worker"));
        if let Ok(id) = self.request_id.to_string().parse() {
            headers.insert(HELD_HEADER, id);
        }
        request
    }

    /// Nobody gets a worker any more that has ended.
    fn failed(&self, error: CallError) -> SendError {
        if let CallError::Died(_) = &error {
            self.entered.worker.close_broken();
        }
        error.into()
    }

    async fn stream(
        self,
        mut request: Request<RequestBody>,
        held: Option<HeldCall>,
    ) -> Result<Response<WorkerBody>, SendError> {
        loop {
            let connection = self.entered.worker.connections.take().await;
            let mut connection = connection.map_err(|error| self.failed(error.into()))?;
            match connection.send(request).await {
                Ok(response) => {
                    let connection = if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                        connection.detach();
                        None
                    } else {
                        Some(connection)
                    };
                    return Ok(response.map(|body| {
                        WorkerBody(Source::Stream(Box::new(Stream {
                            body,
                            stalled: None,
                            connection,
                            held,
                            lease: self,
                        })))
                    }));
                }
                Err(mut error) => match error.take_message() {
                    // A kept connection that the worker closed meanwhile: nothing was on the wire.
                    Some(unsent) => request = unsent,
                    None => {
                        let limit = self.entered.worker.connections.max_head_bytes();
                        return Err(send_error(&error.into_error(), limit));
                    }
                },
            }
        }
    }
}

/// Whether a request can go over the call channel.
fn is_call(head: &request::Parts, body: Option<&Bytes>) -> bool {
    body.is_none_or(|body| body.len() <= MAX_CALL_BODY)
        && !head.headers.contains_key(header::UPGRADE)
}

/// Takes out the length that a function says its answer has: the answer's own counts, and with two of them the next answer
/// on the caller's connection would be taken for a part of this one. Only to HEAD, which gets no body, the function may
/// say how long it would be (RFC 9110, section 8.6).
fn settle_length(method: &Method, response: &mut Response<Bytes>) {
    let mut said = response.headers().get_all(header::CONTENT_LENGTH).iter();
    let stays = match (said.next(), said.next()) {
        (None, _) => return,
        (Some(length), None) => {
            *method == Method::HEAD
                && response.body().is_empty()
                && response.status() != StatusCode::NO_CONTENT
                && is_length(length.as_bytes())
        }
        (Some(_), Some(_)) => false,
    };
    if !stays {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
}

fn is_length(text: &[u8]) -> bool {
    let digits = text.iter().all(u8::is_ascii_digit);
    digits && std::str::from_utf8(text).is_ok_and(|text| text.parse::<u64>().is_ok())
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.entered.in_flight.end(self.request_id);
    }
}

fn send_error(error: &hyper::Error, max_head_bytes: usize) -> SendError {
    let text = error.to_string();
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = source {
        if let Some(BodyError::TooLarge { limit }) = current.downcast_ref() {
            return SendError::Body(BodyError::TooLarge { limit: *limit });
        }
        source = current.source();
    }
    if error.is_parse_too_large() {
        return SendError::HeadTooLarge {
            limit: max_head_bytes,
        };
    }
    SendError::Died(text)
}

/// A response body on its way from a worker to the caller.
#[derive(Debug)]
pub struct WorkerBody(Source);

#[derive(Debug)]
enum Source {
    Whole(Option<Bytes>),
    Stream(Box<Stream>),
}

#[derive(Debug)]
struct Stream {
    body: Incoming,
    /// Runs while nothing comes.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Goes back to the pool when the body has ended well.
    connection: Option<Connection>,
    /// The call that this is the answer of, if it came over the channel.
    held: Option<HeldCall>,
    lease: Lease,
}

#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    #[error("no byte came for {} ms (limits.stream_idle_timeout_ms)", .0.as_millis())]
    Idle(Duration),
    #[error(transparent)]
    Worker(#[from] hyper::Error),
}

impl WorkerBody {
    fn whole(bytes: Bytes) -> Self {
        Self(Source::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }

    /// The body, if all of it is at hand.
    ///
    /// # Errors
    /// Returns the body itself when it is a stream.
    pub fn into_whole(self) -> Result<Bytes, Self> {
        match self.0 {
            Source::Whole(bytes) => Ok(bytes.unwrap_or_default()),
            stream @ Source::Stream(_) => Err(Self(stream)),
        }
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
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Whole(bytes) => bytes.is_none(),
            Source::Stream(stream) => stream.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Source::Stream(stream) => stream.body.size_hint(),
        }
    }
}

impl Stream {
    fn poll_frame(
        &mut self,
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
                    self.end();
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

    /// All of it has gone through.
    fn end(&mut self) {
        if let Some(call) = self.held.take() {
            call.done();
        }
        if let Some(connection) = self.connection.take() {
            self.lease.entered.worker.connections.give_back(connection);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // A server stops polling once the announced length has gone through, so the end is often not seen.
        if self.body.is_end_stream() {
            self.end();
        }
    }
}
