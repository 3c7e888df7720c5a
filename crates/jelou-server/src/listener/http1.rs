//! Serves HTTP/1.1 connections.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue};
use http::{Response, StatusCode};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::graceful::{self, ConnectionResult};
use super::head_timer::HeadTimer;
use super::watched::{Progress, Watched};
use super::{MAX_HEAD_BYTES, Routing, Stop};

/// Timeout of an idle connection. It is longer than the usual 60 s of proxies, so that the proxy closes the connection
/// first and sends no request to a closed one. hyper uses the same timer for request heads, so [`HeadTimer`] lets it
/// expire early once a head has begun.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

pub(super) async fn serve<S>(
    stream: S,
    peer: IpAddr,
    routing: Arc<Routing>,
    mut stop: Stop,
) -> ConnectionResult
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let progress = Progress::new(routing.head_timeout);
    let stream = Watched::new(stream, Some(Arc::clone(&progress)), routing.patience);
    let service = service_fn(|request: Request<Incoming>| {
        progress.answers();
        let routing = &routing;
        async move {
            // Boxed when it is first polled: hyper moves this future, and the memory of an answer is some 5 KB.
            let mut response = Box::pin(routing.answer(request, peer)).await;
            if routing.is_stopping() {
                end_connection(&mut response);
            }
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let connection = limited()
        .timer(HeadTimer::new(Arc::clone(&progress)))
        .header_read_timeout(IDLE_TIMEOUT)
        // Most responses are small, so copying the body behind the head is cheaper than a vectored write.
        .writev(false)
        .serve_connection(TokioIo::new(stream), service);
    graceful::run(
        connection.with_upgrades(),
        http1::UpgradeableConnection::graceful_shutdown,
        stop.closes(),
    )
    .await
}

/// Tells the caller that the connection ends after the response, so that it does not send another request when the
/// server closes the connection.
fn end_connection<B>(response: &mut Response<B>) {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
}

/// Returns a hyper server that limits the head of a request. The limit of header fields stays at hyper's default of
/// 100, because a different limit would cost one allocation per request.
pub(crate) fn limited() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_header_size(MAX_HEAD_BYTES)
        // Needed too, because a buffer may exceed the head's limit before hyper checks it.
        .max_buf_size(MAX_HEAD_BYTES);
    builder
}
