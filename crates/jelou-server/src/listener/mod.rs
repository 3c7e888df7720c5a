//! Accepts connections, and routes each request to the gateway or the management API.
//!
//! The protocol of a connection is detected in this order: a PROXY protocol header, if the peer is trusted
//! ([`proxy_protocol`]); TLS, if the server has a certificate ([`tls`]); then HTTP/2 or HTTP/1.1 ([`connection`]).

mod connection;
mod connections;
mod cores;
mod graceful;
mod head_timer;
pub(crate) mod http1;
mod inherited;
mod proxy_protocol;
mod sockets;
mod stop;
#[cfg(test)]
mod tests;
mod tls;
mod watched;

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use hyper::body::{Body, Incoming};
use jelou_core::cold_future;
use jelou_engine::RequestBody;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt;

use connections::ConnectionPermit;
pub(crate) use connections::Connections;
pub(crate) use cores::Cores;
pub use inherited::InheritedSockets;
pub use sockets::ListenError;
pub(crate) use sockets::Sockets;
use stop::Stop;
use tls::Certificate;
pub use tls::TlsError;
use watched::Patience;

use crate::access_log::{AccessHead, AccessLog};
use crate::freshness::Freshness;
use crate::gateway::{Caller, FUNCTION_PATHS, Gateway, GatewayBody, answer, unread};
use crate::network::{Networks, TrustedProxies};
use crate::oidc::IdentityIssuer;
use crate::router;

/// Path of the health check. Every listener answers it, except for hosts of functions.
pub(crate) const HEALTH: &str = "/v1/health";
/// Path that tells load balancers whether to send calls. Every listener answers it, except for hosts of functions.
const READY: &str = "/readyz";
/// Maximum bytes of a request's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Maximum number of header fields of a request. A worker accepts 100, and the gateway adds some.
pub(crate) const MAX_HEADERS: usize = 88;

/// The services of one listener.
#[derive(Debug)]
struct Routing {
    /// `None` on a listener for the management API only.
    gateway: Option<Arc<Gateway>>,
    /// `None` if another listener serves the management API.
    api: Option<axum::Router>,
    freshness: Arc<Freshness>,
    /// Publishes the keys of the functions' identity tokens. `None` on a listener for metrics only.
    issuer: Option<Arc<IdentityIssuer>>,
    trusted_proxies: TrustedProxies,
    /// `None` if callers use plain HTTP.
    certificate: Option<Arc<Certificate>>,
    /// Counts the connections of all listeners.
    connections: Arc<Connections>,
    access_log: Option<AccessLog>,
    head_timeout: Duration,
    patience: Patience,
    /// Whether the server stops. Shared by all listeners.
    is_stopping: Arc<AtomicBool>,
}

impl Routing {
    /// Answers a request. `peer` is the address of the connection.
    async fn answer(&self, mut request: Request<Incoming>, peer: IpAddr) -> Response<GatewayBody> {
        if !names_one_host(&request) {
            return refusal(StatusCode::BAD_REQUEST);
        }
        if request.headers().len() > MAX_HEADERS {
            return refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        let caller = Caller {
            address: Some(self.trusted_proxies.caller(peer, request.headers())),
            // A trusted proxy may also set headers such as `X-Forwarded-Host`.
            by_proxy: self.proxies().contain(peer),
            hops: 0,
        };
        if let Some(gateway) = &self.gateway
            && let Some(development) = &gateway.development
        {
            cold_future(|| development.wait_for_first_loads()).await;
        }
        let target = self
            .gateway
            .as_ref()
            .and_then(|gateway| gateway.target(&request));
        if target.is_none() && !self.is_development() && request.uri().path() == READY {
            return self.freshness.answer(request.method());
        }
        let is_own = target.is_none() || self.is_development();
        if is_own
            && let Some(issuer) = &self.issuer
            && issuer.has_document(request.uri().path())
        {
            let answered = issuer.answer(request.method(), request.uri().path());
            return cold_future(|| answered).await;
        }
        if target.is_none() && request.uri().path() == HEALTH && self.is_stopping() {
            let body = Bytes::from_static(br#"{"status":"stopping"}"#);
            return answer::json(StatusCode::SERVICE_UNAVAILABLE, body);
        }
        let Some(gateway) = &self.gateway else {
            return match &self.api {
                Some(api) => {
                    request.extensions_mut().insert(caller);
                    cold_future(|| self.answer_api(api, request, caller)).await
                }
                None => Response::new(GatewayBody::empty()),
            };
        };
        if target.is_none()
            && let Some(reason) = gateway.refusal_in_development(&request)
        {
            return refused_in_development(&reason);
        }
        match (target, &self.api) {
            // A function path must not reach the API, even under an unknown host name, such as the host name of a
            // tunnel.
            (None, Some(api)) if !request.uri().path().starts_with(FUNCTION_PATHS) => {
                request.extensions_mut().insert(caller);
                cold_future(|| self.answer_api(api, request, caller)).await
            }
            (None, None) if request.uri().path() == HEALTH => health(request.method()),
            (target, _) => {
                let target = target.unwrap_or_default();
                // Pinned in place, because `await` would move the future with all of its state.
                pin!(router::answer(gateway, request, target, caller)).await
            }
        }
    }

    async fn answer_api(
        &self,
        api: &axum::Router,
        request: Request<Incoming>,
        caller: Caller,
    ) -> Response<GatewayBody> {
        let head = self.access_log.as_ref().map(|_| AccessHead::of(&request));
        let response = answer_api(api, request).await;
        if let (Some(log), Some(head)) = (&self.access_log, head) {
            log.other(head, caller.address, None, response.status().as_u16());
        }
        response
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// Whether every path of this machine belongs to functions in development.
    fn is_development(&self) -> bool {
        let gateway = self.gateway.as_ref();
        gateway.is_some_and(|gateway| gateway.development.is_some())
    }

    fn proxies(&self) -> &Networks {
        self.trusted_proxies.networks()
    }
}

/// Answers a health check on a listener without the management API. A load balancer probes all listeners with one path
/// and cannot name a function's host.
fn health(method: &Method) -> Response<GatewayBody> {
    match *method {
        Method::GET | Method::HEAD => {
            let body = Bytes::from_static(br#"{"status":"ok"}"#);
            answer::json(StatusCode::OK, body)
        }
        _ => refusal(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn refused_in_development(reason: &str) -> Response<GatewayBody> {
    let body = serde_json::json!({ "error": reason }).to_string();
    let mut response = Response::new(GatewayBody::full(body.into()));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn refusal(status: StatusCode) -> Response<GatewayBody> {
    let mut response = Response::new(GatewayBody::empty());
    *response.status_mut() = status;
    response
}

/// Checks that a request names exactly one host (RFC 9112, section 3.2). With two hosts, another parser could choose a
/// different host than this server.
fn names_one_host<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), None) => true,
        (Some(_), Some(_)) => false,
        // HTTP/2 has `:authority`, and HTTP/1.0 requires no host.
        (None, _) => {
            request.version() != http::Version::HTTP_11 || request.uri().authority().is_some()
        }
    }
}

async fn answer_api(api: &axum::Router, request: Request<Incoming>) -> Response<GatewayBody> {
    let is_on_its_way = !request.body().is_end_stream();
    let Ok(mut response) = api
        .clone()
        // The API has its own body limits. The rest of a body is discarded.
        .oneshot(request.map(|body| axum::body::Body::new(RequestBody::limited(body, u64::MAX))))
        .await;
    if is_on_its_way && !response.status().is_success() {
        // Closes the connection after the response, because the refused request may have an unread body.
        unread::close(response.headers_mut());
    }
    response.map(GatewayBody::Api)
}

/// A listening socket.
#[derive(Debug)]
struct Listener {
    socket: TcpListener,
    /// Whether it stays open when the server ends, because a service manager has it too.
    is_inherited: bool,
}

/// Serves until `stop`, then drains the requests in flight.
async fn serve(
    listener: Listener,
    routing: Arc<Routing>,
    cores: Arc<Cores>,
    stop: Stop,
    drain_timeout: Duration,
) {
    let Listener {
        socket,
        is_inherited,
    } = listener;
    // Each connection has a receiver, so that the sender detects when all connections are closed.
    let (open, _) = watch::channel(());
    let serve_connection = |stream: std::net::TcpStream, peer: SocketAddr| {
        if let Some(slot) = enter(&stream, peer, &routing) {
            let (open, routing, stop) = (open.subscribe(), Arc::clone(&routing), stop.clone());
            cores.spawn(async move {
                connection::serve(stream, peer, routing, slot, stop).await;
                drop(open);
            });
        }
    };
    let mut ending = stop.clone();
    let ends = async {
        if is_inherited {
            // Further connections wait in the socket for the next server.
            ending.begins().await;
        } else {
            ending.refuses().await;
        }
    };
    let mut ends = pin!(ends);
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = &mut ends => break,
        };
        // Detaches the connection from this thread's runtime, because it will run on the runtime of a core.
        match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
            Ok((stream, peer)) => serve_connection(stream, peer),
            Err(error) => {
                // The file descriptors are probably exhausted. Waits until some are closed.
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    if let Ok(socket) = socket.into_std()
        && !is_inherited
    {
        // Otherwise, the kernel would reset connections that it has already established.
        while let Ok((stream, peer)) = socket.accept() {
            if stream.set_nonblocking(true).is_ok() {
                serve_connection(stream, peer);
            }
        }
    }
    if tokio::time::timeout(drain_timeout, open.closed())
        .await
        .is_err()
    {
        tracing::warn!(
            timeout_ms = drain_timeout.as_millis(),
            "requests were still in flight at the end of the drain (limits.drain_timeout_ms, a server setting)"
        );
    }
}

/// Counts a connection. Refuses it with an answer if there are too many.
fn enter(
    stream: &std::net::TcpStream,
    peer: SocketAddr,
    routing: &Routing,
) -> Option<ConnectionPermit> {
    match routing.connections.enter() {
        Ok(slot) => Some(slot),
        Err(refused) => {
            if let Some(gateway) = &routing.gateway {
                gateway.metrics.server.connections_refused.increment();
            }
            routing.connections.log(&refused, peer.ip());
            connections::refuse(stream, &refused, routing.certificate.is_some());
            None
        }
    }
}
