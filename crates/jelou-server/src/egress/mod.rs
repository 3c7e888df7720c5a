//! Outgoing requests of functions through a corporate proxy (`egress.proxy`).
//!
//! The worker's `fetch` sends such a request over the egress socket in plain HTTP, and this module forwards it. The
//! worker never gets the proxy's address or password. This module refuses addresses that functions may not reach,
//! because the proxy may be able to reach them.

mod connect;
mod error;
mod no_proxy;
pub(crate) mod tls;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use jelou_core::{EgressHost, EgressRule};
use jelou_engine::{RequestBody, denied_networks};
use tokio::io::{AsyncRead, AsyncWrite};

pub use tls::CaError;

use crate::config;
use crate::config::ProxyUrl;
use crate::gateway::{GatewayBody, answer};
use crate::registry::Function;
use error::EgressError;
use no_proxy::NoProxy;

/// Header of a response that is an error of `fetch`. The body is the error's text.
const ERROR_HEADER: HeaderName = HeaderName::from_static("x-jelou-egress-error");
/// Timeout of each step until the connection to the target is established.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Forwards requests of functions through the proxy.
#[derive(Debug)]
pub(crate) struct Egress {
    proxy: ProxyUrl,
    proxy_resolves: bool,
    no_proxy: NoProxy,
    denied: Vec<IpNet>,
    /// The egress rules for all functions.
    allow: Vec<EgressRule>,
    tls: Arc<rustls::ClientConfig>,
}

/// The destination of a request.
struct Target {
    is_encrypted: bool,
    host: String,
    port: u16,
}

/// How a target is reached.
enum Route {
    Direct(Vec<Ipv4Addr>),
    /// Through the proxy. The value is the host of the CONNECT request: an address, or a name that the proxy resolves.
    Proxied(String),
}

impl Egress {
    /// Returns `None` if no proxy is configured. `egress.ca` is checked in any case.
    pub(crate) fn new(config: &config::Egress) -> Result<Option<Self>, CaError> {
        let own = tls::own_authorities(config.ca.as_deref())?;
        let Some(proxy) = config.proxy.clone() else {
            return Ok(None);
        };
        Ok(Some(Self {
            proxy,
            proxy_resolves: config.proxy_resolves,
            no_proxy: NoProxy::parse(&config.no_proxy),
            denied: denied_networks(&[]),
            allow: config.allow.clone(),
            tls: tls::client(own)?,
        }))
    }

    /// Forwards a request of a function. The request's target is an absolute URL.
    pub(crate) async fn send(
        &self,
        function: Option<&Function>,
        request: Request<Incoming>,
    ) -> Response<GatewayBody> {
        match self.exchange(function, request).await {
            Ok(response) => response,
            Err(error) => {
                let mut response =
                    answer::json(StatusCode::BAD_GATEWAY, Bytes::from(error.to_string()));
                let headers = response.headers_mut();
                headers.insert(ERROR_HEADER, HeaderValue::from_static("1"));
                response
            }
        }
    }

    async fn exchange(
        &self,
        function: Option<&Function>,
        request: Request<Incoming>,
    ) -> Result<Response<GatewayBody>, EgressError> {
        let target = Target::of(request.uri())?;
        let stream = match self.route(function, &target).await? {
            Route::Direct(addresses) => {
                connect::direct(&target.host, &addresses, target.port).await?
            }
            Route::Proxied(host) => connect::through(&self.proxy, &host, &target).await?,
        };
        let request = outgoing(request, &target)?;
        if target.is_encrypted {
            let stream = tls::connect(&self.tls, &target.host, stream).await?;
            exchange_over(stream, request, &target).await
        } else {
            exchange_over(stream, request, &target).await
        }
    }

    /// Resolves the host and checks its addresses. If the proxy resolves names, it also gets names that this machine
    /// cannot resolve.
    async fn route(
        &self,
        function: Option<&Function>,
        target: &Target,
    ) -> Result<Route, EgressError> {
        let is_direct = self.no_proxy.matches(&target.host);
        let resolved = resolve(&target.host, target.port).await;
        let addresses = match resolved {
            Ok(addresses) => addresses,
            Err(_) if self.proxy_resolves && !is_direct => {
                return Ok(Route::Proxied(target.host.clone()));
            }
            Err(error) => return Err(error),
        };
        let settings = function.map(Function::settings);
        let own = settings.iter().flat_map(|settings| &settings.egress);
        let rules: Vec<_> = self.allow.iter().chain(own).collect();
        let is_refused = |address: &&Ipv4Addr| {
            self.is_denied(**address) && !rules.iter().any(|rule| target.is_opened(rule, **address))
        };
        if let Some(denied) = addresses.iter().find(is_refused) {
            return Err(EgressError::Denied {
                host: target.host.clone(),
                port: target.port,
                address: *denied,
                function: function.map_or_else(String::new, |function| function.slug.to_string()),
            });
        }
        let is_direct = is_direct
            || addresses
                .iter()
                .any(|address| self.no_proxy.contains(*address));
        if is_direct {
            return Ok(Route::Direct(addresses));
        }
        Ok(Route::Proxied(match addresses.first() {
            // The proxy gets the checked address, because the name might resolve to another address there.
            Some(address) if !self.proxy_resolves => address.to_string(),
            _ => target.host.clone(),
        }))
    }

    fn is_denied(&self, address: Ipv4Addr) -> bool {
        self.denied
            .iter()
            .any(|range| range.contains(&IpAddr::V4(address)))
    }
}

impl Target {
    /// Whether the rule allows this target, whose host was resolved to `address`.
    fn is_opened(&self, rule: &EgressRule, address: Ipv4Addr) -> bool {
        let is_host = match &rule.host {
            EgressHost::Name(name) => *name == self.host,
            EgressHost::Network(network) => network.contains(&IpAddr::V4(address)),
        };
        is_host && rule.opens_port(self.port)
    }

    fn of(uri: &Uri) -> Result<Self, EgressError> {
        let is_encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(EgressError::NotWeb),
        };
        let host = uri.host().ok_or(EgressError::NotWeb)?;
        Ok(Self {
            is_encrypted,
            // Without the final dot of a fully qualified name, so that `localhost.` is the same host as `localhost`.
            host: host
                .trim_matches(['[', ']'])
                .trim_end_matches('.')
                .to_ascii_lowercase(),
            port: uri
                .port_u16()
                .unwrap_or(if is_encrypted { 443 } else { 80 }),
        })
    }
}

/// Returns the IPv4 addresses of a host. Functions can reach IPv6 only without a proxy.
async fn resolve(host: &str, port: u16) -> Result<Vec<Ipv4Addr>, EgressError> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found = found.map_err(|_| EgressError::Name {
        host: host.to_owned(),
    })?;
    let addresses: Vec<Ipv4Addr> = found
        .filter_map(|address| match address.ip().to_canonical() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
        .collect();
    if addresses.is_empty() {
        return Err(EgressError::Name {
            host: host.to_owned(),
        });
    }
    Ok(addresses)
}

/// Converts the request to the form that the target gets.
fn outgoing(
    request: Request<Incoming>,
    target: &Target,
) -> Result<Request<RequestBody>, EgressError> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = path.parse().map_err(|_| EgressError::NotWeb)?;
    parts.version = http::Version::HTTP_11;
    strip(&mut parts.headers);
    if !parts.headers.contains_key(header::HOST) {
        let host = format!("{}:{}", target.host, target.port);
        let host = HeaderValue::try_from(host).map_err(|_| EgressError::NotWeb)?;
        parts.headers.insert(header::HOST, host);
    }
    Ok(Request::from_parts(
        parts,
        RequestBody::limited(body, u64::MAX),
    ))
}

/// Removes the headers of the connection (RFC 9110, section 7.6.1) and of the platform.
fn strip(headers: &mut HeaderMap) {
    for name in [
        header::CONNECTION,
        header::PROXY_AUTHORIZATION,
        header::PROXY_AUTHENTICATE,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::TE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        ERROR_HEADER,
    ] {
        headers.remove(name);
    }
}

async fn exchange_over<S>(
    stream: S,
    request: Request<RequestBody>,
    target: &Target,
) -> Result<Response<GatewayBody>, EgressError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |source| EgressError::Broken {
        host: target.host.clone(),
        source,
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection of a function's request ended");
        }
    });
    let mut response = sender.send_request(request).await.map_err(broken)?;
    strip(response.headers_mut());
    Ok(response.map(|body| GatewayBody::Api(axum::body::Body::new(body))))
}
