//! Arguments that a tool wants to see in headers too: `x-mcp-header` in its schema (MCP 2026-07-28, "Custom Headers
//! from Tool Parameters"). What is on the wire twice must be the same twice.

use http::HeaderMap;
use http::header::HeaderName;
use serde_json::{Map, Value};

use super::header_values::{decode, single};
use super::message::Refusal;

#[derive(Debug)]
pub(super) struct Mirrored {
    /// `mcp-param-...`
    header: HeaderName,
    /// Names of properties, from the outermost to the innermost.
    place: Vec<String>,
}

/// The mirrored arguments of a tool. Annotations that break the rules are left out: clients drop such a tool.
pub(super) fn of_schema(schema: &Value) -> Vec<Mirrored> {
    let mut found = Vec::new();
    collect(schema, &mut Vec::new(), &mut found);
    found
}

fn collect(schema: &Value, place: &mut Vec<String>, found: &mut Vec<Mirrored>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    for (name, schema) in properties {
        place.push(name.clone());
        let primitive = matches!(
            schema.get("type").and_then(Value::as_str),
            Some("string" | "integer" | "boolean")
        );
        if let Some(header) = schema.get("x-mcp-header").and_then(Value::as_str)
            && primitive
            && !header.is_empty()
            && let Ok(header) = HeaderName::try_from(format!("mcp-param-{header}"))
        {
            let place = place.clone();
            found.push(Mirrored { header, place });
        }
        collect(schema, place, found);
        place.pop();
    }
}

impl Mirrored {
    pub(super) fn check(
        &self,
        headers: &HeaderMap,
        arguments: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let name = self.header.as_str();
        let mismatch = |what: &str| {
            let argument = self.place.join(".");
            Err(Refusal::header_mismatch(format!(
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
        match (self.argument(arguments), header) {
            (None | Some(Value::Null), None) => Ok(()),
            (None | Some(Value::Null), Some(_)) => mismatch("was sent without"),
            (Some(_), None) => mismatch("is missing for"),
            (Some(argument), Some(header)) if equal(argument, &header) => Ok(()),
            (Some(_), Some(_)) => mismatch("is not equal to"),
        }
    }

    fn argument<'a>(&self, arguments: &'a Map<String, Value>) -> Option<&'a Value> {
        let (first, rest) = self.place.split_first()?;
        rest.iter()
            .try_fold(arguments.get(first)?, |value, name| value.get(name))
    }
}

fn equal(argument: &Value, header: &str) -> bool {
    match argument {
        Value::String(text) => text == header,
        Value::Bool(value) => header == if *value { "true" } else { "false" },
        // `42.0` is `42`.
        Value::Number(number) => {
            number.to_string() == header
                || number
                    .as_f64()
                    .zip(header.parse().ok())
                    .is_some_and(|(number, header): (f64, f64)| (number - header).abs() == 0.0)
        }
        // No header can say this; the schema refuses it too.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(headers: &[(&'static str, &'static str)], arguments: Value) -> bool {
        let mirrored = of_schema(&json!({ "properties": {
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
            .all(|mirrored| mirrored.check(&headers, &arguments).is_ok())
    }

    #[test]
    fn header_and_argument_must_be_equal() {
        let region = |value| [("mcp-param-region", value)];
        assert!(check(&[], json!({})));
        assert!(check(&[], json!({ "region": null })));
        assert!(check(&region("eu"), json!({ "region": "eu" })));
        assert!(check(&region("=?base64?w7E=?="), json!({ "region": "ñ" })));
        assert!(!check(&region("=?base64?w7E?="), json!({ "region": "ñ" })));
        assert!(!check(&region("us"), json!({ "region": "eu" })));
        assert!(!check(&region("eu"), json!({})));
        assert!(!check(&[], json!({ "region": "eu" })));
        let size = |value| [("mcp-param-size", value)];
        assert!(check(&size("42.0"), json!({ "page": { "size": 42 } })));
        assert!(!check(&size("43"), json!({ "page": { "size": 42 } })));
        assert!(!check(&size("x"), json!({ "page": { "size": 42 } })));
    }
}
