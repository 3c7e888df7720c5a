//! Cross-origin requests (Fetch Standard, section 3.2). Preflights are answered from the manifest, and every response
//! has the headers that let a web page read it. Each tool has its own rules.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use jelou_core::manifest::{Cors, Tool};

use super::{GatewayBody, answer};

/// Headers that a web page may read, in addition to the safelisted headers (Fetch Standard, section 2.2.2) and the
/// headers that the function exposes.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "RateLimit, RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining, RateLimit-Reset, Retry-After, \
     X-Jelou-Token-Expires, X-Request-Id",
);
const EVERY_ORIGIN: HeaderValue = HeaderValue::from_static("*");

/// Whether the request is a preflight: an OPTIONS request that names the method of a later request. Any other OPTIONS
/// request is an ordinary request.
pub(crate) fn is_preflight<B>(request: &Request<B>) -> bool {
    asked_method(request).is_some()
}

/// Returns the method that a preflight asks for.
pub(crate) fn asked_method<B>(request: &Request<B>) -> Option<&str> {
    if *request.method() != Method::OPTIONS {
        return None;
    }
    let asked = request
        .headers()
        .get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    // A value that is not text matches no tool's method.
    Some(asked.to_str().unwrap_or_default())
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    tool: Option<&'a Tool>,
    cors: Option<&'a Cors>,
}

impl<'a> Rules<'a> {
    pub(crate) fn of(tool: Option<&'a Tool>) -> Self {
        Self {
            tool,
            cors: tool.and_then(|tool| tool.cors.as_ref()),
        }
    }

    /// Whether the origin list is empty: then the platform adds no CORS headers, but the function may.
    pub(crate) fn are_off(self) -> bool {
        self.cors.is_some_and(|cors| cors.origin.is_empty())
    }

    /// Whether the page of a request may open a WebSocket. Browsers send no preflight for a WebSocket, so the server
    /// must check the origin (RFC 6455, section 10.2). `own` is the function's own origin. A request without an origin
    /// does not come from a page.
    pub(crate) fn allow_websocket(self, headers: &HeaderMap, own: &str) -> bool {
        let Some(cors) = self.cors.filter(|_| !self.are_off()) else {
            // Without rules, every origin is allowed. With an empty list, the function decides.
            return true;
        };
        let is_allowed = |origin: &HeaderValue| origin == own || names(cors, origin);
        cors.origin.iter().any(|origin| origin == "*")
            || headers.get_all(header::ORIGIN).iter().all(is_allowed)
    }

    /// Builds the response to a preflight. `requested` contains the headers of the preflight.
    pub(crate) fn preflight(self, requested: &HeaderMap) -> Response<GatewayBody> {
        let mut response = Response::new(GatewayBody::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if self.are_off() {
            return response;
        }
        let headers = response.headers_mut();
        let named = self.cors.and_then(|cors| cors.methods.as_ref());
        if let Some(methods) = named.or(self.tool.map(|tool| &tool.methods)) {
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_METHODS,
                answer::allow(methods.iter()),
            );
        }
        match self.cors.and_then(|cors| cors.headers.as_ref()) {
            Some(listed) => insert(
                headers,
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                listed.join(", "),
            ),
            // Any header is allowed, because tracing and client libraries send headers that the function's author does
            // not know.
            None => {
                headers.append(
                    header::VARY,
                    HeaderValue::from_static("Access-Control-Request-Headers"),
                );
                for asked in requested.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                    headers.append(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
                }
            }
        }
        let max_age = self.cors.map_or_else(
            || Cors::default().max_age.to_string(),
            |cors| cors.max_age.to_string(),
        );
        insert(headers, header::ACCESS_CONTROL_MAX_AGE, max_age);
        response
    }

    /// Adds the CORS headers of a response, unless the function has set them. `requested` is the request's `Origin`.
    pub(crate) fn apply(self, requested: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.are_off() || headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        match self.cors {
            Some(cors) if !cors.origin.iter().any(|origin| origin == "*") => {
                headers.append(header::VARY, HeaderValue::from_static("Origin"));
                let Some(origin) = requested.filter(|origin| names(cors, origin)) else {
                    return;
                };
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                // Not with `*`: any web page could then call the function with its visitor's credentials.
                if cors.credentials {
                    headers.insert(
                        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                        HeaderValue::from_static("true"),
                    );
                }
            }
            _ => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, EVERY_ORIGIN);
            }
        }
        headers.append(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    }
}

fn names(cors: &Cors, origin: &HeaderValue) -> bool {
    cors.origin
        .iter()
        .any(|named| named.as_bytes() == origin.as_bytes())
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}
