//! Rewrites the array schemas in a schema so that clients of every draft of JSON Schema accept them.
//!
//! Clients of an older draft ignore `prefixItems` and apply `items` to all items, so with `items: false` they refuse
//! every tuple. Model APIs refuse an array schema without `items`.

use serde_json::{Value, json};

use crate::documents::openapi::references::visit;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Input,
    /// Clients refuse results that do not match, so the further items of tuples are not restricted.
    Output,
}

/// Completes every array schema. The schema of an input keeps its meaning in the current draft.
pub(super) fn complete(schema: &mut Value, side: Side) {
    visit(schema, "#", &mut |_, keywords| {
        let tuple = keywords
            .get("prefixItems")
            .and_then(Value::as_array)
            .map(Vec::len);
        let is_list = tuple.is_some()
            || match keywords.get("type") {
                Some(Value::String(name)) => name == "array",
                Some(Value::Array(names)) => names.iter().any(|name| name == "array"),
                _ => false,
            };
        if !is_list {
            return;
        }
        let is_open = match (tuple, keywords.get("items")) {
            (_, None) => true,
            (Some(length), Some(Value::Bool(false))) => {
                let most = keywords.get("maxItems").and_then(Value::as_u64);
                let length = u64::try_from(length).unwrap_or(u64::MAX);
                keywords.insert(
                    "maxItems".to_owned(),
                    json!(most.unwrap_or(length).min(length)),
                );
                true
            }
            (Some(_), Some(_)) => side == Side::Output,
            (None, Some(_)) => false,
        };
        if is_open {
            keywords.insert("items".to_owned(), json!({}));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(mut schema: Value, side: Side) -> Value {
        complete(&mut schema, side);
        schema
    }

    #[test]
    fn a_tuple_is_limited_by_its_length() {
        let pair =
            json!({ "type": "array", "prefixItems": [{ "type": "string" }, {}], "items": false });
        let expected = json!({ "type": "array", "prefixItems": [{ "type": "string" }, {}], "items": {}, "maxItems": 2 });
        for side in [Side::Input, Side::Output] {
            assert_eq!(completed(pair.clone(), side), expected);
            let nested = json!({ "properties": { "a": { "anyOf": [{ "type": "null" }, pair] } } });
            let found = completed(nested, side);
            assert_eq!(found["properties"]["a"]["anyOf"][1], expected);
        }
        let with_rest =
            json!({ "prefixItems": [{ "type": "number" }], "items": { "type": "string" } });
        assert_eq!(completed(with_rest.clone(), Side::Input), with_rest);
        assert_eq!(completed(with_rest, Side::Output)["items"], json!({}));
        let shorter = json!({ "prefixItems": [{}, {}], "items": false, "maxItems": 1 });
        assert_eq!(completed(shorter, Side::Input)["maxItems"], 1);
    }

    #[test]
    fn a_list_has_a_schema_for_its_items() {
        let list = json!({ "type": ["array", "null"] });
        assert_eq!(completed(list, Side::Input)["items"], json!({}));
        for schema in [
            json!({ "type": "array", "items": { "type": "string" } }),
            json!({ "type": "object", "properties": { "items": { "const": { "type": "array" } } } }),
            json!({ "type": "array", "items": false }),
        ] {
            assert_eq!(completed(schema.clone(), Side::Output), schema);
        }
    }
}
