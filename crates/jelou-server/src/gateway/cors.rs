//! Cross-origin requests (Fetch Standard, section 3.2): preflights are answered from the manifest, and every response
//! carries what a browser needs to read it.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use jelou_core::manifest::{Cors, Tool};

use super::{GatewayBody, answer};
use crate::registry::Live;

const DEFAULT_REQUEST_HEADERS: &str = "Content-Type, Authorization, X-Jelou-Token";
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static("X-Request-Id");

/// A preflight is an OPTIONS request that asks for a method; any other OPTIONS request is an ordinary one.
pub(crate) fn is_preflight<B>(request: &Request<B>) -> bool {
    *request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

pub(crate) fn preflight(tool: Option<&Tool>, live: &Live) -> Response<GatewayBody> {
    let default = Cors::default();
    let tool = tool.or_else(|| live.manifest.tools.first());
    let cors = tool.and_then(|tool| tool.cors.as_ref()).unwrap_or(&default);
    let mut response = Response::new(GatewayBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let methods = cors.methods.as_ref().or(tool.map(|tool| &tool.methods));
    if let Some(methods) = methods {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, answer::allow(methods));
    }
    let allowed = cors.headers.as_ref().map_or_else(
        || DEFAULT_REQUEST_HEADERS.to_owned(),
        |headers| headers.join(", "),
    );
    insert(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    insert(
        headers,
        header::ACCESS_CONTROL_MAX_AGE,
        cors.max_age.to_string(),
    );
    response
}

/// The rule for the responses of one function.
#[derive(Debug, Default)]
pub(crate) struct ResponseCors {
    origins: Option<Vec<String>>,
    credentials: bool,
}

pub(crate) fn of_response(live: &Live) -> ResponseCors {
    match live
        .manifest
        .tools
        .first()
        .and_then(|tool| tool.cors.as_ref())
    {
        Some(cors) => ResponseCors {
            origins: (!cors.origin.iter().any(|origin| origin == "*")).then(|| cors.origin.clone()),
            credentials: cors.credentials,
        },
        None => ResponseCors::default(),
    }
}

impl ResponseCors {
    /// Leaves alone what the function has set itself.
    pub(crate) fn apply(&self, requested: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        let allowed = match (&self.origins, requested) {
            // With credentials a browser takes no `*`.
            (None, Some(origin)) if self.credentials => Some(origin.clone()),
            (None, _) => Some(HeaderValue::from_static("*")),
            (Some(origins), Some(origin)) => origins
                .iter()
                .any(|allowed| allowed.as_bytes() == origin.as_bytes())
                .then(|| origin.clone()),
            (Some(_), None) => None,
        };
        if self.origins.is_some() || self.credentials {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        let Some(allowed) = allowed else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        if self.credentials {
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}
