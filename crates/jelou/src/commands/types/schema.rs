//! Converts a JSON Schema to a type of TypeScript. Rules that TypeScript cannot express, such as `minLength`, are left
//! out; an unknown schema is `unknown`.

use serde_json::{Map, Value};

use super::quoted;

/// The depth at which a schema becomes `unknown`. A schema may contain itself.
const MAX_DEPTH: usize = 12;

/// Returns the type of the values that the schema describes.
pub(super) fn to_typescript(schema: &Value) -> String {
    Converter { root: schema }.of(schema, 0)
}

struct Converter<'a> {
    root: &'a Value,
}

impl Converter<'_> {
    fn of(&self, schema: &Value, depth: usize) -> String {
        let Value::Object(schema) = schema else {
            return if *schema == Value::Bool(false) {
                "never"
            } else {
                "unknown"
            }
            .to_owned();
        };
        if depth > MAX_DEPTH {
            return "unknown".to_owned();
        }
        if let Some(value) = schema.get("const") {
            return literal(value);
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            return union(values.iter().map(literal));
        }
        if let Some(Value::String(reference)) = schema.get("$ref") {
            let target = reference
                .strip_prefix('#')
                .and_then(|path| self.root.pointer(path));
            return target
                .map_or_else(|| "unknown".to_owned(), |target| self.of(target, depth + 1));
        }
        for (word, join) in [
            ("anyOf", union as fn(Vec<String>) -> String),
            ("oneOf", union),
            ("allOf", intersection),
        ] {
            if let Some(Value::Array(parts)) = schema.get(word) {
                return join(parts.iter().map(|part| self.of(part, depth + 1)).collect());
            }
        }
        match schema.get("type") {
            Some(Value::Array(kinds)) => {
                let kinds = kinds.iter().filter_map(Value::as_str);
                union(kinds.map(|kind| self.of_kind(kind, schema, depth)))
            }
            Some(Value::String(kind)) => self.of_kind(kind, schema, depth),
            _ if schema.contains_key("properties") => self.object(schema, depth),
            _ => "unknown".to_owned(),
        }
    }

    fn of_kind(&self, kind: &str, schema: &Map<String, Value>, depth: usize) -> String {
        match kind {
            "string" => "string".to_owned(),
            "number" | "integer" => "number".to_owned(),
            "boolean" => "boolean".to_owned(),
            "null" => "null".to_owned(),
            "array" => self.array(schema, depth),
            "object" => self.object(schema, depth),
            _ => "unknown".to_owned(),
        }
    }

    fn array(&self, schema: &Map<String, Value>, depth: usize) -> String {
        if let Some(Value::Array(items)) = schema.get("prefixItems") {
            let items: Vec<_> = items.iter().map(|item| self.of(item, depth + 1)).collect();
            return format!("[{}]", items.join(", "));
        }
        let item = schema
            .get("items")
            .map_or_else(|| "unknown".to_owned(), |item| self.of(item, depth + 1));
        format!("Array<{item}>")
    }

    fn object(&self, schema: &Map<String, Value>, depth: usize) -> String {
        let required = schema.get("required").and_then(Value::as_array);
        let is_required =
            |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
        let properties = schema.get("properties").and_then(Value::as_object);
        let mut members: Vec<_> = properties
            .into_iter()
            .flatten()
            .map(|(name, property)| {
                let mark = if is_required(name) { "" } else { "?" };
                format!("{}{mark}: {}", quoted(name), self.of(property, depth + 1))
            })
            .collect();
        match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => {}
            // An index signature would have to allow the types of the known members.
            Some(other) if members.is_empty() => {
                members.push(format!("[name: string]: {}", self.of(other, depth + 1)));
            }
            _ if members.is_empty() => members.push("[name: string]: unknown".to_owned()),
            _ => {}
        }
        format!("{{ {} }}", members.join("; "))
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => "unknown".to_owned(),
        simple => simple.to_string(),
    }
}

fn union(types: impl IntoIterator<Item = String>) -> String {
    let mut types: Vec<_> = types.into_iter().collect();
    types.dedup();
    if types.is_empty() || types.iter().any(|kind| kind == "unknown") {
        return "unknown".to_owned();
    }
    types.join(" | ")
}

fn intersection(types: impl IntoIterator<Item = String>) -> String {
    let types: Vec<_> = types.into_iter().map(|kind| format!("({kind})")).collect();
    types.join(" & ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_become_types() {
        let tree = json!({
            "type": "object",
            "properties": { "children": { "type": "array", "items": { "$ref": "#" } } },
            "required": ["children"],
        });
        for (schema, expected) in [
            (json!({ "type": "string", "minLength": 7 }), "string"),
            (json!({ "type": ["integer", "null"] }), "number | null"),
            (json!({ "enum": ["a", 1, null] }), "\"a\" | 1 | null"),
            (json!({ "const": true }), "true"),
            (
                json!({ "type": "array", "items": { "anyOf": [{ "type": "string" }, { "type": "number" }] } }),
                "Array<string | number>",
            ),
            (
                json!({ "type": "array", "prefixItems": [{ "type": "string" }, {}] }),
                "[string, unknown]",
            ),
            (json!({ "type": "object" }), "{ [name: string]: unknown }"),
            (
                json!({ "type": "object", "additionalProperties": { "type": "number" } }),
                "{ [name: string]: number }",
            ),
            (
                json!({ "type": "object", "properties": { "a-b": { "type": "string" }, "n": { "type": "boolean" } }, "required": ["a-b"], "additionalProperties": false }),
                "{ \"a-b\": string; \"n\"?: boolean }",
            ),
            (
                json!({ "allOf": [{ "type": "string" }, { "enum": ["a", "b"] }] }),
                "(string) & (\"a\" | \"b\")",
            ),
            (
                json!({ "$defs": { "x": { "type": "null" } }, "$ref": "#/$defs/x" }),
                "null",
            ),
            (json!({ "$ref": "https://example.com/schema" }), "unknown"),
            (json!(false), "never"),
        ] {
            assert_eq!(to_typescript(&schema), expected, "{schema}");
        }
        let recursive = to_typescript(&tree);
        assert!(
            recursive.starts_with("{ \"children\": Array<{ \"children\": Array<{"),
            "{recursive}"
        );
        assert!(
            recursive.ends_with("\"children\": unknown }> }> }> }> }"),
            "{recursive}"
        );
    }
}
