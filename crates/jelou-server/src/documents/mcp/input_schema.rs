//! The input schema of a tool for MCP. MCP arguments are always an object.

mod flat;

use jelou_core::manifest::Tool;
use serde_json::{Map, Value, json};

use crate::documents::openapi::references::{DEFINITIONS, Relocation};

/// Name of the argument that contains an input that is not an object.
pub(super) const WRAPPED: &str = "input";

/// Returns the schema of the arguments, and whether they wrap the tool's input. The root of the schema is an object
/// with `properties` and without a composition, as the strictest model APIs require.
pub(super) fn of(tool: &Tool) -> (Map<String, Value>, Wrapping) {
    let (mut schema, wrapping) = match &tool.input_schema {
        Some(Value::Object(schema)) => match flat::of(schema) {
            Some(flat) => (flat, Wrapping::None),
            None => (wrap(schema), Wrapping::Input),
        },
        _ => (Map::new(), Wrapping::None),
    };
    // Also replaces a list of types, which the flat schema may still have.
    schema.insert("type".to_owned(), json!("object"));
    schema
        .entry("properties")
        .or_insert_with(|| Value::Object(Map::new()));
    (schema, wrapping)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapping {
    /// The arguments themselves are the input.
    None,
    /// The argument [`WRAPPED`] contains the input.
    Input,
}

fn wrap(schema: &Map<String, Value>) -> Map<String, Value> {
    let mut inner = Value::Object(schema.clone());
    let moved = DEFINITIONS
        .iter()
        .map(|keyword| (format!("#/{keyword}"), format!("#/{keyword}")))
        .collect();
    let root = format!("#/properties/{WRAPPED}");
    Relocation::new(&mut inner, root, moved).apply(&mut inner);
    let mut outer = Map::new();
    for keyword in ["$schema", DEFINITIONS[0], DEFINITIONS[1]] {
        if let Some(value) = inner
            .as_object_mut()
            .and_then(|inner| inner.remove(keyword))
        {
            outer.insert(keyword.to_owned(), value);
        }
    }
    outer.insert("type".to_owned(), json!("object"));
    outer.insert("properties".to_owned(), json!({ WRAPPED: inner }));
    outer.insert("required".to_owned(), json!([WRAPPED]));
    outer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(schema: Value) -> (Value, Wrapping) {
        let mut tool = crate::documents::openapi::tests::tool("t", "*", &["POST"]);
        tool.input_schema = Some(schema);
        let (schema, wrapping) = of(&tool);
        (Value::Object(schema), wrapping)
    }

    #[test]
    fn an_object_stays_as_it_is() {
        let schema = json!({ "type": "object", "if": {}, "properties": {}, "$defs": { "a": { "$anchor": "x" } } });
        assert_eq!(listed(schema.clone()), (schema, Wrapping::None));
        let empty = json!({ "type": "object", "properties": {} });
        let nullable = json!({ "type": ["object", "null"] });
        assert_eq!(listed(nullable), (empty.clone(), Wrapping::None));
        assert_eq!(listed(json!({})), (empty, Wrapping::None));
        let union = json!({ "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/o" }], "$defs": { "o": { "type": "object" } } });
        let (union, wrapping) = listed(union);
        assert_eq!(
            (&union["type"], wrapping),
            (&json!("object"), Wrapping::None)
        );
    }

    #[test]
    fn anything_else_is_an_argument() {
        let schema = json!({
            "type": "array",
            "items": { "anyOf": [{ "$ref": "#/$defs/x" }, { "$ref": "#" }] },
            "$defs": { "x": { "type": "string" } },
        });
        let expected = json!({
            "$defs": { "x": { "type": "string" } },
            "type": "object",
            "properties": { "input": {
                "type": "array",
                "items": { "anyOf": [{ "$ref": "#/$defs/x" }, { "$ref": "#/properties/input" }] },
            } },
            "required": ["input"],
        });
        assert_eq!(listed(schema), (expected, Wrapping::Input));
        assert_eq!(
            listed(json!({ "anyOf": [{ "type": "string" }, { "const": 1 }] })).1,
            Wrapping::Input
        );
    }
}
