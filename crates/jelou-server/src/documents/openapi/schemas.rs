//! The schemas of all tools, as components of one document.

use serde_json::{Map, Value};

use super::references::{DEFINITIONS, Relocation, escaped};

const PLACE: &str = "#/components/schemas/";

#[derive(Debug, Default)]
pub(super) struct Schemas {
    components: Map<String, Value>,
}

impl Schemas {
    /// Adds a schema and its definitions. Returns the reference to the schema.
    pub(super) fn add(&mut self, name: &str, schema: &Value) -> String {
        let mut schema = schema.clone();
        let name = self.free_name(name);
        let root = format!("{PLACE}{name}");
        let mut definitions = Vec::new();
        let mut moved = Vec::new();
        for keyword in DEFINITIONS {
            let Some(Value::Object(found)) = schema.get(keyword) else {
                continue;
            };
            for key in found.keys() {
                let component = self.free_name(&format!("{name}_{key}"));
                let place = format!("#/{keyword}/{}", escaped(key));
                moved.push((place, format!("{PLACE}{component}")));
                definitions.push((keyword, key.clone(), component));
            }
        }
        let relocation = Relocation::new(&mut schema, root.clone(), moved);
        relocation.apply(&mut schema);
        for (keyword, key, component) in definitions {
            self.components
                .insert(component, schema[keyword][key].take());
        }
        if let Value::Object(keywords) = &mut schema {
            // The whole document declares the dialect.
            keywords.remove("$schema");
            keywords.retain(|keyword, _| !DEFINITIONS.contains(&keyword.as_str()));
        }
        self.components.insert(name, schema);
        root
    }

    /// Returns the schema that a reference points to, if it is one of these components.
    pub(super) fn get(&self, reference: &str) -> Option<&Value> {
        self.components.get(reference.strip_prefix(PLACE)?)
    }

    pub(super) fn into_components(self) -> Value {
        Value::Object(self.components)
    }

    /// Reserves a unique component name. Invalid characters become `_`.
    fn free_name(&mut self, wanted: &str) -> String {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let mut name = wanted.replace(|c| !allowed(c), "_");
        while self.components.contains_key(&name) {
            name.push('_');
        }
        self.components.insert(name.clone(), Value::Null);
        name
    }
}
