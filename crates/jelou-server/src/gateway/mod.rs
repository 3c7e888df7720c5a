//! The steps to answer a caller of a function: find the function ([`address`]) and the path ([`target`]), answer
//! without a process ([`cors`], [`deployment_documents`]), check the token ([`auth`]), and call the worker
//! ([`invoke`]). [`crate::router`] runs them in order.

mod address;
pub(crate) mod answer;
pub(crate) mod auth;
mod body;
pub(crate) mod call_log;
pub(crate) mod cors;
pub(crate) mod deployment_documents;
mod development;
pub(crate) mod failures;
pub(crate) mod header_filter;
pub(crate) mod identity;
pub(crate) mod invoke;
mod place;
pub(crate) mod refusals;
pub(crate) mod reserved;
pub(crate) mod running_calls;
pub(crate) mod selection;
pub(crate) mod target;
pub(crate) mod token_document;
pub(crate) mod token_headers;
pub(crate) mod unread;
pub(crate) mod websocket;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::{Method, Request, header};
use jelou_core::{Clock, Limits};
use jelou_logs::Logs;
use jelou_store::Store;

pub(crate) use address::{Address, Domain, FUNCTION_PATHS, is_local_domain};
use address::{is_local_name, is_this_machine};
pub(crate) use body::GatewayBody;
pub(crate) use development::Development;
pub use place::Place;

use crate::access_log::AccessLog;
use crate::config::Mcp;
use crate::freshness::Freshness;
use crate::log_limit::LogLimit;
use crate::mcp::ResultMemory;
use crate::metrics::Metrics;
use crate::network::Networks;
use crate::registry::{Function, Registry};
use crate::telemetry::Exporter;
use running_calls::RunningCalls;

#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) registry: Arc<Registry>,
    pub(crate) domain: Domain,
    pub(crate) limits: Limits,
    pub(crate) mcp: Mcp,
    pub(crate) mcp_results: ResultMemory,
    pub(crate) running_calls: RunningCalls,
    /// Networks of callers that may send an identity.
    pub(crate) identity_trusted: Networks,
    pub(crate) clock: Clock,
    pub(crate) freshness: Arc<Freshness>,
    pub(crate) logs: Logs,
    /// Maximum number of recorded calls of a function per second. Calls with status 500 or higher are always recorded.
    pub(crate) max_calls_per_second: u64,
    pub(crate) metrics: Arc<Metrics>,
    /// Whether the usage of a token records the full address of its last caller, or only the address class.
    pub(crate) records_addresses: bool,
    /// `None` without an access log.
    pub(crate) access_log: Option<AccessLog>,
    /// `None` if telemetry is not exported.
    pub(crate) telemetry: Option<Exporter>,
    /// Rate limit of log lines about refused requests without a function.
    pub(crate) refusals_logged: LogLimit,
    /// Source of data that the registry does not have: names and revoked tokens. No call waits for it.
    pub(crate) store: Store,
    /// `None` outside of development.
    pub(crate) development: Option<Arc<Development>>,
}

/// The destination of a request.
#[derive(Debug, Default)]
pub(crate) struct Target {
    /// `None` if no function has this name.
    pub(crate) function: Option<Arc<Function>>,
    /// The requested name, if no function has it. For the log.
    pub(crate) unknown: Option<Box<str>>,
    /// Length in bytes of the path prefix that the function does not see.
    pub(crate) skipped: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    /// `None` for a call by another function.
    pub(crate) address: Option<IpAddr>,
    /// Whether the request came from a trusted proxy.
    pub(crate) by_proxy: bool,
    /// Number of hops before this request in its chain of calls.
    pub(crate) hops: u32,
}

impl Gateway {
    /// Returns the destination of a request; `None` if the request addresses the server itself.
    pub(crate) fn target<B>(&self, request: &Request<B>) -> Option<Target> {
        if self.development.is_some() && is_of_foreign_page(request) {
            return None;
        }
        let host = host_of(request);
        let path = request.uri().path();
        match self.domain.address(&host, path) {
            Address::Function { label, path: seen } => {
                let function = self.registry.addressed(label, &self.clock);
                Some(Target {
                    unknown: function.is_none().then(|| label.into()),
                    function,
                    skipped: path.strip_suffix(seen).unwrap_or(path).len(),
                })
            }
            Address::Other => self.project(&host),
        }
    }

    /// Returns why a request addresses no function in development; `None` outside of development.
    pub(crate) fn refusal_in_development<B>(&self, request: &Request<B>) -> Option<String> {
        let development = self.development.as_ref()?;
        let is_here = !is_of_foreign_page(request) && is_this_machine(&host_of(request));
        Some(development.refusal(&self.domain, is_here))
    }

    /// Returns the only function in development, if the host is a name of this machine.
    fn project(&self, host: &str) -> Option<Target> {
        let development = self.development.as_ref()?;
        let only = development.only.as_ref()?;
        is_this_machine(host).then(|| Target {
            function: self.registry.function(only.as_str()),
            ..Target::default()
        })
    }
}

/// Whether the request came from a web page of another host. In development, such a page could call a function without
/// a token.
///
/// Browsers send `Origin` with every request, except GET and HEAD without CORS, for example for an `<img>`. For these
/// requests, Fetch Metadata contains whether the page belongs to another site. Navigation to any address is allowed,
/// because links and the redirects of a login navigate. A page on another port of this machine belongs to the same
/// site.
fn is_of_foreign_page<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let Some(origin) = headers.get(header::ORIGIN) else {
        let says = |name: &str, value: &str| headers.get(name).is_some_and(|sent| sent == value);
        let opens_tab = matches!(*request.method(), Method::GET | Method::HEAD)
            && says("sec-fetch-mode", "navigate")
            && says("sec-fetch-dest", "document");
        return says("sec-fetch-site", "cross-site") && !opens_tab;
    };
    let host = origin.to_str().ok().and_then(|origin| {
        let (_, host) = origin.split_once("://")?;
        Some(host.to_ascii_lowercase())
    });
    // `null` is the origin of a sandboxed page.
    host.is_none_or(|host| !is_this_machine(&host) && !is_local_name(&host))
}

/// The host of a request, in lower case: from the request target (RFC 9112, section 3.2.2), otherwise from the `Host`
/// header.
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
