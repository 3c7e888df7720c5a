//! Converts routes to OpenAPI path templates: `:param` becomes `{param}`.

use std::collections::HashMap;

use jelou_core::manifest::Tool;

/// Name of the parameter for a trailing `*`. A `:param` cannot have this name.
const REST: &str = "rest-of-path";

#[derive(Debug, Clone)]
pub(super) struct Template {
    pub(super) path: String,
    pub(super) parameters: Vec<String>,
}

/// The path templates of one document. OpenAPI does not allow templates that differ only in parameter names (OpenAPI
/// 3.1.0, "Paths Object"), so all of them get the parameter names of the first.
#[derive(Debug)]
pub(super) struct Templates {
    by_shape: HashMap<String, Template>,
    /// Whether a tool has the path `/`. Then `*` cannot be shown as `/`.
    has_root: bool,
}

impl Templates {
    pub(super) fn of(tools: &[Tool]) -> Self {
        Self {
            by_shape: HashMap::new(),
            has_root: tools.iter().any(|tool| tool.path == "/"),
        }
    }

    pub(super) fn of_tool(&mut self, tool: &Tool) -> Template {
        let template = self.parse(&tool.path);
        let shape: Vec<_> = template
            .path
            .split('/')
            .map(|segment| {
                if segment.starts_with('{') {
                    "{}"
                } else {
                    segment
                }
            })
            .collect();
        self.by_shape
            .entry(shape.join("/"))
            .or_insert(template)
            .clone()
    }

    fn parse(&self, path: &str) -> Template {
        let mut parameters = Vec::new();
        let mut parameter = |name: &str| {
            parameters.push(name.to_owned());
            format!("/{{{name}}}")
        };
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        let path: String = segments
            .map(|segment| match segment.strip_prefix(':') {
                Some(name) => parameter(name),
                // `*` matches any path. The document shows the shortest one.
                None if path == "*" && !self.has_root => "/".to_owned(),
                None if segment == "*" => parameter(REST),
                None => format!("/{segment}"),
            })
            .collect();
        let path = if path.is_empty() {
            "/".to_owned()
        } else {
            path
        };
        Template { path, parameters }
    }
}
