//! Routes that the platform answers from the manifest, without a token and without waking a process.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode};
use jelou_core::manifest::{Mode, Tool};
use serde_json::{Value, json};

use super::GatewayBody;
use super::answer::{self, Answer};
use crate::registry::Live;
use crate::{mcp, openapi};

const HEALTH: &str = "/__health";

/// Paths that never reach a function's handler.
pub(crate) fn is_reserved(path: &str) -> bool {
    matches!(path, HEALTH | openapi::PATH | mcp::PATH)
}

pub(crate) fn answer(method: &Method, path: &str, live: &Live) -> Option<Response<GatewayBody>> {
    let body = match path {
        HEALTH => Bytes::from(health(live).to_string()),
        openapi::PATH => live.openapi.clone(),
        _ => return None,
    };
    let allow = HeaderValue::from_static("GET, HEAD, OPTIONS");
    Some(match *method {
        Method::GET | Method::HEAD => answer::json(StatusCode::OK, body),
        Method::OPTIONS => answer::options(allow),
        _ => Answer::MethodNotAllowed { allow }.into(),
    })
}

fn health(live: &Live) -> Value {
    let described = |tool: &Tool| json!({ "name": tool.name, "description": tool.description });
    let manifest = &live.manifest;
    match manifest.mode {
        Mode::Define => json!({
            "status": "ok",
            "mode": "define",
            "tool": manifest.tools.first().map(described),
        }),
        Mode::App => json!({
            "status": "ok",
            "mode": "app",
            "tools": manifest.tools.iter().map(described).collect::<Vec<_>>(),
        }),
    }
}
