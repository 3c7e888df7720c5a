//! Finds the operation to call in an OpenAPI document.

use std::fmt::Write as _;

use jelou_core::suggestion;
use serde_json::{Map, Value, json};
use ureq::http::Request;

use crate::exit::Failure;

/// The operation of a tool: how it is called.
#[derive(Debug)]
pub(super) struct Operation {
    name: String,
    method: String,
    /// The path, with `{name}` in place of each parameter.
    path: String,
    parameters: Vec<Parameter>,
    /// The schema of the body. If it is a reference, it was replaced by its target.
    pub(super) body: Option<Value>,
}

#[derive(Debug)]
struct Parameter {
    name: String,
    is_in_path: bool,
    is_required: bool,
    schema: Value,
}

impl Operation {
    /// Finds the operation with this name. Without a name, there must be only one tool.
    ///
    /// # Errors
    ///
    /// If there is no such operation, or several tools and no name. The message lists the tools.
    pub(super) fn find(document: &Value, name: Option<&str>) -> anyhow::Result<Self> {
        let empty = Map::new();
        let paths = document["paths"].as_object().unwrap_or(&empty);
        let all: Vec<_> = paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().into_iter().flatten();
                methods.map(move |(method, operation)| (path, method, operation))
            })
            .filter(|(.., operation)| operation["operationId"].is_string())
            .collect();
        let id = |operation: &Value| {
            operation["operationId"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        // One method of a path has the tool's name as its id: POST, otherwise the first. The other ids are derived from
        // it.
        let mut ids: Vec<String> = paths
            .values()
            .filter_map(|item| {
                item.get("post")
                    .or_else(|| item.as_object()?.values().next())
            })
            .map(id)
            .collect();
        let found = match name {
            Some(name) => all.iter().find(|(.., operation)| id(operation) == name),
            None if ids.len() == 1 => all.iter().find(|(.., operation)| id(operation) == ids[0]),
            None => None,
        };
        let Some((path, method, operation)) = found else {
            ids.sort();
            let known = ids.iter().map(String::as_str);
            let near = name.and_then(|name| suggestion::nearest(name, known));
            let message = match name {
                Some(name) => format!("the function has no tool `{name}`"),
                None => "the function has several tools".to_owned(),
            };
            let hint = match near {
                Some(near) => format!("did you mean `{near}`? It has: {}", ids.join(", ")),
                None => format!("name one of them: {}", ids.join(", ")),
            };
            return Err(Failure::input(message).hint(hint).into());
        };
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        Ok(Self {
            name: id(operation),
            method: method.to_ascii_uppercase(),
            path: (*path).clone(),
            parameters: parameters
                .map(|parameter| Parameter {
                    name: parameter["name"].as_str().unwrap_or_default().to_owned(),
                    is_in_path: parameter["in"] == "path",
                    is_required: parameter["required"] == true,
                    schema: resolved(document, &parameter["schema"]),
                })
                .collect(),
            body: (!body.is_null()).then(|| resolved(document, body)),
        })
    }

    /// Returns the schema of an input field.
    pub(super) fn field(&self, name: &str) -> Option<&Value> {
        let parameter = self.parameters.iter().find(|known| known.name == name);
        parameter
            .map(|parameter| &parameter.schema)
            .or_else(|| self.body.as_ref()?["properties"].get(name))
    }

    /// Whether the schema lists the fields of the input.
    pub(super) fn has_fields(&self) -> bool {
        let body = self.body.as_ref();
        !self.parameters.is_empty() || body.is_some_and(|body| body["properties"].is_object())
    }

    /// Returns the names of the required fields.
    pub(super) fn required(&self) -> Vec<String> {
        let parameters = self
            .parameters
            .iter()
            .filter(|parameter| parameter.is_required);
        let body = self.body.as_ref().map(|body| &body["required"]);
        let fields = body.and_then(Value::as_array).into_iter().flatten();
        parameters
            .map(|parameter| parameter.name.clone())
            .chain(fields.filter_map(Value::as_str).map(str::to_owned))
            .collect()
    }

    /// Builds the request. Path parameters go into the path. For GET and HEAD, the other fields go into the query,
    /// otherwise the rest of the input is the JSON body.
    pub(super) fn request(
        &self,
        url: &str,
        input: Value,
        token: Option<&str>,
    ) -> anyhow::Result<Request<Vec<u8>>> {
        let mut input = input;
        let mut path = self.path.clone();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let takes_body = !matches!(self.method.as_str(), "GET" | "HEAD");
        if let Value::Object(fields) = &mut input {
            for parameter in self.parameters.iter().filter(|known| known.is_in_path) {
                if let Some(value) = fields.remove(&parameter.name) {
                    let value = percent_encoded(&plain(&value));
                    path = path.replace(&format!("{{{}}}", parameter.name), &value);
                }
            }
            if !takes_body {
                for (name, value) in std::mem::take(fields) {
                    query.append_pair(&name, &plain(&value));
                }
            }
        }
        let query = query.finish();
        let mut address = format!("{url}{path}");
        if !query.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(address, "?{query}");
        }
        let mut request = Request::builder().method(self.method.as_str()).uri(address);
        if let Some(token) = token {
            request = request.header(super::TOKEN_HEADER, token);
        }
        let body = if takes_body {
            request = request.header("content-type", "application/json");
            serde_json::to_vec(&input)?
        } else {
            Vec::new()
        };
        Ok(request.body(body)?)
    }

    /// Builds a request for MCP's method `tools/call`.
    pub(super) fn mcp_request(
        &self,
        url: &str,
        input: &Value,
        token: Option<&str>,
    ) -> anyhow::Result<Request<Vec<u8>>> {
        let body = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": { "name": self.name, "arguments": input },
        });
        let mut request = Request::post(format!("{url}/mcp"))
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("x-jelou-token", token);
        }
        Ok(request.body(serde_json::to_vec(&body)?)?)
    }
}

/// Returns the target of a `$ref`, or the schema itself if it is not a reference.
fn resolved(document: &Value, schema: &Value) -> Value {
    let target = schema["$ref"]
        .as_str()
        .and_then(|target| target.strip_prefix('#'));
    let target = target.and_then(|target| document.pointer(target));
    target.unwrap_or(schema).clone()
}

/// Returns a value in the form for a path or a query: a string without quotes, other values as JSON.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn percent_encoded(text: &str) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    encoded.replace('+', "%20")
}
