//! Content blocks: the parts of a tool's result for the model.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// A content block. A large text is borrowed.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Block<'a> {
    Text {
        r#type: &'static str,
        text: Cow<'a, str>,
    },
    /// A block from the handler's result, unchanged.
    Made(&'a RawValue),
    Other(Value),
}

pub(super) fn text<'a>(text: impl Into<Cow<'a, str>>) -> Block<'a> {
    Block::Text {
        r#type: "text",
        text: text.into(),
    }
}

/// Builds a block for bytes of this media type. `url` is the URI of a resource block.
pub(super) fn of_bytes<'a>(media_type: &str, bytes: &'a [u8], url: &str) -> Block<'a> {
    let kind = media_type.split('/').next().unwrap_or_default();
    match (kind, std::str::from_utf8(bytes)) {
        ("image" | "audio", _) => Block::Other(
            json!({ "type": kind, "data": STANDARD.encode(bytes), "mimeType": media_type }),
        ),
        (_, Ok(readable)) => text(readable),
        ("text", Err(_)) => text(String::from_utf8_lossy(bytes)),
        (_, Err(_)) => Block::Other(json!({
            "type": "resource",
            "resource": { "uri": url, "mimeType": media_type, "blob": STANDARD.encode(bytes) },
        })),
    }
}

/// Whether a value is a valid content block of MCP.
pub(super) fn is_block(value: &Value) -> bool {
    let strings = |of: &Value, names: &[&str]| {
        names
            .iter()
            .all(|name| of.get(name).is_some_and(Value::is_string))
    };
    match value.get("type").and_then(Value::as_str) {
        Some("text") => strings(value, &["text"]),
        Some("image" | "audio") => strings(value, &["data", "mimeType"]),
        Some("resource_link") => strings(value, &["uri", "name"]),
        Some("resource") => value.get("resource").is_some_and(|resource| {
            strings(resource, &["uri"])
                && (strings(resource, &["text"]) || strings(resource, &["blob"]))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(block: &Block<'_>) -> Value {
        serde_json::to_value(block).unwrap()
    }

    #[test]
    fn bytes_become_the_block_of_their_type() {
        let block =
            |media_type: &str, bytes: &[u8]| written(&of_bytes(media_type, bytes, "https://x/y"));
        let text = |plain: &'static str| written(&text(plain));
        assert_eq!(block("text/csv", b"a,b"), text("a,b"));
        assert_eq!(block("application/xml", b"<a/>"), text("<a/>"));
        assert_eq!(
            block("image/png", b"png"),
            json!({ "type": "image", "data": "cG5n", "mimeType": "image/png" })
        );
        assert_eq!(
            block("application/pdf", b"\xff"),
            json!({ "type": "resource", "resource": {
                "uri": "https://x/y", "mimeType": "application/pdf", "blob": "/w==",
            } })
        );
        assert_eq!(block("text/plain", b"\xff"), text("\u{fffd}"));
    }

    #[test]
    fn blocks_are_told_from_data_that_looks_like_them() {
        for block in [
            written(&text("x")),
            json!({ "type": "resource_link", "uri": "a:b", "name": "n" }),
            json!({ "type": "resource", "resource": { "uri": "a:b", "blob": "" } }),
        ] {
            assert!(is_block(&block), "{block}");
        }
        for data in [
            json!("x"),
            json!({ "type": "paragraph", "text": "x" }),
            json!({ "type": "text" }),
            json!({ "type": "image", "data": "x" }),
            json!({ "type": "resource", "resource": { "uri": "a:b" } }),
        ] {
            assert!(!is_block(&data), "{data}");
        }
    }
}
