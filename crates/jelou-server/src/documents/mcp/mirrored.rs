//! Arguments that a client also sends in headers: `x-mcp-header` in the tool's schema (MCP 2026-07-28, "Custom Headers
//! from Tool Parameters").

use http::header::HeaderName;
use serde_json::{Map, Value};

#[derive(Debug)]
pub(crate) struct Mirrored {
    /// Name of the header, `mcp-param-...`.
    pub(crate) header: HeaderName,
    /// Names of the nested properties, from the outermost to the innermost.
    pub(crate) place: Vec<String>,
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
    /// Returns the mirrored arguments of a tool. Invalid annotations are omitted, because clients ignore a tool with
    /// one.
    pub(crate) fn of_schema(schema: &Value) -> Vec<Self> {
        let mut found = Vec::new();
        collect(schema, &mut Vec::new(), &mut found);
        found
    }

    pub(crate) fn argument<'a>(&self, arguments: &'a Map<String, Value>) -> Option<&'a Value> {
        let (first, rest) = self.place.split_first()?;
        rest.iter()
            .try_fold(arguments.get(first)?, |value, name| value.get(name))
    }
}
