//! Takes connections and leads each request to the gateway or the management API.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt;

use crate::gateway::{Gateway, GatewayBody, Origin, unread};

/// How long a caller may take to send a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// What one listener serves.
#[derive(Debug, Clone)]
pub(crate) struct Routing {
    /// Absent on the management API's own listener.
    pub(crate) gateway: Option<Arc<Gateway>>,
    /// Absent where another listener serves the management API.
    pub(crate) api: Option<axum::Router>,
}

impl Routing {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<GatewayBody> {
        let origin = Origin {
            peer: Some(peer.ip()),
            hops: 0,
        };
        match (&self.gateway, &self.api) {
            (Some(gateway), Some(api)) if !gateway.is_for_function(&request) => {
                answer_api(api, request).await
            }
            (Some(gateway), _) => gateway.answer_function(request, origin).await,
            (None, Some(api)) => answer_api(api, request).await,
            (None, None) => Response::new(GatewayBody::empty()),
        }
    }
}

async fn answer_api(api: &axum::Router, request: Request<Incoming>) -> Response<GatewayBody> {
    let has_body = !request.body().is_end_stream();
    let Ok(mut response) = api
        .clone()
        .oneshot(request.map(axum::body::Body::new))
        .await;
    if has_body && !response.status().is_success() {
        // A refusal may have left the body unread.
        unread::close(response.headers_mut());
    }
    response.map(GatewayBody::Api)
}

/// Serves until `stop` says so, then lets the requests in flight finish.
pub(crate) async fn serve(
    listener: TcpListener,
    routing: Routing,
    mut stop: watch::Receiver<bool>,
    drain_timeout: Duration,
) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => serve_connection(stream, peer, routing.clone(), &graceful),
            Err(error) => {
                // Out of file descriptors, most likely: give those in use a moment to close.
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(drain_timeout, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            "requests were still in flight at the end of the drain (limits.drain_timeout_ms)"
        );
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the server has gone, which stops as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    routing: Routing,
    graceful: &GracefulShutdown,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot turn off Nagle's algorithm");
    }
    let service = service_fn(move |request| {
        let routing = routing.clone();
        async move { Ok::<_, Infallible>(routing.answer(request, peer).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended");
        }
    });
}
