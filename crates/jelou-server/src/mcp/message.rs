//! JSON-RPC 2.0: parses the message in a request's body, and builds the responses.

use bytes::Bytes;
use http::{Response, StatusCode};
use jelou_core::surrogates::parse_json;
use serde_json::{Map, Value, json};

use super::result_memory::{self, Share};
use crate::gateway::{GatewayBody, answer};

/// Error codes of JSON-RPC 2.0 (section 5.1) and of MCP 2026-07-28 ("Error Codes").
const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;
const HEADER_MISMATCH: i32 = -32020;
const UNSUPPORTED_VERSION: i32 = -32022;

#[derive(Debug)]
pub(super) enum Message {
    Request(Request),
    /// A message without a response. Only the cancellation of a request has an effect.
    Notification {
        /// The id of the request to cancel.
        cancelled: Option<Value>,
    },
}

#[derive(Debug)]
pub(super) struct Request {
    /// A string or an integer.
    pub(super) id: Value,
    pub(super) method: String,
    pub(super) params: Map<String, Value>,
}

impl Message {
    /// `None` if the message is not a tool call.
    pub(super) fn called_tool(&self) -> Option<&str> {
        match self {
            Self::Request(request) if request.method == "tools/call" => {
                request.params.get("name")?.as_str()
            }
            _ => None,
        }
    }

    pub(super) fn parse(body: &[u8]) -> Result<Self, JsonRpcError> {
        let invalid = |text: &str| JsonRpcError::invalid_request(StatusCode::BAD_REQUEST, text);
        let mut message = match parse_json(body) {
            Ok(Value::Object(message)) => message,
            Ok(Value::Array(_)) => {
                return Err(invalid("Batches are not supported: send one message"));
            }
            Ok(_) => return Err(invalid("The body must be a JSON-RPC message")),
            Err(error) => return Err(JsonRpcError::parse_error(&error)),
        };
        let id = message.remove("id");
        let of_id = |refusal: JsonRpcError| match &id {
            Some(id) if is_id(id) => refusal.of(id.clone()),
            _ => refusal,
        };
        if message
            .get("jsonrpc")
            .is_none_or(|version| version != "2.0")
        {
            return Err(of_id(invalid("`jsonrpc` must be \"2.0\"")));
        }
        let Some(Value::String(method)) = message.remove("method") else {
            return Err(of_id(invalid(
                "`method` must be a string; this server sends no requests, so it takes no responses",
            )));
        };
        let Some(id) = id else {
            return if method.starts_with("notifications/") {
                let cancels = method == "notifications/cancelled";
                let id = message
                    .get("params")
                    .and_then(|params| params.get("requestId"))
                    .filter(|id| cancels && is_id(id));
                Ok(Self::Notification {
                    cancelled: id.cloned(),
                })
            } else {
                Err(invalid("A request needs an `id`"))
            };
        };
        if !is_id(&id) {
            return Err(invalid("`id` must be a string or an integer"));
        }
        let params = match message.remove("params") {
            None => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => {
                let refusal = JsonRpcError::invalid_params("`params` must be an object");
                return Err(refusal.with_status(StatusCode::BAD_REQUEST).of(id));
            }
        };
        Ok(Self::Request(Request { id, method, params }))
    }
}

fn is_id(id: &Value) -> bool {
    id.is_string() || id.is_i64() || id.is_u64()
}

/// Builds the response to a successful request. `result` is JSON.
pub(super) fn response(id: &Value, result: &[u8]) -> Response<GatewayBody> {
    large_response(id, result, None)
}

/// Like [`response`], for a result whose memory is accounted for: `share` is released when the response was sent.
pub(super) fn large_response(
    id: &Value,
    result: &[u8],
    share: Option<Share>,
) -> Response<GatewayBody> {
    let id = id.to_string();
    let mut body = Vec::with_capacity(id.len() + result.len() + 36);
    body.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    body.extend_from_slice(id.as_bytes());
    body.extend_from_slice(br#","result":"#);
    body.extend_from_slice(result);
    body.push(b'}');
    answer::json(StatusCode::OK, result_memory::held(body, share))
}

/// The error response to a request.
#[derive(Debug)]
pub(super) struct JsonRpcError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    /// `None` if the request has no valid id.
    id: Option<Value>,
    code: i32,
    message: String,
    data: Option<Value>,
}

impl JsonRpcError {
    fn new(status: StatusCode, code: i32, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            status,
            id: None,
            code,
            message: message.into(),
            data: None,
        }))
    }

    fn parse_error(error: &serde_json::Error) -> Self {
        let message = format!("The body is not JSON: {error}");
        Self::new(StatusCode::BAD_REQUEST, PARSE_ERROR, message)
    }

    pub(super) fn invalid_request(status: StatusCode, message: &str) -> Self {
        Self::new(status, INVALID_REQUEST, message)
    }

    pub(super) fn no_such_method(status: StatusCode, method: &str) -> Self {
        let message = format!("Method not found: {method}");
        Self::new(status, METHOD_NOT_FOUND, message)
    }

    pub(super) fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(StatusCode::OK, INVALID_PARAMS, message)
    }

    pub(super) fn header_mismatch(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, HEADER_MISMATCH, message)
    }

    pub(super) fn unsupported_version(requested: &str, supported: &[&str]) -> Self {
        let message = format!("Unsupported protocol version: {requested}");
        let mut refusal = Self::new(StatusCode::BAD_REQUEST, UNSUPPORTED_VERSION, message);
        refusal.0.data = Some(json!({ "supported": supported, "requested": requested }));
        refusal
    }

    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// Sets the id of the request that is answered.
    pub(super) fn of(mut self, id: Value) -> Self {
        self.0.id = Some(id);
        self
    }
}

impl From<JsonRpcError> for Response<GatewayBody> {
    fn from(JsonRpcError(refusal): JsonRpcError) -> Self {
        let mut error = json!({ "code": refusal.code, "message": refusal.message });
        if let Some(data) = refusal.data {
            error["data"] = data;
        }
        let body = match refusal.id {
            Some(id) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
            None => json!({ "jsonrpc": "2.0", "error": error }),
        };
        answer::json(refusal.status, Bytes::from(body.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// JavaScript writes lone surrogates, and the HTTP routes accept them.
    #[test]
    fn lone_surrogates_are_accepted() {
        for (sent, read) in [
            (r"\ud800", "\u{fffd}"),
            (r"\udc00x", "\u{fffd}x"),
            (r"\ud83d\ude00", "😀"),
        ] {
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{sent}"}}}}"#
            );
            let message = Message::parse(body.as_bytes()).unwrap();
            assert_eq!(message.called_tool(), Some(read));
        }
    }

    #[test]
    fn what_is_no_message_is_refused_with_its_id() {
        let refusal = |body: &str| {
            let JsonRpcError(refusal) = Message::parse(body.as_bytes()).unwrap_err();
            (refusal.code, refusal.id)
        };
        assert_eq!(refusal("{"), (PARSE_ERROR, None));
        assert_eq!(refusal("[]"), (INVALID_REQUEST, None));
        assert_eq!(refusal("1"), (INVALID_REQUEST, None));
        assert_eq!(
            refusal(r#"{"id":1,"method":"ping"}"#),
            (INVALID_REQUEST, Some(json!(1)))
        );
        assert_eq!(
            refusal(r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#),
            (INVALID_REQUEST, None)
        );
        assert_eq!(
            refusal(r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#),
            (INVALID_REQUEST, None)
        );
        assert_eq!(
            refusal(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
            (INVALID_REQUEST, Some(json!(1)))
        );
        assert_eq!(
            refusal(r#"{"jsonrpc":"2.0","method":"tools/call"}"#),
            (INVALID_REQUEST, None)
        );
        assert_eq!(
            refusal(r#"{"jsonrpc":"2.0","id":"a","method":"ping","params":[1]}"#),
            (INVALID_PARAMS, Some(json!("a")))
        );
    }

    #[test]
    fn notifications_are_told_from_requests() {
        let parse = |body: &str| Message::parse(body.as_bytes()).unwrap();
        let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert!(matches!(parse(notification), Message::Notification { .. }));
        let Message::Request(request) = parse(r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#) else {
            panic!("a request");
        };
        assert_eq!((request.id, request.method.as_str()), (json!(7), "ping"));
    }
}
