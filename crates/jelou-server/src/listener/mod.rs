//! Takes connections and leads each request to the gateway or the management API.
//!
//! What a connection speaks is found out at its beginning, in this order: a PROXY protocol header, where the peer is
//! trusted ([`proxy_protocol`]); TLS, where the server has a certificate ([`tls`]); then HTTP/2 or HTTP/1.1
//! ([`connection`]).

mod connection;
mod cores;
mod graceful;
pub(crate) mod http1;
mod lazy_timer;
mod proxy_protocol;
mod sockets;
#[cfg(test)]
mod tests;
mod tls;

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use hyper::body::{Body, Incoming};
use jelou_core::seldom;
use jelou_engine::RequestBody;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt;

pub(crate) use cores::Cores;
pub use sockets::ListenError;
pub(crate) use sockets::Sockets;
use tls::Certificate;
pub use tls::TlsError;

use crate::gateway::{Caller, Gateway, GatewayBody, answer, unread};
use crate::network::{Networks, TrustedProxies};
use crate::router;

/// Says on every listener that the server answers, unless the host is a function's.
const HEALTH: &str = "/v1/health";
/// Bytes of a request's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Fields in a request's head: a worker takes 100, and the gateway adds its own.
pub(crate) const MAX_HEADERS: usize = 88;

/// What one listener serves.
#[derive(Debug)]
struct Routing {
    /// Absent on the management API's own listener.
    gateway: Option<Arc<Gateway>>,
    /// Absent where another listener serves the management API.
    api: Option<axum::Router>,
    trusted_proxies: TrustedProxies,
    /// Absent where callers speak plain HTTP.
    certificate: Option<Arc<Certificate>>,
}

impl Routing {
    /// `peer` is who made the connection.
    async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Response<GatewayBody> {
        if !names_one_host(&request) {
            return refusal(StatusCode::BAD_REQUEST);
        }
        if request.headers().len() > MAX_HEADERS {
            return refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        let caller = Caller {
            address: Some(self.trusted_proxies.caller(peer, request.headers())),
            // What a proxy says beside the caller's address counts as well.
            by_proxy: self.proxies().contain(peer),
            hops: 0,
        };
        let Some(gateway) = &self.gateway else {
            return match &self.api {
                Some(api) => seldom(|| answer_api(api, request)).await,
                None => Response::new(GatewayBody::empty()),
            };
        };
        match (gateway.target(&request), &self.api) {
            (None, Some(api)) => seldom(|| answer_api(api, request)).await,
            (None, None) if request.uri().path() == HEALTH => health(request.method()),
            (target, _) => {
                let target = target.unwrap_or_default();
                // What every call passes is pinned where it is: to be awaited, it would be moved, with all of its state.
                pin!(router::answer(gateway, request, target, caller)).await
            }
        }
    }

    fn proxies(&self) -> &Networks {
        self.trusted_proxies.networks()
    }
}

/// What the management API answers there, for the listener that does not serve it: a load balancer probes each listener
/// by the same path, and knows no function's host.
fn health(method: &Method) -> Response<GatewayBody> {
    match *method {
        Method::GET | Method::HEAD => {
            let body = Bytes::from_static(br#"{"status":"ok"}"#);
            answer::json(StatusCode::OK, body)
        }
        _ => refusal(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn refusal(status: StatusCode) -> Response<GatewayBody> {
    let mut response = Response::new(GatewayBody::empty());
    *response.status_mut() = status;
    response
}

/// RFC 9112, section 3.2: with none or with two, whoever looks next may see another host than was seen here.
fn names_one_host<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), None) => true,
        (Some(_), Some(_)) => false,
        // HTTP/2 has `:authority`, and HTTP/1.0 knew no hosts.
        (None, _) => {
            request.version() != http::Version::HTTP_11 || request.uri().authority().is_some()
        }
    }
}

async fn answer_api(api: &axum::Router, request: Request<Incoming>) -> Response<GatewayBody> {
    let is_on_its_way = !request.body().is_end_stream();
    let Ok(mut response) = api
        .clone()
        // The API has limits of its own; this body is read to its end also where the API stops.
        .oneshot(request.map(|body| axum::body::Body::new(RequestBody::limited(body, u64::MAX))))
        .await;
    if is_on_its_way && !response.status().is_success() {
        // A refusal may have left it unread.
        unread::close(response.headers_mut());
    }
    response.map(GatewayBody::Api)
}

/// Serves until `stop` says so, then lets the requests in flight finish.
async fn serve(
    listener: TcpListener,
    routing: Arc<Routing>,
    cores: Arc<Cores>,
    mut stop: watch::Receiver<bool>,
    drain_timeout: Duration,
) {
    // Each connection keeps a receiver, so that the sender sees when all have ended.
    let (open, _) = watch::channel(());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        // Lets go of this thread's runtime: the connection belongs to its core's.
        match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
            Ok((stream, peer)) => {
                let open = open.subscribe();
                let routing = Arc::clone(&routing);
                let stop = stop.clone();
                cores.spawn(async move {
                    connection::serve(stream, peer, routing, stop).await;
                    drop(open);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: give those in use a moment to close.
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(drain_timeout, open.closed())
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
