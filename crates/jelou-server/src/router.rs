//! The order of checks for a request to a function: its target, MCP, preflight, documents, route, the token and its
//! limits. A request that passes all checks goes to the worker.

use std::pin::pin;
use std::sync::Arc;

use http::{HeaderMap, Method, Request, Response, header};
use http_body::Body as _;
use hyper::body::Incoming;
use jelou_core::cold_future;
use jelou_core::manifest::Mode;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::access_log::{AccessHead, AccessLog};
use crate::gateway::answer::{self, Answer, Forbidden, OwnAnswer};
use crate::gateway::call_log::{self, CallHead, CallNotes};
use crate::gateway::reserved::{self, Reserved};
use crate::gateway::selection::{self, Selection};
use crate::gateway::unread::Unread;
use crate::gateway::{
    Caller, Gateway, GatewayBody, Target, auth, cors, deployment_documents, invoke, refusals,
    target, token_document, token_headers, websocket,
};
use crate::mcp;
use crate::registry::{Found, Function, Grant, Live};
use crate::telemetry::{Exporter, TraceContext};

/// Answers a request to a function.
pub(crate) async fn answer(
    gateway: &Gateway,
    mut request: Request<Incoming>,
    target: Target,
    caller: Caller,
) -> Response<GatewayBody> {
    let request_id = Uuid::new_v4();
    let access = access_head(gateway, &target, &request);
    let notes = CallNotes::start(trace_of(gateway, request.headers(), request_id));
    let method = request.method().clone();
    let bytes_in = request.body().size_hint().exact();
    let requested_origin = request.headers().get(header::ORIGIN).cloned();
    let Target {
        mut function,
        unknown,
        mut skipped,
    } = target;
    let selection = selection::select(gateway, &mut function, request.headers());
    let live = function.as_ref().and_then(|one| one.live.load_full());
    if let (Some(function), Some(live)) = (&function, &live)
        && live.manifest.mode == Mode::Handler
    {
        skipped += target::supabase_prefix(&request.uri().path()[skipped..], &function.slug);
    }
    let read = target::read(&mut request, skipped);
    // The URI has the canonical path from here on.
    let uri = request.uri().clone();
    let path = uri.path();
    let mut request = Unread::of(request);
    let mut response = match (&function, &live, read) {
        (Some(function), live, _) if selection == Selection::Unknown => unknown_deployment(
            gateway,
            request.headers(),
            (function, live.as_deref()),
            caller,
        ),
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
            // If no tool has the path, uses the CORS rules of the first tool.
            let tool = found.tool().unwrap_or_default();
            let routed = Routed {
                function,
                live,
                path,
                found,
                cors: cors::Rules::of(tools.get(tool)),
                caller,
                request_id,
                notes: &notes,
            };
            let cors = routed.cors;
            let span = tracing::debug_span!(
                "call",
                function = %function.slug,
                deployment = %live.slot.spec().deployment,
                %request_id,
            );
            // Pinned first, so that `instrument` moves only a pointer.
            let route = pin!(route(gateway, &mut request, routed));
            let mut response = route.instrument(span).await;
            cors.apply(requested_origin.as_ref(), response.headers_mut());
            response
        }
        // The function does not exist, or has no deployment.
        _ => {
            let mut response = no_deployment(function.as_deref(), unknown.as_deref());
            cors::Rules::of(None).apply(requested_origin.as_ref(), response.headers_mut());
            response
        }
    };
    refusals::log_refused(
        gateway,
        function.as_deref(),
        &request,
        caller,
        request_id,
        &response,
    );
    answer::finish(&mut response, request_id);
    if let (Some(development), Some(function)) = (&gateway.development, &function) {
        let finishing = development.finish(&function.slug, live.as_deref(), &mut response);
        cold_future(|| finishing).await;
    }
    let head = CallHead {
        method,
        path,
        bytes_in,
        caller,
        request_id,
    };
    let target = (function.as_deref(), live.as_deref());
    record(gateway, target, notes, head, access, &mut response);
    let mut unread = request.into_body();
    if !unread.drain_arrived() {
        cold_future(|| unread.settle(response.headers_mut())).await;
    }
    response
}

/// Counts and records the answered request.
fn record(
    gateway: &Gateway,
    (function, live): (Option<&Function>, Option<&Live>),
    notes: CallNotes,
    head: CallHead<'_>,
    access: Option<(&AccessLog, AccessHead)>,
    response: &mut Response<GatewayBody>,
) {
    if let Some(OwnAnswer { code, .. }) = response.extensions().get() {
        gateway.metrics.refusals.count(code);
    }
    if let Some(function) = function {
        return call_log::record(gateway, function, live, notes, head, response);
    }
    gateway.metrics.server.requests_without_function.increment();
    if let Some((log, access)) = access {
        let status = response.status().as_u16();
        log.other(access, head.caller.address, Some(head.request_id), status);
    }
}

/// Returns the head of a request for the access log, if the request addresses no existing function.
fn access_head<'a>(
    gateway: &'a Gateway,
    target: &Target,
    request: &Request<Incoming>,
) -> Option<(&'a AccessLog, AccessHead)> {
    let log = gateway.access_log.as_ref()?;
    target
        .function
        .is_none()
        .then(|| (log, AccessHead::of(request)))
}

/// Returns the trace context of the call; `None` if the call is not traced.
fn trace_of(gateway: &Gateway, headers: &HeaderMap, request_id: Uuid) -> Option<TraceContext> {
    let telemetry = gateway.telemetry.as_ref();
    let sample = telemetry.and_then(Exporter::sample);
    let trace = TraceContext::of(headers, request_id, sample)?;
    if let (Some(telemetry), Some(_)) = (telemetry, trace.parent) {
        telemetry.note_trace(request_id, trace.trace);
    }
    Some(trace)
}

/// Answers a request for an unknown deployment. Only callers with a token learn which deployments exist.
fn unknown_deployment(
    gateway: &Gateway,
    headers: &HeaderMap,
    (function, live): (&Function, Option<&Live>),
    caller: Caller,
) -> Response<GatewayBody> {
    let mut response = match auth::grant(gateway, headers, function, caller) {
        Ok(_) => Response::from(Answer::DeploymentNotFound),
        Err(answer) => answer.into(),
    };
    let cors = cors::Rules::of(live.and_then(|live| live.manifest.tools.first()));
    cors.apply(headers.get(header::ORIGIN), response.headers_mut());
    response
}

fn no_deployment(function: Option<&Function>, unknown: Option<&str>) -> Response<GatewayBody> {
    let reason = match (function, unknown) {
        (Some(_), _) => "the function has no deployment".into(),
        (None, Some(name)) => refusals::no_such_function(name),
        (None, None) => "no deployed function has this host".into(),
    };
    Answer::FunctionNotFound { reason }.into()
}

/// Runs the checks after the target. The token is checked before 404 and 405.
async fn route(
    gateway: &Gateway,
    request: &mut Request<Unread>,
    mut routed: Routed<'_>,
) -> Response<GatewayBody> {
    let Routed {
        function,
        live,
        path,
        cors,
        caller,
        request_id,
        notes,
        ..
    } = routed;
    if caller.hops >= gateway.limits.max_hops {
        return Answer::LoopDetected {
            max_hops: gateway.limits.max_hops,
        }
        .into();
    }
    if gateway.freshness.is_stale() {
        return Answer::Stale.into();
    }
    // Every request to a preview needs a token, even for documents and MCP messages, and the function answers no
    // preflights.
    let is_preview = function.preview.is_some();
    if is_preview && !cors::is_preflight(request) {
        let grant = auth::grant(gateway, request.headers(), function, caller);
        if let Err(answer) = grant {
            return answer.into();
        }
    }
    let reserved = Reserved::of(path);
    if reserved == Some(Reserved::Mcp) && live.documents.mcp.is_served() {
        let exchange = mcp::Exchange {
            gateway,
            function,
            live,
            caller,
            request_id,
            notes,
        };
        return cold_future(|| mcp::answer(exchange, request)).await;
    }
    let tools = &live.manifest.tools;
    let mut is_own_preflight = false;
    if cors::is_preflight(request) {
        match live.routes.find(path, Method::OPTIONS.as_str()) {
            // With `cors: false`, a tool that accepts OPTIONS answers preflights itself. No token is needed, because a
            // browser sends none with a preflight.
            Found::Tool(own)
                if reserved.is_none()
                    && !is_preview
                    && cors.are_off()
                    && cors::Rules::of(tools.get(own.tool)).are_off() =>
            {
                is_own_preflight = true;
                routed.found = Found::Tool(own);
            }
            _ => return cors.preflight(request.headers()),
        }
    }
    if let Some(answer) = deployment_documents::answer(request.method(), reserved, live) {
        return answer;
    }
    if reserved == Some(Reserved::Token) {
        return cold_future(|| token_document::answer(gateway, request, function, caller)).await;
    }
    if live.documents.mcp.has_tools() && reserved::is_probe(path, &live.routes) {
        return probe_not_found(live);
    }
    let public = is_own_preflight
        || match &routed.found {
            Found::Tool(found) => tools[found.tool].public,
            Found::OtherMethods(others) => others.iter().all(|tool| tools[*tool].public),
            Found::Nothing => live.manifest.is_public(),
        };
    let grant = if public {
        None
    } else {
        // A reserved path has no tool.
        let asked = if reserved.is_some() {
            &[]
        } else {
            routed.found.tools()
        };
        let asked = asked.iter().map(|tool| tools[*tool].name.as_str());
        let head = (request.method(), request.headers());
        match auth::authorize(gateway, head, function, caller, asked) {
            Ok(grant) => Some(grant),
            Err(answer) => return answer.into(),
        }
    };
    if let Some(grant) = &grant {
        let _ = notes.token.set(grant.token.clone());
    }
    let dispatched = dispatch(gateway, request, routed, reserved, grant.as_ref());
    let mut response = pin!(dispatched).await;
    if let Some(grant) = &grant {
        token_headers::announce(grant, &gateway.clock, &mut response);
    }
    response
}

/// Runs the steps after the token. `grant` is `None` for a public route.
async fn dispatch(
    gateway: &Gateway,
    request: &mut Request<Unread>,
    routed: Routed<'_>,
    reserved: Option<Reserved>,
    grant: Option<&Grant>,
) -> Response<GatewayBody> {
    let Routed {
        function,
        live,
        path,
        found,
        cors,
        caller,
        request_id,
        notes,
    } = routed;
    let tools = &live.manifest.tools;
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
    if websocket::is_asked_for(request) && !cors.allow_websocket(request.headers(), &live.url) {
        return Answer::Forbidden(Forbidden::Origin).into();
    }
    // Set only once for each call, so this cannot fail.
    let _ = notes.tool.set(found.tool);
    let call = invoke::Call {
        tool: &tools[found.tool],
        params: &found.params,
        path: found.path.as_deref().unwrap_or(path),
        url: &live.url,
        caller,
        grant,
        request_id,
        notes,
        scheduled: None,
    };
    pin!(invoke::invoke(gateway, request, function, call)).await
}

/// Returns the response to a path that MCP clients probe. Callers without a token learn nothing about the routes.
fn probe_not_found(live: &Live) -> Response<GatewayBody> {
    let available = if live.manifest.is_public() {
        &*live.routes.available
    } else {
        &[]
    };
    Answer::NotFound { available }.into()
}

/// The data of a request after route matching.
struct Routed<'a> {
    function: &'a Arc<Function>,
    live: &'a Live,
    /// The path that the function sees.
    path: &'a str,
    found: Found,
    cors: cors::Rules<'a>,
    caller: Caller,
    request_id: Uuid,
    notes: &'a CallNotes,
}
