//! The OpenAPI 3.1 document of one function.

mod answers;
mod inner;
mod operation;
pub(crate) mod references;
mod schemas;
mod template;

use std::collections::HashSet;

use bytes::Bytes;
use jelou_core::manifest::{Manifest, Tool};
use serde_json::{Map, Value, json};

use super::DeploymentNames;
use operation::{Operation, ToolSchemas};
use schemas::Schemas;
use template::Templates;

pub(crate) fn document(manifest: &Manifest, names: DeploymentNames<'_>) -> Bytes {
    if let Some(own) = &manifest.openapi {
        return with_server(own.clone(), names.url);
    }
    let mut schemas = Schemas::default();
    let paths = if manifest.routes.is_empty() {
        paths(&manifest.tools, &mut schemas)
    } else {
        paths(&inner::tools(manifest), &mut schemas)
    };
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": manifest.name.as_deref().unwrap_or(names.slug),
            "description": manifest.description,
            // The deployment's id, so that the version changes with every deploy.
            "version": names.deployment,
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{ "url": names.url }],
        "security": security(manifest.is_public()),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "jelouToken": { "type": "apiKey", "in": "header", "name": "X-Jelou-Token" },
            },
            "responses": answers::responses(),
            "schemas": schemas.into_components(),
        },
    });
    Bytes::from(document.to_string())
}

/// Returns the function's own document. Adds the function's URL if the document names no server.
fn with_server(mut document: Value, url: &str) -> Bytes {
    if let Value::Object(members) = &mut document {
        let server = || json!([{ "url": url }]);
        members.entry("servers").or_insert_with(server);
    }
    Bytes::from(document.to_string())
}

fn security(public: bool) -> Value {
    if public {
        json!([])
    } else {
        json!([{ "jelouToken": [] }])
    }
}

fn paths(tools: &[Tool], schemas: &mut Schemas) -> Value {
    let mut paths = Map::new();
    let mut templates = Templates::of(tools);
    let mut ids = HashSet::new();
    // Tool names take precedence over generated names of additional methods.
    ids.extend(tools.iter().map(|tool| tool.name.clone()));
    for tool in tools {
        let template = templates.of_tool(tool);
        let tool_schemas = ToolSchemas::add(tool, schemas);
        let primary = primary_method(tool);
        for method in tool
            .methods
            .iter()
            .filter(|method| tool_schemas.allow(method))
        {
            let id = if Some(method.as_str()) == primary {
                tool.name.clone()
            } else {
                further_id(&tool.name, method, &mut ids)
            };
            let operation = Operation {
                tool,
                method,
                id,
                template: &template,
                schemas: &tool_schemas,
            };
            let item = paths
                .entry(template.path.clone())
                .or_insert_with(|| json!({}));
            item[method.to_ascii_lowercase()] = operation.describe();
        }
    }
    Value::Object(paths)
}

/// Returns the method whose operation gets the tool's name: POST, which MCP uses, otherwise the first method.
fn primary_method(tool: &Tool) -> Option<&str> {
    let methods = &tool.methods;
    methods
        .iter()
        .find(|method| *method == "POST")
        .or_else(|| methods.first())
        .map(String::as_str)
}

fn further_id(name: &str, method: &str, ids: &mut HashSet<String>) -> String {
    let mut id = format!("{name}_{}", method.to_ascii_lowercase());
    while !ids.insert(id.clone()) {
        id.push('_');
    }
    id
}

#[cfg(test)]
pub(crate) mod tests;
