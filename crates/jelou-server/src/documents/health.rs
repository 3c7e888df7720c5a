//! The health document of a function.

use bytes::Bytes;
use jelou_core::Manifest;
use jelou_core::manifest::{Mode, Tool};
use serde_json::json;

pub(super) fn document(manifest: &Manifest) -> Bytes {
    let described = |tool: &Tool| json!({ "name": tool.name, "description": tool.description });
    let mut tools = manifest.tools.iter().map(described);
    let document = match manifest.mode {
        Mode::Define => json!({ "status": "ok", "mode": "define", "tool": tools.next() }),
        Mode::Handler => json!({ "status": "ok", "mode": "handler", "tool": tools.next() }),
        Mode::App => json!({ "status": "ok", "mode": "app", "tools": tools.collect::<Vec<_>>() }),
    };
    Bytes::from(document.to_string())
}
