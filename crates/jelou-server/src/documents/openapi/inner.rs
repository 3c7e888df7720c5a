//! Describes the routes inside a web handler as tools.

use std::collections::HashSet;

use jelou_core::Manifest;
use jelou_core::manifest::{InnerRoute, Tool};

use crate::registry::Routes;

/// Returns a tool for each inner route, with the rules of the outer route that leads to it.
pub(super) fn tools(manifest: &Manifest) -> Vec<Tool> {
    let outer = Routes::of(manifest);
    let mut names = HashSet::new();
    let tool = |route: &InnerRoute| {
        let found = outer.find(&route.path, &route.method).tool()?;
        Some(Tool {
            name: unique_name(route, &mut names),
            path: route.path.clone(),
            methods: vec![route.method.clone()],
            ..manifest.tools.get(found)?.clone()
        })
    };
    manifest.routes.iter().filter_map(tool).collect()
}

/// Returns a name such as `get_users_id` for `GET /users/:id`.
fn unique_name(route: &InnerRoute, names: &mut HashSet<String>) -> String {
    let mut name = route.method.to_ascii_lowercase();
    for segment in route.path.split('/').filter(|segment| !segment.is_empty()) {
        name.push('_');
        name.extend(segment.chars().filter(char::is_ascii_alphanumeric));
    }
    while !names.insert(name.clone()) {
        name.push('_');
    }
    name
}
