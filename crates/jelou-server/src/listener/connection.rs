//! One connection, from accept to close.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, header};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use jelou_core::cold_future;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::connections::{self, ConnectionPermit};
use super::graceful::{self, ConnectionResult};
use super::watched::Watched;
use super::{MAX_HEAD_BYTES, Routing, Stop, http1, proxy_protocol, tls};
use crate::gateway::GatewayBody;

/// Timeout for the PROXY header, the TLS handshake and the first bytes of a request, all together.
const OPENING_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval of HTTP/2 keep-alive pings, and the timeout of their replies.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Maximum concurrent streams of one HTTP/2 connection.
const MAX_STREAMS: u32 = 250;

pub(super) async fn serve(
    stream: std::net::TcpStream,
    peer: SocketAddr,
    routing: Arc<Routing>,
    mut permit: ConnectionPermit,
    stop: Stop,
) {
    let connection = async {
        let stream = TcpStream::from_std(stream)?;
        stream.set_nodelay(true)?;
        let opened = cold_future(|| open(stream, peer.ip(), &routing, &mut permit, stop.clone()));
        match opened.await? {
            // Boxed, so that a connection without a request takes little memory.
            Some((Opened::Plain(stream), peer)) => {
                Box::pin(http1::serve(stream, peer, routing, stop)).await
            }
            Some((Opened::Other(other), peer)) => {
                cold_future(|| serve_other(other, peer, routing, stop)).await
            }
            None => Ok(()),
        }
    };
    if let Err(error) = connection.await {
        tracing::debug!(error, %peer, "connection ended");
    }
}

/// Determines the protocol and the caller's address. Returns `None` if the connection was refused, or the server stops
/// meanwhile.
async fn open(
    mut stream: TcpStream,
    mut peer: IpAddr,
    routing: &Routing,
    permit: &mut ConnectionPermit,
    mut stop: Stop,
) -> std::io::Result<Option<(Opened, IpAddr)>> {
    let opening = async {
        if routing.proxies().contain(peer) {
            peer = proxy_protocol::caller(&mut stream).await?.unwrap_or(peer);
        }
        if !routing.proxies().contain(peer)
            && let Err(refused) = permit.count_for(peer)
        {
            routing.connections.log(&refused, peer);
            connections::refuse(&stream.into_std()?, &refused, routing.certificate.is_some());
            return Ok(None);
        }
        let opened = match &routing.certificate {
            Some(certificate) => {
                let stream = certificate.acceptor().accept(stream).await?;
                Opened::Other(Other::Encrypted(Box::new(stream)))
            }
            None if begins_with_http2(&stream).await? => Opened::Other(Other::PlainHttp2(stream)),
            None => Opened::Plain(stream),
        };
        Ok(Some((opened, peer)))
    };
    tokio::select! {
        opened = tokio::time::timeout(OPENING_TIMEOUT, opening) => opened?,
        // Nothing is lost: no request has started.
        () = stop.closes() => Ok(None),
    }
}

async fn serve_other(
    other: Other,
    peer: IpAddr,
    routing: Arc<Routing>,
    stop: Stop,
) -> ConnectionResult {
    match other {
        Other::PlainHttp2(stream) => serve_http2(stream, peer, routing, stop).await,
        Other::Encrypted(stream) if tls::chose_http2(&stream) => {
            serve_http2(*stream, peer, routing, stop).await
        }
        Other::Encrypted(stream) => http1::serve(*stream, peer, routing, stop).await,
    }
}

enum Opened {
    /// The most common case, because proxies use HTTP/1.1 without TLS.
    Plain(TcpStream),
    Other(Other),
}

enum Other {
    PlainHttp2(TcpStream),
    Encrypted(Box<tls::Stream>),
}

/// Whether the caller uses HTTP/2 with prior knowledge (RFC 9113, section 3.3). Only peeks at the first bytes.
async fn begins_with_http2(stream: &TcpStream) -> std::io::Result<bool> {
    // HTTP/1.1 has no method that starts so, because RFC 9113 reserves `PRI`.
    const PREFACE: &[u8] = b"PRI";
    let mut first = [0; PREFACE.len()];
    let mut pause = proxy_protocol::Pause::default();
    loop {
        let count = stream.peek(&mut first).await?;
        if count == 0 || !PREFACE.starts_with(&first[..count]) {
            return Ok(false);
        }
        if count == PREFACE.len() {
            return Ok(true);
        }
        pause.wait().await;
    }
}

async fn serve_http2<S>(
    stream: S,
    peer: IpAddr,
    routing: Arc<Routing>,
    mut stop: Stop,
) -> ConnectionResult
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = Watched::new(stream, None, routing.patience);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES)?)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| {
                let routing = Arc::clone(&routing);
                async move { answer(&routing, request, peer).await }
            }),
        );
    // After GOAWAY, a client uses another connection and loses no request (RFC 9113, section 6.8). On a connection that
    // begins during the stop, the first requests are still answered.
    let is_late = stop.has_begun();
    let ends = async {
        if is_late {
            stop.closes().await;
        } else {
            stop.begins().await;
        }
    };
    graceful::run(connection, http2::Connection::graceful_shutdown, ends).await
}

async fn answer(
    routing: &Routing,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Result<Response<GatewayBody>, Infallible> {
    let is_head = *request.method() == Method::HEAD;
    let response = routing.answer(request, peer).await;
    Ok(if is_head {
        without_body(response)
    } else {
        response
    })
}

/// Removes the body of a response to HEAD (RFC 9113, section 8.1), but keeps its length in the head. hyper does this
/// only for HTTP/1.1.
fn without_body(response: Response<GatewayBody>) -> Response<GatewayBody> {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        let length = || header::HeaderValue::from(length);
        head.headers
            .entry(header::CONTENT_LENGTH)
            .or_insert_with(length);
    }
    Response::from_parts(head, GatewayBody::empty())
}
