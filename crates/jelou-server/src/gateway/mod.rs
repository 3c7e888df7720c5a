//! The parts of an answer to a caller of a function: which function it is ([`address`]), which path ([`target`]), what
//! needs no process ([`cors`], [`statics`]), whether the token opens the route ([`auth`]), and the worker ([`invoke`]).
//! [`crate::router`] has their order.

mod address;
pub(crate) mod answer;
pub(crate) mod auth;
mod body;
pub(crate) mod cors;
pub(crate) mod failures;
mod forward;
pub(crate) mod identity;
pub(crate) mod invoke;
pub(crate) mod refusals;
pub(crate) mod reserved;
pub(crate) mod running_calls;
pub(crate) mod statics;
pub(crate) mod target;
pub(crate) mod unread;
pub(crate) mod websocket;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::{Request, header};
use jelou_core::{Clock, Limits};

pub(crate) use address::{Address, Domain, FUNCTION_PATHS};
pub(crate) use body::GatewayBody;

use crate::config::Mcp;
use crate::metrics::Metrics;
use crate::network::Networks;
use crate::registry::{Function, Registry};
use running_calls::RunningCalls;

#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) registry: Arc<Registry>,
    pub(crate) domain: Domain,
    pub(crate) limits: Limits,
    pub(crate) mcp: Mcp,
    pub(crate) running_calls: RunningCalls,
    /// Networks whose callers may send an identity.
    pub(crate) identity_trusted: Networks,
    pub(crate) clock: Clock,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) refusals: refusals::Log,
}

/// What a request is addressed to.
#[derive(Debug, Default)]
pub(crate) struct Target {
    /// Absent when there is no function of that name.
    pub(crate) function: Option<Arc<Function>>,
    /// Bytes of the path before the one that the function sees.
    pub(crate) skipped: usize,
}

/// Who sent a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    /// Absent for a call by another function.
    pub(crate) address: Option<IpAddr>,
    /// Whether it came from a trusted proxy.
    pub(crate) by_proxy: bool,
    /// Calls already made in the chain that this request continues.
    pub(crate) hops: u32,
}

impl Gateway {
    /// The function that the request addresses; `None` if it addresses the server itself.
    pub(crate) fn target<B>(&self, request: &Request<B>) -> Option<Target> {
        let host = host_of(request);
        let path = request.uri().path();
        match self.domain.address(&host, path) {
            Address::Function { label, path: seen } => Some(Target {
                function: self.registry.function(label),
                skipped: path.strip_suffix(seen).unwrap_or(path).len(),
            }),
            Address::Other => None,
        }
    }
}

/// The host that the request names, in lower case: in its target (RFC 9112, section 3.2.2), else in its header.
fn host_of<B>(request: &Request<B>) -> Cow<'_, str> {
    let named = request
        .uri()
        .authority()
        .map(http::uri::Authority::host)
        .or_else(|| {
            request
                .headers()
                .get(header::HOST)
                .and_then(|host| host.to_str().ok())
        });
    let named = named.unwrap_or_default();
    if named.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(named.to_ascii_lowercase())
    } else {
        Cow::Borrowed(named)
    }
}
