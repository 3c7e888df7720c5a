//! Answers callers of functions. A request passes each room once: which function ([`address`]), which path
//! ([`target`]), what needs no
//! process ([`cors`], [`statics`]), which route, whether the token opens it ([`auth`]), then the worker ([`invoke`]).
//! MCP goes its own way ([`crate::mcp`]) by the same rules.

mod address;
pub(crate) mod answer;
pub(crate) mod auth;
mod body;
pub(crate) mod cors;
pub(crate) mod failures;
mod forward;
pub(crate) mod identity;
pub(crate) mod invoke;
mod reserved;
mod statics;
pub(crate) mod target;
pub(crate) mod unread;
mod websocket;

use std::borrow::Cow;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use http::{Method, Request, Response, header};
use jelou_core::{Clock, Limits, seldom};
use uuid::Uuid;

pub(crate) use address::{Address, Domain};
pub(crate) use body::GatewayBody;

use crate::config::Mcp;
use crate::mcp;
use crate::network::Networks;
use crate::registry::{Found, Function, Live, Registry};
use answer::Answer;
use reserved::Reserved;
pub(crate) use unread::CallerBody;
use unread::Unread;

#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) registry: Arc<Registry>,
    pub(crate) domain: Domain,
    pub(crate) limits: Limits,
    pub(crate) mcp: Mcp,
    /// Callers who may say whom they speak for.
    pub(crate) identity_trusted: Networks,
    pub(crate) clock: Clock,
}

/// What a request is addressed to.
#[derive(Debug, Default)]
pub(crate) struct Target {
    /// Absent when there is no function of that name.
    function: Option<Arc<Function>>,
    /// Bytes of the path before the one that the function sees.
    skipped: usize,
}

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    /// Absent for a call by another function.
    pub(crate) peer: Option<IpAddr>,
    /// Whether it came from a trusted proxy.
    pub(crate) by_proxy: bool,
    /// Calls already made in the chain that this request continues.
    pub(crate) hops: u32,
}

impl Gateway {
    /// The function that the request's address names; `None` when it is this server itself that is addressed.
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

    pub(crate) async fn answer_function(
        &self,
        mut request: Request<CallerBody>,
        target: Target,
        origin: Origin,
    ) -> Response<GatewayBody> {
        let request_id = Uuid::new_v4();
        let requested_origin = request.headers().get(header::ORIGIN).cloned();
        let Target { function, skipped } = target;
        let read = target::read(&mut request, skipped);
        // From here on, this is the path.
        let uri = request.uri().clone();
        let path = uri.path();
        let mut request = Unread::of(request);
        let live = function
            .as_ref()
            .and_then(|function| function.live.load_full());
        let mut response = match (&function, &live, read) {
            (Some(_), Some(live), Err(reason)) => {
                let mut response = Response::from(Answer::BadTarget(reason));
                let cors = cors::Rules::of(live.manifest.tools.first());
                cors.apply(requested_origin.as_ref(), response.headers_mut());
                response
            }
            (Some(function), Some(live), Ok(())) => {
                let method = cors::asked_method(&request).unwrap_or(request.method().as_str());
                let found = live.routes.find(path, method);
                let tools = &live.manifest.tools;
                // What no tool answers follows the rules of the first one.
                let tool = found.tool().unwrap_or_default();
                let visit = Visit {
                    function,
                    live,
                    path,
                    found,
                    cors: cors::Rules::of(tools.get(tool)),
                    origin,
                    request_id,
                };
                let cors = visit.cors;
                let mut response = pin!(self.route(&mut request, visit)).await;
                cors.apply(requested_origin.as_ref(), response.headers_mut());
                response
            }
            // A function that was never deployed answers nobody yet.
            _ => {
                let mut response = Response::from(Answer::FunctionNotFound);
                cors::Rules::of(None).apply(requested_origin.as_ref(), response.headers_mut());
                response
            }
        };
        answer::finish(&mut response, request_id);
        let unread = request.into_body();
        if unread.is_streamed() {
            seldom(|| unread.settle(response.headers_mut())).await;
        }
        response
    }

    /// The order of the checks after the target: preflight, static routes, route, token and its limits, then 404 or 405.
    async fn route(
        &self,
        request: &mut Request<Unread>,
        visit: Visit<'_>,
    ) -> Response<GatewayBody> {
        let Visit {
            function,
            live,
            path,
            mut found,
            cors,
            origin,
            request_id,
        } = visit;
        if origin.hops >= self.limits.max_hops {
            return Answer::LoopDetected.into();
        }
        let reserved = Reserved::of(path);
        if reserved == Some(Reserved::Mcp) && live.mcp.has_tools() {
            let exchange = mcp::Exchange {
                gateway: self,
                function,
                live,
                origin,
                request_id,
            };
            return seldom(|| mcp::answer(exchange, request)).await;
        }
        let tools = &live.manifest.tools;
        let mut is_own_preflight = false;
        if cors::is_preflight(request) {
            match live.routes.find(path, Method::OPTIONS.as_str()) {
                // Without CORS of the platform, a tool that takes OPTIONS may have its own. A browser sends no token with
                // a preflight.
                Found::Tool(own)
                    if reserved.is_none()
                        && cors.are_off()
                        && cors::Rules::of(tools.get(own.tool)).are_off() =>
                {
                    is_own_preflight = true;
                    found = Found::Tool(own);
                }
                _ => return cors.preflight(request.headers()),
            }
        }
        if let Some(answer) = statics::answer(request.method(), reserved, live) {
            return answer;
        }
        if live.mcp.has_tools() && reserved::is_probe(path, &live.routes) {
            // A caller without a token learns nothing about routes.
            let available = if live.manifest.is_public() {
                &*live.routes.available
            } else {
                &[]
            };
            return Answer::NotFound { available }.into();
        }
        let public = is_own_preflight
            || match &found {
                Found::Tool(found) => tools[found.tool].public,
                Found::OtherMethods(others) => others.iter().all(|tool| tools[*tool].public),
                Found::Nothing => live.manifest.is_public(),
            };
        let grant = if public {
            None
        } else {
            let grant = match auth::grant(self, request.headers(), function, origin) {
                Ok(grant) => grant,
                Err(answer) => return answer.into(),
            };
            // At a reserved path there was nothing but what has been answered above.
            let asked = if reserved.is_some() {
                &[]
            } else {
                found.tools()
            };
            let asked = asked.iter().map(|tool| tools[*tool].name.as_str());
            if let Err(answer) = auth::admit(&grant, asked) {
                return answer.into();
            }
            Some(grant)
        };
        let found = match found {
            Found::Tool(found) if reserved.is_none() => found,
            Found::OtherMethods(others) if reserved.is_none() => {
                let methods = others.iter().flat_map(|tool| &tools[*tool].methods);
                let allow = answer::allow(methods);
                if *request.method() == Method::OPTIONS {
                    return answer::options(allow);
                }
                return Answer::MethodNotAllowed { allow }.into();
            }
            _ => {
                let available = &live.routes.available;
                return Answer::NotFound { available }.into();
            }
        };
        let own = live.url.as_ref();
        if websocket::is_asked_for(request) && !cors.allow_websocket(request.headers(), own) {
            return Answer::Forbidden.into();
        }
        let call = invoke::Call {
            tool: &tools[found.tool],
            params: &found.params,
            path: found.path.as_deref().unwrap_or(path),
            url: &live.url,
            origin,
            grant: grant.as_ref(),
            request_id,
        };
        pin!(invoke::invoke(self, request, function, call)).await
    }
}

/// A request on its way, and what it has led to so far.
struct Visit<'a> {
    function: &'a Arc<Function>,
    live: &'a Live,
    /// The path that the function sees.
    path: &'a str,
    found: Found,
    cors: cors::Rules<'a>,
    origin: Origin,
    request_id: Uuid,
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
