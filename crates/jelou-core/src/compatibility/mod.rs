//! Finds changes between two manifests that break callers: a removed route or tool, an input schema that accepts less,
//! an output schema that allows more. Pure functions: the deploy decides what to do with the result.

mod route;
mod schema;
mod shape;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::schema::Position;
use crate::Manifest;
use crate::manifest::{Cors, Tool};

/// A change that breaks callers of the previously live deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BreakingChange {
    /// Name of the tool.
    pub tool: String,
    /// `route`, `mcp`, `access`, `cors`, or a path into a schema such as `input.email`.
    pub place: String,
    /// What is different for callers.
    pub change: String,
}

impl std::fmt::Display for BreakingChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.tool, self.place, self.change)
    }
}

/// Returns the changes from `old` to `new` that break callers of `old`, in the order of the old tools.
pub fn breaking_changes(old: &Manifest, new: &Manifest) -> Vec<BreakingChange> {
    old.tools
        .iter()
        .flat_map(|tool| Callers::of(tool).broken_by(new))
        .collect()
}

/// The callers of one tool of the old manifest, with the changes that break them.
struct Callers<'a> {
    tool: &'a Tool,
    found: Vec<BreakingChange>,
}

impl<'a> Callers<'a> {
    fn of(tool: &'a Tool) -> Self {
        Self {
            tool,
            found: Vec::new(),
        }
    }

    fn broken_by(mut self, new: &Manifest) -> Vec<BreakingChange> {
        let over_http = self.http(new);
        let over_mcp = self.mcp(new);
        if let Some(successor) = over_http {
            self.access(successor);
            self.cors(successor);
        }
        // HTTP callers put path parameters into the path by position, so the names of the parameters may change.
        match (over_http, over_mcp) {
            (http, Some(mcp)) => {
                self.schemas(mcp, &[]);
                if let Some(http) = http.filter(|http| !std::ptr::eq(*http, mcp)) {
                    self.schemas(http, &route::parameters(&http.path));
                }
            }
            (Some(http), None) => self.schemas(http, &route::parameters(&http.path)),
            (None, None) => {}
        }
        self.found
    }

    /// Returns the tool that now serves the old route.
    fn http<'n>(&mut self, new: &'n Manifest) -> Option<&'n Tool> {
        let path = self.tool.path.as_str();
        let mut at_path: Vec<&Tool> = new
            .tools
            .iter()
            .filter(|tool| route::covers(&tool.path, path))
            .collect();
        at_path.sort_by_key(|tool| (tool.path != path, route::openness(&tool.path)));
        if at_path.is_empty() {
            let methods = self.tool.methods.join(", ");
            self.report("route", format!("{methods} {path} was removed"));
            return None;
        }
        let takes = |tool: &&&Tool, method: &String| tool.methods.contains(method);
        let removed: Vec<&str> = self
            .tool
            .methods
            .iter()
            .filter(|method| !at_path.iter().any(|tool| takes(&tool, method)))
            .map(String::as_str)
            .collect();
        if !removed.is_empty() {
            let removed = removed.join(", ");
            self.report("route", format!("{path} no longer takes {removed}"));
        }
        let kept = |tool: &&&Tool| self.tool.methods.iter().any(|method| takes(tool, method));
        at_path.iter().find(kept).copied()
    }

    /// Returns the tool that MCP clients now find under the old name.
    fn mcp<'n>(&mut self, new: &'n Manifest) -> Option<&'n Tool> {
        if !self.tool.mcp {
            return None;
        }
        let name = &self.tool.name;
        let successor = new.tools.iter().find(|tool| tool.mcp && tool.name == *name);
        if successor.is_none() {
            self.report("mcp", format!("the tool `{name}` was removed"));
        }
        successor
    }

    fn access(&mut self, successor: &Tool) {
        if self.tool.public && !successor.public {
            self.report("access", "it needs a token now".to_owned());
        }
    }

    fn cors(&mut self, successor: &Tool) {
        // Without rules, every origin is allowed, as in the defaults.
        let every_origin = Cors::default();
        let old = self.tool.cors.as_ref().unwrap_or(&every_origin);
        let new = successor.cors.as_ref().unwrap_or(&every_origin);
        let is_any = |cors: &Cors| cors.origin.iter().any(|origin| origin == "*");
        if !is_any(new) {
            let refused: Vec<_> = old
                .origin
                .iter()
                .filter(|origin| !new.origin.contains(origin))
                .map(|origin| format!("`{origin}`"))
                .collect();
            if !refused.is_empty() {
                let refused = refused.join(", ");
                self.report("cors", format!("the origin {refused} is no longer allowed"));
            }
        }
        if old.credentials && !new.credentials {
            self.report("cors", "credentials are no longer allowed".to_owned());
        }
    }

    fn schemas(&mut self, successor: &Tool, in_path: &[&str]) {
        // A tool without a schema accepts any object.
        let any_object = json!({ "type": "object" });
        let input = |tool: &'a Tool| tool.input_schema.as_ref();
        let old = input(self.tool).unwrap_or(&any_object);
        let new = without_required(
            successor.input_schema.as_ref().unwrap_or(&any_object),
            in_path,
        );
        self.narrowings("input", schema::narrowings(Position::Input, old, &new));
        if let (Some(old), Some(new)) = (&self.tool.output_schema, &successor.output_schema) {
            self.narrowings("output", schema::narrowings(Position::Output, new, old));
        }
    }

    fn narrowings(&mut self, root: &str, narrowings: Vec<schema::Narrowing>) {
        for narrowing in narrowings {
            let change = BreakingChange {
                tool: self.tool.name.clone(),
                place: format!("{root}{}", narrowing.path),
                change: narrowing.change,
            };
            if !self.found.contains(&change) {
                self.found.push(change);
            }
        }
    }

    fn report(&mut self, place: &str, change: String) {
        self.found.push(BreakingChange {
            tool: self.tool.name.clone(),
            place: place.to_owned(),
            change,
        });
    }
}

fn without_required(schema: &Value, names: &[&str]) -> Value {
    let mut schema = schema.clone();
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_none_or(|name| !names.contains(&name)));
    }
    schema
}

#[cfg(test)]
mod tests;
