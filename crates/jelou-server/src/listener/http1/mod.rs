//! HTTP/1.1 where a request comes whole and its answer is at hand, which is most of the time. Such a request is read
//! with one look at the connection, and answered with one write.
//!
//! Everything else is hyper's: streams, upgrades, odd heads, slow senders. It gets the connection as if nothing had
//! been read from it, and keeps it.

mod head;
mod input;
#[cfg(test)]
mod properties;
mod rewound;
mod stop;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{Method, Request, Response, response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jelou_core::seldom;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use super::connection::{self, ConnectionResult, HEAD_TIMEOUT, MAX_HEAD_BYTES};
use super::{MAX_HEADERS, Routing};
use crate::gateway::{CallerBody, GatewayBody};
use head::{Parsed, Whole};
use input::Input;
use rewound::Rewound;
use stop::Stop;

/// Bytes of a request, head and body, that are waited for; a longer one is streamed.
const MAX_REQUEST_BYTES: usize = MAX_HEAD_BYTES + jelou_engine::MAX_CALL_BODY;
/// How long the rest of a request is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of an answer that are copied behind its head; more are written from where they are.
const MAX_COPIED: usize = 16 * 1024;

pub(super) async fn serve<S>(
    stream: S,
    peer: IpAddr,
    routing: Arc<Routing>,
    stop: watch::Receiver<bool>,
) -> ConnectionResult
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut connection = Connection::new(stream, stop.clone());
    loop {
        let whole = match connection.next().await? {
            Next::Whole(whole) => whole,
            Next::Other => {
                return seldom(|| serve_other(connection, None, peer, routing, stop)).await;
            }
            Next::End => return Ok(()),
        };
        let Whole {
            request,
            bytes,
            closes,
        } = whole;
        let is_head = *request.method() == Method::HEAD;
        let answered = {
            let answering = pin!(routing.answer(request, peer));
            connection.answer(answering).await?
        };
        let Some(response) = answered else {
            return Ok(());
        };
        let (head, body) = response.into_parts();
        match body {
            GatewayBody::Full(body) => {
                let body = body.unwrap_or_default();
                if connection.write(&head, body, is_head, closes).await? {
                    return Ok(());
                }
            }
            body => {
                connection.input.put_back(&bytes);
                let response = Response::from_parts(head, body);
                let answer = Some(response);
                return seldom(|| serve_other(connection, answer, peer, routing, stop)).await;
            }
        }
    }
}

/// Lets hyper go on from the first request that is still in the input, or write the answer to it.
async fn serve_other<S>(
    connection: Connection<S>,
    answer: Option<Response<GatewayBody>>,
    peer: IpAddr,
    routing: Arc<Routing>,
    stop: watch::Receiver<bool>,
) -> ConnectionResult
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = Rewound::new(connection.input.into_bytes(), connection.stream);
    let answer = Mutex::new(answer);
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let routing = &routing;
        async move {
            Ok::<_, std::convert::Infallible>(match answer {
                Some(answer) => {
                    read_again(request.into_body()).await;
                    answer
                }
                None => routing.answer(request.map(CallerBody::Stream), peer).await,
            })
        }
    });
    let connection = others()
        // The answer says that it is the last.
        .keep_alive(!*stop.borrow())
        .serve_connection(TokioIo::new(stream), service);
    connection::run(
        connection.with_upgrades(),
        http1::UpgradeableConnection::graceful_shutdown,
        stop,
    )
    .await
}

/// hyper as it serves what is not for here.
fn others() -> http1::Builder {
    let mut builder = limited();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    builder
}

/// hyper with the limits that a head has, whoever sends it.
pub(crate) fn limited() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_header_size(MAX_HEAD_BYTES)
        // A buffer may have grown past the head's limit before it is looked at.
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    builder
}

/// Takes the body of a request that is answered already off the connection, where all of it is. hyper closes a
/// connection on a body that nobody has read, and the caller's next request would be lost.
async fn read_again(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

struct Connection<S> {
    stream: S,
    input: Input,
    output: Vec<u8>,
    /// Ends an idle connection. It is not set anew for each request: when it is over, it looks how long it really was.
    idle: Pin<Box<Sleep>>,
    idle_since: Instant,
    stop: Stop,
}

#[expect(
    clippy::large_enum_variant,
    reason = "the large one is what nearly always comes"
)]
enum Next {
    Whole(Whole),
    /// Something that hyper understands, or refuses.
    Other,
    /// The caller has gone, or the server is stopping.
    End,
}

impl<S> Connection<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    fn new(stream: S, stop: watch::Receiver<bool>) -> Self {
        Self {
            stream,
            input: Input::new(),
            output: Vec::new(),
            idle: Box::pin(tokio::time::sleep(HEAD_TIMEOUT)),
            idle_since: Instant::now(),
            stop: Stop::new(stop),
        }
    }

    /// The next request.
    async fn next(&mut self) -> std::io::Result<Next> {
        self.idle_since = Instant::now();
        if self.input.bytes().is_empty() {
            let read = poll_fn(|context| self.poll_idle(context)).await?;
            if read == 0 {
                return Ok(Next::End);
            }
        }
        // For all of the request: whoever sends a byte now and then gets no more of it.
        let mut deadline = None;
        loop {
            let wanted = match head::parse(&mut self.input) {
                Parsed::Whole(whole) => return Ok(Next::Whole(whole)),
                Parsed::Partial { bytes } => bytes,
                Parsed::Other => return Ok(Next::Other),
            };
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
            let more = poll_fn(|context| self.poll_more(wanted, context));
            match tokio::time::timeout_at(deadline, more).await {
                Ok(Ok(true)) => {}
                // hyper knows what to say to a caller who stops in the middle.
                Ok(Ok(false)) | Err(_) => return Ok(Next::Other),
                Ok(Err(error)) => return Err(error),
            }
        }
    }

    /// Waits for that many bytes, or for any. Whether they have come: if not, no more will.
    fn poll_more(
        &mut self,
        wanted: Option<usize>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<bool>> {
        if let Some(wanted) = wanted {
            self.input.expect(wanted);
        }
        loop {
            let read = std::task::ready!(self.poll_fill(context))?;
            if read == 0 {
                return Poll::Ready(Ok(false));
            }
            if wanted.is_none_or(|wanted| self.input.bytes().len() >= wanted) {
                return Poll::Ready(Ok(true));
            }
        }
    }

    /// Waits for the first bytes of a request. Nothing came when the connection is to end.
    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        if let Poll::Ready(read) = self.poll_fill(context) {
            return Poll::Ready(read);
        }
        if self.stop.poll(context) {
            return Poll::Ready(Ok(0));
        }
        while self.idle.as_mut().poll(context).is_ready() {
            let end = self.idle_since + HEAD_TIMEOUT;
            if end <= Instant::now() {
                return Poll::Ready(Ok(0));
            }
            self.idle.as_mut().reset(end);
        }
        Poll::Pending
    }

    /// Reads what has come.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        self.input.poll_fill(Pin::new(&mut self.stream), context)
    }

    /// Waits for an answer, and for the caller to go. `None` when it has gone.
    async fn answer<R>(
        &mut self,
        mut answering: Pin<&mut impl Future<Output = R>>,
    ) -> std::io::Result<Option<R>> {
        poll_fn(|context| {
            if let Poll::Ready(answer) = answering.as_mut().poll(context) {
                return Poll::Ready(Ok(Some(answer)));
            }
            // The next request may come already. One who sends more than that does not look for answers.
            while self.input.bytes().len() < MAX_REQUEST_BYTES {
                match std::task::ready!(self.poll_fill(context)) {
                    Ok(0) => return Poll::Ready(Ok(None)),
                    Ok(_) => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Writes an answer. Whether it was the last.
    async fn write(
        &mut self,
        head: &response::Parts,
        body: Bytes,
        is_head: bool,
        closes: bool,
    ) -> std::io::Result<bool> {
        self.output.clear();
        let closes = head::write(
            &mut self.output,
            head,
            body.len(),
            is_head,
            closes || self.stop.is_set(),
        );
        let body = if is_head || head::is_bodiless(head.status) {
            Bytes::new()
        } else {
            body
        };
        if body.len() <= MAX_COPIED {
            self.output.extend_from_slice(&body);
            self.stream.write_all(&self.output).await?;
        } else {
            let mut both = Buf::chain(self.output.as_slice(), body);
            self.stream.write_all_buf(&mut both).await?;
        }
        self.stream.flush().await?;
        if closes {
            self.stream.shutdown().await?;
        }
        Ok(closes)
    }
}
