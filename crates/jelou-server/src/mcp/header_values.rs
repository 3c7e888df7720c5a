//! Reads header values of MCP clients.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap};

use super::message::JsonRpcError;

/// Returns the value of a header that may occur only once. A value that is not visible ASCII is an error, because it
/// cannot match the body.
pub(super) fn single<'a>(
    headers: &'a HeaderMap,
    name: &str,
) -> Result<Option<&'a str>, JsonRpcError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(JsonRpcError::header_mismatch(format!(
            "Header mismatch: {name} was sent more than once"
        )));
    }
    match value.to_str() {
        Ok(value) => Ok(Some(value.trim())),
        Err(_) => Err(JsonRpcError::header_mismatch(format!(
            "Header mismatch: {name} has characters that no header may have"
        ))),
    }
}

/// Decodes the value of a header. A value that is not plain ASCII has been encoded (MCP 2026-07-28, "Value Encoding").
/// `None` if the encoding is invalid.
pub(super) fn decode(value: &str) -> Option<String> {
    let encoded = value
        .strip_prefix("=?base64?")
        .and_then(|value| value.strip_suffix("?="));
    match encoded {
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

/// Whether `Accept` is absent or allows JSON (RFC 9110, section 12.5.1).
pub(super) fn accepts_json(headers: &HeaderMap) -> bool {
    let mut ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(media_type)
        .peekable();
    ranges.peek().is_none()
        || ranges
            .any(|range| matches!(range.as_str(), "application/json" | "application/*" | "*/*"))
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| media_type(value) == "application/json")
}

/// Returns a media type without its parameters, in lower case.
pub(super) fn media_type(value: &str) -> String {
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_what_is_marked_is_decoded() {
        assert_eq!(decode("=?base64?SGVsbG8=?=").as_deref(), Some("Hello"));
        assert_eq!(decode("=?base64?SGVsbG8?="), None);
        assert_eq!(decode("=?base64?SGVs!!!bG8=?="), None);
        for literal in ["SGVsbG8=", "=?base64?SGVsbG8=", "SGVsbG8=?=", ""] {
            assert_eq!(decode(literal).as_deref(), Some(literal));
        }
    }

    #[test]
    fn json_must_be_acceptable() {
        let accepts = |value: Option<&'static str>| {
            let value = value.map(|value| (header::ACCEPT, HeaderValue::from_static(value)));
            accepts_json(&value.into_iter().collect())
        };
        assert!(accepts(None));
        assert!(accepts(Some("text/event-stream, Application/JSON;q=0.9")));
        assert!(accepts(Some("*/*")));
        assert!(!accepts(Some("text/event-stream")));
    }
}
