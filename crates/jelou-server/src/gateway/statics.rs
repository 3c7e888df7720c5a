//! Routes that the platform answers from the manifest, without a token and without waking a process.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode};
use jelou_core::manifest::{Mode, Tool};
use serde_json::{Value, json};

use super::GatewayBody;
use super::answer::{self, Answer};
use super::reserved::Reserved;
use crate::registry::Live;

pub(super) fn answer(
    method: &Method,
    reserved: Option<Reserved>,
    live: &Live,
) -> Option<Response<GatewayBody>> {
    let body = match reserved? {
        Reserved::Health => Bytes::from(health(live).to_string()),
        Reserved::OpenApi => live.openapi.clone(),
        Reserved::Mcp => return None,
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
