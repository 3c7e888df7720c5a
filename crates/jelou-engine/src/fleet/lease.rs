//! A lease: the use of a worker by one request. It keeps the process alive until the response body is complete.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, Method, Request, Response, StatusCode, request};
use jelou_core::cold_future;
use uuid::Uuid;

use super::admission::{Permit, TooManyStreams};
use super::error::LeaseError;
use super::instance::RequestInWorker;
use super::processes::Start;
use super::response::{Open, WorkerBody};
use crate::transport::{
    Answered, BodyError, BodyMemory, CALL_HEADER, CallError, CallFacts, Connection, HeldCall,
    MAX_CALL_BODY, RequestBody,
};

/// The request header with which the engine fetches a held response ([`HeldCall`]). Its value is the request's id.
const HELD_HEADER: HeaderName = HeaderName::from_static("x-jelou-held");

#[derive(Debug)]
pub struct Lease {
    entered: RequestInWorker,
    start: Start,
    request_id: Uuid,
    stream_idle_timeout: Duration,
    permit: Permit,
    /// The permit for the memory of the request's body.
    _body: Option<Permit>,
}

#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error(transparent)]
    Streams(#[from] TooManyStreams),
    #[error("request body: {0}")]
    Body(BodyError),
    #[error("the facts of the call are not a valid header: {0}")]
    Facts(#[from] header::InvalidHeaderValue),
    #[error(
        "the head of the response is over the limit of {limit} bytes (limits.max_response_header_bytes, a server setting), or has more than 100 headers"
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
        entered: RequestInWorker,
        start: Start,
        permit: Permit,
        body: Option<Permit>,
        call: &CallFacts<'_>,
        stream_idle_timeout: Duration,
    ) -> Self {
        let request_id = entered.worker.usage.begin(call);
        Self {
            entered,
            start,
            request_id,
            stream_idle_timeout,
            permit,
            _body: body,
        }
    }

    /// Returns whether the request waited for the start of a process.
    pub fn is_cold(&self) -> bool {
        matches!(self.start, Start::Cold(_))
    }

    /// Returns how long the request has waited for a permit, and for the start of a process.
    pub fn waits(&self) -> (Duration, Duration) {
        let start = match self.start {
            Start::Warm => Duration::ZERO,
            Start::Cold(waited) => waited,
        };
        (self.permit.waited, start)
    }

    /// Sends the request and returns the response's head. The body may stream afterwards.
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
        // The worker reports the work of this request (`ctx.waitUntil`) on the call channel, so the channel must be
        // open.
        let opened = self.entered.worker.channels.ensure_open().await;
        opened.map_err(|error| self.failed(error))?;
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

    /// Converts the error. If the worker has ended, closes it, so that no other request uses it.
    fn failed(&self, error: CallError) -> SendError {
        if let CallError::Died(_) = &error {
            self.entered.worker.close_broken();
        }
        error.into()
    }

    pub(super) async fn admit(&self, memory: BodyMemory) -> Result<Option<Permit>, LeaseError> {
        self.permit.admission().body(memory).await
    }

    pub(super) fn give_back(&self, connection: Connection) {
        self.entered.worker.connections.give_back(connection);
    }

    async fn stream(
        mut self,
        mut request: Request<RequestBody>,
        held: Option<HeldCall>,
    ) -> Result<Response<WorkerBody>, SendError> {
        loop {
            let connection = self.entered.worker.connections.take().await;
            let mut connection = connection.map_err(|error| self.failed(error.into()))?;
            match connection.send(request).await {
                Ok(response) => {
                    // From here on, the request needs a stream permit, even if the response is short.
                    self.permit.become_stream()?;
                    let limit = self.entered.worker.connections.max_head_bytes();
                    check_head(response.headers(), limit)?;
                    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                        connection.detach();
                        return Ok(response.map(|_| WorkerBody::upgraded(self)));
                    }
                    let idle_timeout = self.stream_idle_timeout;
                    return Ok(response.map(|body| {
                        let open = Open {
                            body,
                            connection: Some(connection),
                            held,
                            lease: self,
                        };
                        WorkerBody::stream(open, idle_timeout)
                    }));
                }
                Err(mut error) => match error.take_message() {
                    // The worker closed the reused connection before any byte was sent. The loop tries another
                    // connection.
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

/// Returns whether a request can go over the call channel.
fn is_call(head: &request::Parts, body: Option<&Bytes>) -> bool {
    body.is_none_or(|body| body.len() <= MAX_CALL_BODY)
        && !head.headers.contains_key(header::UPGRADE)
}

/// Removes the `Content-Length` that a function set, because the gateway sets the real length. With two lengths, the
/// caller could read the next response on its connection as a part of this response. Only a response to HEAD, which has
/// no body, may keep the function's length (RFC 9110, section 8.6).
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
        self.entered.worker.usage.end(self.request_id);
    }
}

/// Checks the size of the header lines, including their line ends.
fn check_head(headers: &HeaderMap, limit: usize) -> Result<(), SendError> {
    let lines = headers.iter();
    let bytes: usize = lines
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len())
        .sum();
    if bytes > limit {
        return Err(SendError::HeadTooLarge { limit });
    }
    Ok(())
}

fn send_error(error: &hyper::Error, max_head_bytes: usize) -> SendError {
    let text = error.to_string();
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = source {
        match current.downcast_ref() {
            Some(BodyError::TooLarge { limit }) => {
                return SendError::Body(BodyError::TooLarge { limit: *limit });
            }
            Some(BodyError::TooDense) => return SendError::Body(BodyError::TooDense),
            _ => {}
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;
    use crate::transport::Connections;

    const LIMIT: usize = 8 * 1024;

    /// Returns a head with this number of bytes in its header lines, and a status line before them.
    fn head(bytes: usize, lines: usize) -> String {
        let fixed = "content-length: 2\r\n";
        let mut head = format!("HTTP/1.1 200 OK\r\n{fixed}");
        let mut left = bytes - fixed.len();
        for line in 0..lines {
            let name = format!("x-{line:02}: ");
            let length = left / (lines - line);
            let value = "v".repeat(length - name.len() - "\r\n".len());
            head.extend([name.as_str(), &value, "\r\n"]);
            left -= length;
        }
        head.push_str("\r\n{}");
        head
    }

    async fn answer(head: &str, cut: usize) -> Result<(), SendError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sock");
        let listener = UnixListener::bind(&path).unwrap();
        let connections = Connections::new(rustix::process::getpid(), &path, LIMIT);
        let mut connection = connections.take().await.unwrap();
        let (mut end, _) = listener.accept().await.unwrap();
        let worker = async {
            assert!(end.read(&mut [0; 1024]).await.unwrap() > 0);
            for piece in head.as_bytes().chunks(cut) {
                // Fails after the gateway has closed the connection.
                if end.write_all(piece).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let request = Request::new(RequestBody::empty());
        // Closes the connection at its end, which also ends a write that waits.
        let gateway = async move {
            match connection.send(request).await {
                Ok(response) => check_head(response.headers(), LIMIT),
                Err(error) => Err(send_error(&error.into_error(), LIMIT)),
            }
        };
        tokio::join!(gateway, worker).0
    }

    #[tokio::test]
    async fn the_limit_of_a_head_does_not_depend_on_reads() {
        for cut in [1, 100, 4096, 8192, usize::MAX] {
            for lines in [1, 90] {
                for (bytes, fits) in [
                    (LIMIT / 2, true),
                    (LIMIT, true),
                    (LIMIT + 1, false),
                    (LIMIT + 1000, false),
                    (LIMIT + 1100, false),
                    (LIMIT * 2, false),
                    (LIMIT * 8, false),
                ] {
                    let answered = answer(&head(bytes, lines), cut).await;
                    match answered {
                        Ok(()) => assert!(fits, "{bytes} bytes in pieces of {cut}"),
                        Err(SendError::HeadTooLarge { limit: LIMIT }) => {
                            assert!(!fits, "{bytes} bytes in pieces of {cut}");
                        }
                        Err(error) => panic!("{bytes} bytes in pieces of {cut}: {error}"),
                    }
                }
            }
        }
        // More headers than the parser has places for.
        let error = answer(&head(LIMIT / 2, 100), 100).await.unwrap_err();
        assert!(matches!(error, SendError::HeadTooLarge { .. }), "{error}");
    }
}
