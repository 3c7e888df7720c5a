//! Converts a schema to one without a composition (such as `anyOf`) at its root.
//!
//! Model APIs refuse `anyOf`, `oneOf`, `allOf`, `not`, `enum` and `$ref` at the root. One such tool makes them refuse
//! the whole request. The converted schema has the properties of all alternatives, so it accepts more than the
//! original. The function validates the input against the original schema, which is also in the OpenAPI document.

use serde_json::{Map, Value, json};

use crate::documents::openapi::references::{DEFINITIONS, Relocation};

type Schema = Map<String, Value>;

/// Maximum depth of nested `$ref`s and compositions.
const MAX_DEPTH: usize = 16;

/// Keywords that are not allowed at the root.
const COMPOSITIONS: [&str; 7] = ["anyOf", "oneOf", "allOf", "not", "enum", "const", "$ref"];

/// Returns an object schema that accepts every object that `schema` accepts. `None` if `schema` accepts no object, or
/// if its parts cannot be merged.
pub(super) fn of(schema: &Schema) -> Option<Schema> {
    if !accepts_object(schema, schema, MAX_DEPTH) {
        return None;
    }
    let schema = &with_root_as_definition(schema);
    let flat = flatten(schema, schema, MAX_DEPTH)?;
    let document = Value::Object(flat);
    // A `$ref` into an alternative of the root does not resolve in the converted schema.
    if !references_resolve(&document, &document) {
        return None;
    }
    match document {
        Value::Object(flat) => Some(flat),
        _ => None,
    }
}

/// Copies the root schema into the definitions and redirects references to `#` there, because flattening changes the
/// root. A recursive schema thus keeps its meaning.
fn with_root_as_definition(schema: &Schema) -> Schema {
    const COPY: &str = "__root";
    if !COMPOSITIONS
        .iter()
        .any(|keyword| schema.contains_key(*keyword))
    {
        return schema.clone();
    }
    let mut relocated = Value::Object(schema.clone());
    let stay = DEFINITIONS.map(|keyword| (format!("#/{keyword}"), format!("#/{keyword}")));
    let copy = format!("#/{}/{COPY}", DEFINITIONS[0]);
    Relocation::new(&mut relocated, copy.clone(), stay.to_vec()).apply(&mut relocated);
    if !refers_to(&relocated, &copy) {
        return schema.clone();
    }
    let Value::Object(mut relocated) = relocated else {
        return schema.clone();
    };
    let mut root = relocated.clone();
    for keyword in ["$schema", DEFINITIONS[0], DEFINITIONS[1]] {
        root.remove(keyword);
    }
    relocated.entry(DEFINITIONS[0]).or_insert_with(|| json!({}))[COPY] = Value::Object(root);
    relocated
}

/// Whether the value contains a `$ref` that starts with `place`.
fn refers_to(value: &Value, place: &str) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(keyword, value)| match value {
            Value::String(target) if keyword == "$ref" => target.starts_with(place),
            value => refers_to(value, place),
        }),
        Value::Array(values) => values.iter().any(|value| refers_to(value, place)),
        _ => false,
    }
}

fn flatten(schema: &Schema, root: &Schema, depth: usize) -> Option<Schema> {
    let depth = depth.checked_sub(1)?;
    let mut flat = schema.clone();
    for keyword in COMPOSITIONS {
        flat.remove(keyword);
    }
    if let Some(Value::String(target)) = schema.get("$ref") {
        let Some(Value::Object(target)) = definition(root, target) else {
            return None;
        };
        conjoin(&mut flat, flatten(target, root, depth)?);
    }
    if let Some(Value::Array(parts)) = schema.get("allOf") {
        for part in parts {
            conjoin(&mut flat, flatten(part.as_object()?, root, depth)?);
        }
    }
    for keyword in ["anyOf", "oneOf"] {
        let Some(Value::Array(alternatives)) = schema.get(keyword) else {
            continue;
        };
        let mut united: Option<Schema> = None;
        for alternative in alternatives.iter().filter_map(Value::as_object) {
            if !accepts_object(alternative, root, depth) {
                continue;
            }
            let alternative = flatten(alternative, root, depth)?;
            united = Some(match united {
                None => alternative,
                Some(united) => disjoin(united, alternative),
            });
        }
        conjoin(&mut flat, united?);
    }
    Some(flat)
}

/// Merges `other` into `schema`, for values that both schemas accept.
fn conjoin(schema: &mut Schema, other: Schema) {
    for (keyword, value) in other {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                let mut known = take_object(schema, "properties");
                for (name, property) in properties {
                    let both = match known.remove(&name) {
                        Some(earlier) if earlier != property => {
                            json!({ "allOf": [earlier, property] })
                        }
                        _ => property,
                    };
                    known.insert(name, both);
                }
                schema.insert(keyword, Value::Object(known));
            }
            ("required", Value::Array(names)) => {
                let known = schema.entry("required").or_insert_with(|| json!([]));
                if let Value::Array(known) = known {
                    for name in names {
                        if !known.contains(&name) {
                            known.push(name);
                        }
                    }
                }
            }
            // Not merged: a part that forbids other properties would forbid the properties of the other parts.
            ("additionalProperties" | "unevaluatedProperties" | "type", _) => {}
            (_, value) => {
                schema.entry(keyword).or_insert(value);
            }
        }
    }
}

/// Merges two schemas into one that accepts what either of them accepts.
fn disjoin(one: Schema, other: Schema) -> Schema {
    let mut united = Schema::new();
    let required = |schema: &Schema| match schema.get("required") {
        Some(Value::Array(names)) => names.clone(),
        _ => Vec::new(),
    };
    let others = required(&other);
    let both: Vec<_> = required(&one)
        .into_iter()
        .filter(|name| others.contains(name))
        .collect();
    if !both.is_empty() {
        united.insert("required".to_owned(), Value::Array(both));
    }
    let mut properties = Schema::new();
    for schema in [one, other] {
        let Some(Value::Object(own)) = schema.get("properties").cloned() else {
            continue;
        };
        for (name, property) in own {
            let either = match properties.remove(&name) {
                Some(earlier) => either(earlier, property),
                None => property,
            };
            properties.insert(name, either);
        }
    }
    united.insert("properties".to_owned(), Value::Object(properties));
    united
}

/// Merges the schemas that two alternatives have for one property. Two constants become an `enum` of both.
fn either(one: Value, other: Value) -> Value {
    if one == other {
        return one;
    }
    if let (Some(mut values), Some(others)) = (constants(&one), constants(&other)) {
        for value in others {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        let kind = one
            .get("type")
            .filter(|kind| other.get("type") == Some(kind));
        let mut schema = json!({ "enum": values });
        if let Some(kind) = kind {
            schema["type"] = kind.clone();
        }
        return schema;
    }
    match one {
        Value::Object(mut alternatives)
            if alternatives.len() == 1 && alternatives.contains_key("anyOf") =>
        {
            if let Some(Value::Array(list)) = alternatives.get_mut("anyOf")
                && !list.contains(&other)
            {
                list.push(other);
            }
            Value::Object(alternatives)
        }
        one => json!({ "anyOf": [one, other] }),
    }
}

fn constants(schema: &Value) -> Option<Vec<Value>> {
    let known = schema
        .as_object()?
        .keys()
        .all(|keyword| matches!(keyword.as_str(), "const" | "enum" | "type"));
    match (schema.get("const"), schema.get("enum")) {
        (Some(value), None) if known => Some(vec![value.clone()]),
        (None, Some(Value::Array(values))) if known => Some(values.clone()),
        _ => None,
    }
}

/// Removes the object at a keyword from a schema, and returns it. Returns an empty object if there is none.
fn take_object(schema: &mut Schema, keyword: &str) -> Schema {
    match schema.remove(keyword) {
        Some(Value::Object(object)) => object,
        _ => Schema::new(),
    }
}

/// Whether every JSON pointer in a `$ref` resolves. References by anchor or URL are not checked.
fn references_resolve(value: &Value, document: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().all(|(keyword, value)| match value {
            Value::String(target) if keyword == "$ref" => match target.strip_prefix('#') {
                Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => {
                    document.pointer(pointer).is_some()
                }
                _ => true,
            },
            value => references_resolve(value, document),
        }),
        Value::Array(values) => values
            .iter()
            .all(|value| references_resolve(value, document)),
        _ => true,
    }
}

/// Whether the schema may accept an object. `true` if this is unclear.
fn accepts_object(schema: &Map<String, Value>, root: &Map<String, Value>, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return true;
    };
    let below = |schema: &Value| match schema {
        Value::Object(schema) => accepts_object(schema, root, depth),
        other => *other != Value::Bool(false),
    };
    schema
        .iter()
        .all(|(keyword, value)| match (keyword.as_str(), value) {
            ("type", Value::String(name)) => name == "object",
            ("type", Value::Array(names)) => names.iter().any(|name| name == "object"),
            ("const", value) => value.is_object(),
            ("enum", Value::Array(values)) => values.iter().any(Value::is_object),
            ("anyOf" | "oneOf", Value::Array(schemas)) => schemas.iter().any(below),
            ("allOf", Value::Array(schemas)) => schemas.iter().all(below),
            ("$ref", Value::String(target)) => definition(root, target).is_none_or(below),
            _ => true,
        })
}

fn definition<'a>(root: &'a Map<String, Value>, reference: &str) -> Option<&'a Value> {
    let (keyword, name) = reference.strip_prefix("#/")?.split_once('/')?;
    root.get(keyword)?.get(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(schema: Value) -> Option<Value> {
        let Value::Object(schema) = schema else {
            panic!("a schema is an object");
        };
        of(&schema).map(Value::Object)
    }

    #[test]
    fn alternatives_become_the_properties_of_all() {
        let union = json!({ "oneOf": [
            { "type": "object", "properties": { "kind": { "type": "string", "const": "a" }, "x": { "type": "string" } },
              "required": ["kind", "x"], "additionalProperties": false },
            { "$ref": "#/$defs/b" },
            { "type": "null" },
        ], "$defs": { "b": { "type": "object",
            "properties": { "kind": { "type": "string", "const": "b" }, "x": { "type": "number" }, "y": { "type": "boolean" } },
            "required": ["kind"] } } });
        let flat = flat(union).unwrap();
        assert_eq!(flat["required"], json!(["kind"]));
        assert_eq!(
            flat["properties"],
            json!({
                "kind": { "enum": ["a", "b"], "type": "string" },
                "x": { "anyOf": [{ "type": "string" }, { "type": "number" }] },
                "y": { "type": "boolean" },
            })
        );
        assert!(flat.get("oneOf").is_none() && flat.get("additionalProperties").is_none());
    }

    #[test]
    fn parts_of_an_intersection_are_all_required() {
        let both = json!({ "allOf": [
            { "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] },
            { "type": "object", "properties": { "b": { "type": "string" } }, "required": ["b"] },
        ] });
        let flat = flat(both).unwrap();
        assert_eq!(flat["required"], json!(["a", "b"]));
        assert_eq!(flat["properties"].as_object().unwrap().len(), 2);
    }

    #[test]
    fn references_to_the_root_keep_its_exact_schema() {
        let number = json!({ "type": "number" });
        let recursive = json!({ "anyOf": [
            number,
            { "type": "object", "properties": { "add": { "items": { "$ref": "#" } } }, "required": ["add"] },
        ] });
        let found = flat(recursive).unwrap();
        let add = json!({ "items": { "$ref": "#/$defs/__root" } });
        assert_eq!(found["properties"]["add"], add);
        assert_eq!(found["$defs"]["__root"]["anyOf"][0], number);
        assert_eq!(
            found["$defs"]["__root"]["anyOf"][1]["properties"]["add"],
            add
        );

        let into_an_alternative = json!({ "anyOf": [
            { "type": "object", "properties": { "a": { "type": "string" } } },
            { "type": "object", "properties": { "b": { "$ref": "#/anyOf/0/properties/a" } } },
        ] });
        let found = flat(into_an_alternative).unwrap();
        let target = found["properties"]["b"]["$ref"].as_str().unwrap();
        let pointer = target.strip_prefix('#').unwrap();
        assert_eq!(found.pointer(pointer), Some(&json!({ "type": "string" })));
    }

    #[test]
    fn what_does_not_fit_together_is_not_flat() {
        assert_eq!(flat(json!({ "enum": ["a"] })), None);
        assert_eq!(flat(json!({ "$ref": "#" })), None);
    }
}
