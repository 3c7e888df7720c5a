//! Rewrites the references in a JSON Schema that is moved into another document.

use serde_json::{Map, Value};

/// Keywords whose value is an object of named schemas (JSON Schema 2020-12, and `definitions` of earlier drafts).
const BY_NAME: [&str; 5] = [
    "$defs",
    "definitions",
    "dependentSchemas",
    "patternProperties",
    "properties",
];

/// Keywords whose value is data, which may look like a schema.
const DATA: [&str; 4] = ["const", "default", "enum", "examples"];

/// Keywords that contain definitions.
pub(crate) const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];

/// The old and new locations of the parts of a schema.
#[derive(Debug)]
pub(crate) struct Relocation {
    /// The new location of the schema itself, as a `$ref` with a JSON pointer.
    root: String,
    /// The old and new locations of parts that were moved out of the schema.
    moved: Vec<(String, String)>,
    /// Names (anchors and the id), each with the location of the part that it names.
    named: Vec<(String, String)>,
}

impl Relocation {
    /// Creates the relocation of a schema that is still at its old location. Removes anchors and the id from the
    /// schema.
    pub(crate) fn new(schema: &mut Value, root: String, moved: Vec<(String, String)>) -> Self {
        let mut named = Vec::new();
        visit(schema, "#", &mut |place, keywords| {
            for name in ["$anchor", "$dynamicAnchor"] {
                if let Some(Value::String(anchor)) = keywords.remove(name) {
                    named.push((format!("#{anchor}"), place.to_owned()));
                }
            }
            if place == "#"
                && let Some(Value::String(id)) = keywords.remove("$id")
            {
                named.push((id, place.to_owned()));
            }
        });
        Self { root, moved, named }
    }

    /// Rewrites the references in the schema, or in a part of it.
    pub(crate) fn apply(&self, schema: &mut Value) {
        visit(schema, "#", &mut |_, keywords| {
            if let Some(Value::String(target)) = keywords.remove("$dynamicRef") {
                keywords.insert("$ref".to_owned(), Value::String(target));
            }
            if let Some(Value::String(target)) = keywords.get_mut("$ref") {
                *target = self.target(target);
            }
        });
    }

    fn target(&self, reference: &str) -> String {
        let by_name = self.named.iter().find(|(name, _)| name == reference);
        let place = by_name.map_or(reference, |(_, place)| place.as_str());
        let below = |from: &str| {
            place
                .strip_prefix(from)
                .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let moved = self
            .moved
            .iter()
            .find_map(|(from, to)| below(from).map(|rest| format!("{to}{rest}")));
        moved.unwrap_or_else(|| match below("#") {
            Some(rest) => format!("{}{rest}", self.root),
            None => place.to_owned(),
        })
    }
}

/// Calls `action` for a schema and all its subschemas, with the location of each. A subschema with its own `$id` is
/// skipped, because its references are relative to this id.
pub(crate) fn visit(
    schema: &mut Value,
    place: &str,
    action: &mut dyn FnMut(&str, &mut Map<String, Value>),
) {
    let Value::Object(keywords) = schema else {
        return;
    };
    if place != "#" && keywords.contains_key("$id") {
        return;
    }
    action(place, keywords);
    for (keyword, value) in keywords {
        if DATA.contains(&keyword.as_str()) {
            continue;
        }
        let place = format!("{place}/{}", escaped(keyword));
        match value {
            Value::Object(schemas) if BY_NAME.contains(&keyword.as_str()) => {
                for (name, schema) in schemas {
                    visit(schema, &format!("{place}/{}", escaped(name)), action);
                }
            }
            Value::Array(schemas) => {
                for (index, schema) in schemas.iter_mut().enumerate() {
                    visit(schema, &format!("{place}/{index}"), action);
                }
            }
            other => visit(other, &place, action),
        }
    }
}

/// Escapes a name for a JSON pointer (RFC 6901, section 3).
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_follow_what_has_moved() {
        let mut schema = json!({
            "$id": "https://example.com/tree",
            "properties": {
                "self": { "$ref": "#" },
                "again": { "$ref": "https://example.com/tree" },
                "definition": { "$ref": "#/$defs/a~1b/properties/x" },
                "anchor": { "$ref": "#named" },
                "property": { "$ref": "#/properties/self" },
                "elsewhere": { "$ref": "https://example.com/other#/x" },
                "$ref": { "const": { "$ref": "#" } },
                "island": { "$id": "https://example.com/island", "$ref": "#/$defs/own" },
            },
            "$defs": { "a/b": {}, "c": { "items": [{ "$anchor": "named" }] } },
        });
        let moved = vec![(
            "#/$defs/a~1b".to_owned(),
            "#/components/schemas/X".to_owned(),
        )];
        let relocation = Relocation::new(&mut schema, "#/root".to_owned(), moved);
        relocation.apply(&mut schema);
        let target = |name: &str| schema["properties"][name]["$ref"].clone();
        assert_eq!(target("self"), "#/root");
        assert_eq!(target("again"), "#/root");
        assert_eq!(target("definition"), "#/components/schemas/X/properties/x");
        assert_eq!(target("anchor"), "#/root/$defs/c/items/0");
        assert_eq!(target("property"), "#/root/properties/self");
        assert_eq!(target("elsewhere"), "https://example.com/other#/x");
        assert_eq!(target("island"), "#/$defs/own");
        assert_eq!(schema["properties"]["$ref"]["const"]["$ref"], "#");
    }
}
