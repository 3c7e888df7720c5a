//! Rewrites the validation errors of a refused input so that a model can correct its call: which argument, and what was
//! expected.

use bytes::Bytes;
use serde_json::{Map, Value};

/// Maximum characters of a schema in a message.
const MAX_SHOWN: usize = 300;
/// Maximum depth of followed references, properties and items.
const MAX_DEPTH: usize = 16;

/// Rewrites the worker's response to an input that violates its schema. Any other body is returned unchanged.
///
/// The worker's paths are relative to the input, the returned paths to the arguments. If `wrapper` is set, it is the
/// argument that contains the input. If a message only says that no alternative matches, the schema is appended to it.
pub(super) fn explain(body: &Bytes, wrapper: Option<&str>, schema: Option<&Value>) -> Bytes {
    let Ok(Value::Object(mut answer)) = serde_json::from_slice(body) else {
        return body.clone();
    };
    if answer.get("error").and_then(Value::as_str) != Some("Validation failed") {
        return body.clone();
    }
    let Some(Value::Array(details)) = answer.get_mut("details") else {
        return body.clone();
    };
    for detail in details.iter_mut().filter_map(Value::as_object_mut) {
        explain_detail(detail, wrapper, schema);
    }
    Bytes::from(Value::Object(answer).to_string())
}

fn explain_detail(detail: &mut Map<String, Value>, wrapper: Option<&str>, schema: Option<&Value>) {
    let Some(Value::Array(path)) = detail.get_mut("path") else {
        return;
    };
    let part = schema.and_then(|schema| part_at(schema, schema, path, MAX_DEPTH));
    if let Some(wrapper) = wrapper {
        path.insert(0, Value::from(wrapper));
    }
    if let Some(Value::String(message)) = detail.get_mut("message")
        && message == "Invalid input"
        && let Some(part) = part
    {
        message.push_str(", expected ");
        message.push_str(&shown(part));
    }
}

/// Returns the schema of the value at a path.
fn part_at<'a>(
    schema: &'a Value,
    root: &'a Value,
    path: &[Value],
    depth: usize,
) -> Option<&'a Value> {
    let depth = depth.checked_sub(1)?;
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(target.strip_prefix('#')?)?;
        return part_at(target, root, path, depth);
    }
    let Some((step, rest)) = path.split_first() else {
        return Some(schema);
    };
    let next = match step {
        Value::String(name) => schema
            .get("properties")
            .and_then(|properties| properties.get(name))
            .or_else(|| schema.get("additionalProperties")),
        Value::Number(index) => schema
            .get("prefixItems")
            .and_then(|items| items.get(usize::try_from(index.as_u64()?).ok()?))
            .or_else(|| schema.get("items")),
        _ => None,
    };
    if let Some(found) = next.and_then(|next| part_at(next, root, rest, depth)) {
        return Some(found);
    }
    ["anyOf", "oneOf", "allOf"]
        .into_iter()
        .filter_map(|keyword| schema.get(keyword)?.as_array())
        .flatten()
        .find_map(|alternative| part_at(alternative, root, path, depth))
}

fn shown(schema: &Value) -> String {
    let mut schema = schema.clone();
    if let Value::Object(keywords) = &mut schema {
        for keyword in ["$schema", "$defs", "definitions"] {
            keywords.remove(keyword);
        }
    }
    let mut text = schema.to_string();
    if text.len() > MAX_SHOWN {
        text.truncate(text.floor_char_boundary(MAX_SHOWN));
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn explained(details: &Value, wrapper: Option<&str>, schema: &Value) -> Value {
        let body = json!({ "error": "Validation failed", "details": details });
        let body = explain(&Bytes::from(body.to_string()), wrapper, Some(schema));
        serde_json::from_slice::<Value>(&body).unwrap()["details"].clone()
    }

    #[test]
    fn a_union_says_what_it_takes() {
        let text_or_number = json!({ "anyOf": [{ "type": "string" }, { "type": "number" }] });
        let expected = r#"Invalid input, expected {"anyOf":[{"type":"string"},{"type":"number"}]}"#;
        let issue = |path: Value| json!([{ "path": path, "message": "Invalid input", "code": "invalid_union" }]);
        let schema = json!({
            "$schema": "x", "$defs": { "id": text_or_number }, "anyOf": [{ "type": "null" }, { "type": "object",
            "properties": { "id": { "$ref": "#/$defs/id" }, "list": { "items": text_or_number } },
            "additionalProperties": { "prefixItems": [true, text_or_number] } }],
        });
        for path in [json!(["id"]), json!(["list", 4]), json!(["otra", 1])] {
            let found = explained(&issue(path.clone()), None, &schema);
            assert_eq!(found[0]["message"], expected, "{path}");
            assert_eq!(found[0]["path"], path);
        }
        let found = explained(&issue(json!([])), Some("input"), &text_or_number);
        assert_eq!(found[0]["message"], expected);
        assert_eq!(found[0]["path"], json!(["input"]));
        let nowhere = explained(&issue(json!([null])), None, &schema);
        assert_eq!(nowhere[0]["message"], "Invalid input");
        let endless = explained(&issue(json!(["a"])), None, &json!({ "$ref": "#" }));
        assert_eq!(endless[0]["message"], "Invalid input");
        let long = json!({ "enum": ["ñ".repeat(400)] });
        let found = explained(&issue(json!([])), None, &long);
        assert!(found[0]["message"].as_str().unwrap().ends_with("ñ..."));
    }

    #[test]
    fn everything_else_is_left_alone() {
        let exact = json!([{ "path": ["to"], "message": "Required", "code": "invalid_type" }]);
        assert_eq!(explained(&exact, None, &json!({})), exact);
        for body in [
            r#"{"error":"taken","details":[{"path":[]}]}"#,
            "[1]",
            "no JSON",
        ] {
            assert_eq!(explain(&Bytes::from(body), Some("input"), None), body);
        }
    }
}
