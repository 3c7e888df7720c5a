//! Checks arguments that a client also sends in headers ([`Mirrored`]): both values must be equal.

use http::HeaderMap;
use serde_json::{Map, Value};

use super::header_values::{decode, single};
use super::message::JsonRpcError;
use crate::documents::mcp::Mirrored;

pub(super) fn check(
    mirrored: &Mirrored,
    headers: &HeaderMap,
    arguments: &Map<String, Value>,
) -> Result<(), JsonRpcError> {
    let name = mirrored.header.as_str();
    let mismatch = |what: &str| {
        let argument = mirrored.place.join(".");
        Err(JsonRpcError::header_mismatch(format!(
            "Header mismatch: {name} {what} the argument `{argument}`"
        )))
    };
    let header = match single(headers, name)? {
        Some(header) => match decode(header) {
            Some(header) => Some(header),
            None => return mismatch("has no valid encoding of"),
        },
        None => None,
    };
    match (mirrored.argument(arguments), header) {
        (None | Some(Value::Null), None) => Ok(()),
        (None | Some(Value::Null), Some(_)) => mismatch("was sent without"),
        (Some(_), None) => mismatch("is missing for"),
        (Some(argument), Some(header)) if equal(argument, &header) => Ok(()),
        (Some(_), Some(_)) => mismatch("is not equal to"),
    }
}

fn equal(argument: &Value, header: &str) -> bool {
    match argument {
        Value::String(text) => text == header,
        Value::Bool(value) => header == if *value { "true" } else { "false" },
        // `42.0` equals `42`.
        Value::Number(number) => {
            number.to_string() == header
                || number
                    .as_f64()
                    .zip(header.parse().ok())
                    .is_some_and(|(number, header): (f64, f64)| (number - header).abs() == 0.0)
        }
        // A header cannot contain such a value, and the schema refuses it too.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn is_equal(headers: &[(&'static str, &'static str)], arguments: Value) -> bool {
        let mirrored = Mirrored::of_schema(&json!({ "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "page": { "properties": { "size": { "type": "integer", "x-mcp-header": "Size" } } },
            "bad": { "type": "number", "x-mcp-header": "Bad" },
            "worse": { "type": "string", "x-mcp-header": "no token" },
            "list": { "items": { "properties": { "x": { "type": "string", "x-mcp-header": "X" } } } },
        } }));
        assert_eq!(mirrored.len(), 2);
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let Value::Object(arguments) = arguments else {
            panic!("arguments are an object");
        };
        mirrored
            .iter()
            .all(|mirrored| check(mirrored, &headers, &arguments).is_ok())
    }

    #[test]
    fn header_and_argument_must_be_equal() {
        let region = |value| [("mcp-param-region", value)];
        assert!(is_equal(&[], json!({})));
        assert!(is_equal(&[], json!({ "region": null })));
        assert!(is_equal(&region("eu"), json!({ "region": "eu" })));
        assert!(is_equal(
            &region("=?base64?w7E=?="),
            json!({ "region": "ñ" })
        ));
        assert!(!is_equal(
            &region("=?base64?w7E?="),
            json!({ "region": "ñ" })
        ));
        assert!(!is_equal(&region("us"), json!({ "region": "eu" })));
        assert!(!is_equal(&region("eu"), json!({})));
        assert!(!is_equal(&[], json!({ "region": "eu" })));
        let size = |value| [("mcp-param-size", value)];
        assert!(is_equal(&size("42.0"), json!({ "page": { "size": 42 } })));
        assert!(!is_equal(&size("43"), json!({ "page": { "size": 42 } })));
        assert!(!is_equal(&size("x"), json!({ "page": { "size": 42 } })));
    }
}
