//! Answers callers of functions. A request passes each room once: which function ([`address`]), what needs no
//! process ([`cors`], [`statics`]), which route, whether the token opens it ([`auth`]), then the worker ([`invoke`]).
//! MCP goes its own way ([`crate::mcp`]) by the same rules.

mod address;
pub(crate) mod answer;
pub(crate) mod auth;
mod body;
pub(crate) mod cors;
mod forward;
pub(crate) mod invoke;
mod statics;
pub(crate) mod unread;

use std::net::IpAddr;
use std::sync::Arc;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use jelou_core::{Clock, Limits};
use uuid::Uuid;

pub(crate) use address::{Address, Domain};
pub(crate) use body::GatewayBody;

use crate::config::Mcp;
use crate::mcp;
use crate::registry::{Function, Live, Registry};
use answer::Answer;
use unread::Unread;

#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) registry: Arc<Registry>,
    pub(crate) domain: Domain,
    pub(crate) limits: Limits,
    pub(crate) mcp: Mcp,
    pub(crate) clock: Clock,
}

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    /// Absent for a call by another function.
    pub(crate) peer: Option<IpAddr>,
    /// Calls already made in the chain that this request continues.
    pub(crate) hops: u32,
}

impl Gateway {
    /// Whether the request's address names a function, and not this server itself.
    pub(crate) fn is_for_function<B>(&self, request: &Request<B>) -> bool {
        let host = host_of(request);
        self.domain.address(&host, request.uri().path()) != Address::Other
    }

    pub(crate) async fn answer_function(
        &self,
        request: Request<Incoming>,
        origin: Origin,
    ) -> Response<GatewayBody> {
        let request_id = Uuid::new_v4();
        let requested_origin = request.headers().get(http::header::ORIGIN).cloned();
        let host = host_of(&request);
        let uri = request.uri().clone();
        let mut request = request.map(Unread::new);
        let (function, path) = match self.domain.address(&host, uri.path()) {
            Address::Function { label, path } => (self.registry.function(label), path),
            Address::Other => (None, ""),
        };
        let live = function
            .as_ref()
            .and_then(|function| function.live.load_full());
        let mut response = match (&function, &live) {
            (Some(function), Some(live)) => {
                self.route(&mut request, path, function, live, origin, request_id)
                    .await
            }
            // A function that was never deployed answers nobody yet.
            _ => Answer::FunctionNotFound.into(),
        };
        let cors = live.as_deref().map(cors::of_response).unwrap_or_default();
        cors.apply(requested_origin.as_ref(), response.headers_mut());
        answer::finish(&mut response, request_id);
        request.into_body().settle(response.headers_mut()).await;
        response
    }

    /// The order of the checks: preflight, static routes, route, token, then 404 or 405.
    async fn route(
        &self,
        request: &mut Request<Unread>,
        path: &str,
        function: &Arc<Function>,
        live: &Live,
        origin: Origin,
        request_id: Uuid,
    ) -> Response<GatewayBody> {
        if origin.hops >= self.limits.max_hops {
            return Answer::LoopDetected.into();
        }
        if path == mcp::PATH && live.mcp.has_tools() {
            let exchange = mcp::Exchange {
                gateway: self,
                function,
                live,
                origin,
                request_id,
            };
            return mcp::answer(exchange, request).await;
        }
        let found = live.routes.find(path);
        let tool = found.as_ref().map(|found| &live.manifest.tools[found.tool]);
        if cors::is_preflight(request) {
            return cors::preflight(tool, live);
        }
        if let Some(answer) = statics::answer(request.method(), path, live) {
            return answer;
        }
        let public = tool.map_or_else(|| live.manifest.is_public(), |tool| tool.public);
        if !public && !auth::opens(self, request.headers(), function) {
            return Answer::Unauthorized.into();
        }
        let (Some(found), Some(tool)) = (found, tool) else {
            return Answer::NotFound {
                available: &live.routes.available,
            }
            .into();
        };
        if statics::is_reserved(path) {
            return Answer::NotFound {
                available: &live.routes.available,
            }
            .into();
        }
        let method = request.method();
        let wanted = if *method == Method::HEAD {
            "GET"
        } else {
            method.as_str()
        };
        if !tool.methods.iter().any(|allowed| allowed == wanted) {
            return Answer::MethodNotAllowed {
                allowed: &tool.methods,
            }
            .into();
        }
        let call = invoke::Call {
            tool,
            params: &found.params,
            path,
            origin,
            request_id,
        };
        invoke::invoke(self, request, function, call).await
    }
}

/// The host that the request names, in lower case: in its target (RFC 9112, section 3.2.2), else in its header.
fn host_of<B>(request: &Request<B>) -> String {
    let named = request
        .uri()
        .authority()
        .map(http::uri::Authority::as_str)
        .or_else(|| {
            request
                .headers()
                .get(http::header::HOST)
                .and_then(|host| host.to_str().ok())
        });
    named.unwrap_or_default().to_ascii_lowercase()
}
