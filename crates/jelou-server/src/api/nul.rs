//! Refuses U+0000 in the text of requests. PostgreSQL cannot store it, and no name, header or environment variable can
//! contain it. Servers on SQLite refuse it too, so that their backups can be restored into PostgreSQL.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jelou_core::ErrorCode;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::form_urlencoded;

use super::problem::ApiError;

/// The character in JSON, which must escape it.
const ESCAPED: &[u8] = b"\\u0000";

/// Refuses the character in the path and in the query of every route.
pub(super) async fn refuse(request: Request, next: Next) -> Response {
    match in_target(&request) {
        None => next.run(request).await,
        Some(place) => refusal(&place).into_response(),
    }
}

fn in_target(request: &Request) -> Option<String> {
    let uri = request.uri();
    if percent_decode_str(uri.path()).any(|byte| byte == 0) {
        return Some("the path".to_owned());
    }
    let parameters = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    in_pairs(parameters).map(|name| format!("the query parameter `{name}`"))
}

/// Returns the name of the first pair that has the character.
pub(super) fn in_pairs<N: AsRef<str>, V: AsRef<str>>(
    mut pairs: impl Iterator<Item = (N, V)>,
) -> Option<String> {
    let found = pairs.find(|(name, value)| has(name.as_ref()) || has(value.as_ref()))?;
    Some(found.0.as_ref().escape_debug().to_string())
}

/// Refuses the character in the strings of a JSON document.
pub(super) fn check_json(text: &[u8]) -> Result<(), ApiError> {
    if !text.windows(ESCAPED.len()).any(|found| found == ESCAPED) {
        return Ok(());
    }
    // For text that is not JSON, the parser of the request returns a better error.
    match serde_json::from_slice(text) {
        Ok(value) => check(&value),
        Err(_) => Ok(()),
    }
}

/// Refuses the character in the strings of a JSON value.
pub(super) fn check(value: &Value) -> Result<(), ApiError> {
    let mut place = Vec::new();
    if !find(value, &mut place) {
        return Ok(());
    }
    place.reverse();
    let place = place.concat();
    let field = place.trim_start_matches('.');
    Err(refusal(&format!("the field `{field}`")))
}

/// Collects the place of the first string with the character, from the inside out.
fn find(value: &Value, place: &mut Vec<String>) -> bool {
    match value {
        Value::String(text) => has(text),
        Value::Array(items) => {
            let found = items.iter().position(|item| find(item, place));
            place.extend(found.map(|at| format!("[{at}]")));
            found.is_some()
        }
        Value::Object(fields) => {
            let mut fields = fields.iter();
            let found = fields.find(|(name, value)| has(name) || find(value, place));
            place.extend(found.map(|(name, _)| format!(".{}", name.escape_debug())));
            found.is_some()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn has(text: &str) -> bool {
    text.contains('\0')
}

pub(super) fn refusal(place: &str) -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        ErrorCode::ValidationError,
        format!("{place} contains the character U+0000, which cannot be stored"),
    )
    .hint("remove the character; to keep binary data in a secret, encode it with base64")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[test]
    fn the_field_is_named() {
        let place = |json: &str| check_json(json.as_bytes()).unwrap_err().into_texts().0;
        for (json, field) in [
            (r#"{"a":1,"name":"x\u0000"}"#, "`name`"),
            (r#"{"labels":{"tags":["a","\u0000"]}}"#, "`labels.tags[1]`"),
            (r#"{"secrets":{"A\u0000":"b"}}"#, "`secrets.A\\0`"),
        ] {
            assert!(place(json).contains(field), "{}", place(json));
        }
        for json in [
            r#"{"name":"\\u0000"}"#,
            r#"{"name":"ñ"}"#,
            r#"{"name":"\u0000"#,
        ] {
            assert!(check_json(json.as_bytes()).is_ok(), "{json}");
        }
    }

    #[test]
    fn the_parameter_is_named() {
        let place = |uri: &str| in_target(&Request::get(uri).body(Body::empty()).unwrap());
        assert_eq!(place("/v1/functions/a%00b").unwrap(), "the path");
        let found = place("/v1/logs?after=1&filter=a%00").unwrap();
        assert_eq!(found, "the query parameter `filter`");
        assert_eq!(place("/v1/logs?filter=%2500"), None);
    }
}
