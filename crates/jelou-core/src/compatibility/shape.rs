//! Reads JSON Schemas (draft 2020-12): resolves references and splits a schema into alternatives without unions.

use serde_json::{Map, Value};

/// Keywords that do not restrict the valid values.
const ANNOTATIONS: [&str; 12] = [
    "$schema",
    "$id",
    "$defs",
    "definitions",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
];
/// Maximum depth of references and unions. A deeper schema counts as one that accepts any value.
const MAX_DEPTH: usize = 16;

/// Maximum number of alternatives. A schema with more counts as one that accepts any value.
const MAX_ALTERNATIVES: usize = 256;

/// A schema without references and unions: a set of keywords that must all be satisfied.
pub(super) type Shape = Map<String, Value>;

/// Splits a schema into its alternatives. Empty if no value is valid.
pub(super) fn alternatives(root: &Value, schema: &Value) -> Vec<Shape> {
    expand(root, schema, MAX_DEPTH)
}

fn expand(root: &Value, schema: &Value, depth: usize) -> Vec<Shape> {
    let Value::Object(schema) = schema else {
        return match schema {
            Value::Bool(false) => Vec::new(),
            _ => vec![Shape::new()],
        };
    };
    if depth == 0 {
        return vec![Shape::new()];
    }
    let mut own = Shape::new();
    let mut unions: Vec<Vec<Shape>> = Vec::new();
    for (keyword, value) in schema {
        match (keyword.as_str(), value) {
            (name, _) if ANNOTATIONS.contains(&name) => {}
            ("$ref", Value::String(reference)) => {
                let target = resolve(root, reference).unwrap_or(&Value::Bool(true));
                unions.push(expand(root, target, depth - 1));
            }
            ("anyOf" | "oneOf", Value::Array(branches)) => {
                let branches = branches.iter();
                unions.push(
                    branches
                        .flat_map(|branch| expand(root, branch, depth - 1))
                        .collect(),
                );
            }
            ("allOf", Value::Array(parts)) => {
                unions.extend(parts.iter().map(|part| expand(root, part, depth - 1)));
            }
            ("type", Value::Array(types)) => unions.push(
                types
                    .iter()
                    .map(|name| Shape::from_iter([("type".to_owned(), name.clone())]))
                    .collect(),
            ),
            ("not", Value::Object(excluded)) if excluded.is_empty() => return Vec::new(),
            _ => {
                own.insert(keyword.clone(), value.clone());
            }
        }
    }
    let mut shapes = vec![own];
    for union in unions {
        if shapes.len() * union.len() > MAX_ALTERNATIVES {
            return vec![Shape::new()];
        }
        shapes = shapes
            .iter()
            .flat_map(|shape| union.iter().map(|branch| both(shape, branch)))
            .collect();
    }
    shapes
}

/// Merges two shapes, both of which must be satisfied.
fn both(one: &Shape, other: &Shape) -> Shape {
    let mut merged = one.clone();
    for (keyword, value) in other {
        let combined = match (keyword.as_str(), merged.get(keyword), value) {
            ("properties", Some(Value::Object(own)), Value::Object(added)) => {
                let mut properties = own.clone();
                for (name, schema) in added {
                    let schema = match properties.get(name) {
                        Some(own) => serde_json::json!({ "allOf": [own, schema] }),
                        None => schema.clone(),
                    };
                    properties.insert(name.clone(), schema);
                }
                Value::Object(properties)
            }
            ("required", Some(Value::Array(own)), Value::Array(added)) => {
                let new = added.iter().filter(|name| !own.contains(name));
                Value::Array(own.iter().chain(new).cloned().collect())
            }
            _ => value.clone(),
        };
        merged.insert(keyword.clone(), combined);
    }
    merged
}

/// Resolves `#`, or a JSON pointer (RFC 6901) into the document.
fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(reference.strip_prefix('#')?)
}

/// Returns the type that a shape accepts. `None`: any type.
pub(super) fn type_of(shape: &Shape) -> Option<&str> {
    let named = shape.get("type").and_then(Value::as_str);
    named.or_else(|| {
        let has = |keyword: &str| shape.contains_key(keyword);
        if has("properties") || has("required") {
            Some("object")
        } else if has("items") || has("prefixItems") {
            Some("array")
        } else {
            None
        }
    })
}

/// Returns the values of `const` or `enum`. `None` if the shape does not list its values.
pub(super) fn values_of(shape: &Shape) -> Option<Vec<&Value>> {
    match (shape.get("const"), shape.get("enum")) {
        (Some(value), _) => Some(vec![value]),
        (None, Some(Value::Array(values))) => Some(values.iter().collect()),
        _ => None,
    }
}

pub(super) fn type_of_value(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Describes the values of a shape.
pub(super) fn describe(shape: &Shape) -> String {
    if let Some(values) = values_of(shape) {
        return list(&values);
    }
    match (type_of(shape), shape.get("format").and_then(Value::as_str)) {
        (Some("string"), Some(format)) => format!("string ({format})"),
        (Some(name), _) => name.to_owned(),
        (None, _) => "any value".to_owned(),
    }
}

/// Describes the values of a schema.
pub(super) fn describe_all(shapes: &[Shape]) -> String {
    let mut described: Vec<String> = shapes.iter().map(describe).collect();
    described.dedup();
    described.join(" or ")
}

/// Returns the first few values as JSON.
pub(super) fn list(values: &[&Value]) -> String {
    const MAX: usize = 5;
    let mut shown: Vec<String> = values.iter().take(MAX).map(ToString::to_string).collect();
    if values.len() > MAX {
        shown.push(format!("{} more", values.len() - MAX));
    }
    shown.join(", ")
}
