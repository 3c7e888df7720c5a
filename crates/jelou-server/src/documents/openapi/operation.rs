//! The OpenAPI operation for one method of one tool.

use jelou_core::manifest::Tool;
use serde_json::{Map, Value, json};

use super::answers::{ANSWERS, GivenTo};
use super::schemas::Schemas;
use super::security;
use super::template::Template;

pub(super) struct Operation<'a> {
    pub(super) tool: &'a Tool,
    pub(super) method: &'a str,
    pub(super) id: String,
    pub(super) template: &'a Template,
    pub(super) schemas: &'a ToolSchemas,
}

/// References to a tool's schemas in the document.
#[derive(Debug)]
pub(super) struct ToolSchemas {
    input: Option<Input>,
    output: Option<String>,
}

#[derive(Debug)]
struct Input {
    reference: String,
    /// The properties of the input, if its schema is a plain object.
    fields: Option<Vec<Field>>,
    /// Whether the input may be an object. A query string is always an object.
    may_be_object: bool,
}

#[derive(Debug)]
struct Field {
    name: String,
    required: bool,
    schema: Value,
}

impl ToolSchemas {
    pub(super) fn add(tool: &Tool, schemas: &mut Schemas) -> Self {
        let mut add = |part: &str, schema: &Option<Value>| {
            schema
                .as_ref()
                .map(|schema| schemas.add(&format!("{}_{part}", tool.name), schema))
        };
        let input = add("input", &tool.input_schema);
        let output = add("output", &tool.output_schema);
        let input = input.map(|reference| Input {
            fields: fields(&reference, schemas),
            may_be_object: may_be_object(&reference, schemas),
            reference,
        });
        Self { input, output }
    }

    /// Whether a request with this method can have a valid input. A query string is always an object.
    pub(super) fn allow(&self, method: &str) -> bool {
        !takes_query(method) || self.input.as_ref().is_none_or(|input| input.may_be_object)
    }
}

/// Whether the input is in the query string.
fn takes_query(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

fn may_be_object(reference: &str, schemas: &Schemas) -> bool {
    match schemas.get(reference).and_then(|schema| schema.get("type")) {
        Some(Value::String(only)) => only == "object",
        Some(Value::Array(several)) => several.iter().any(|name| name == "object"),
        _ => true,
    }
}

/// Returns the properties of a plain object schema.
fn fields(reference: &str, schemas: &Schemas) -> Option<Vec<Field>> {
    let mut schema = schemas.get(reference)?;
    if let Some(Value::String(target)) = schema.get("$ref") {
        schema = schemas.get(target)?;
    }
    let composed = ["$ref", "allOf", "anyOf", "oneOf", "if"];
    if composed.iter().any(|keyword| schema.get(keyword).is_some()) {
        return None;
    }
    let required = |name: &str| {
        let names = schema.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|required| required == name))
    };
    let properties = schema.get("properties")?.as_object()?;
    Some(
        properties
            .iter()
            .map(|(name, schema)| Field {
                name: name.clone(),
                required: required(name),
                schema: schema.clone(),
            })
            .collect(),
    )
}

impl Operation<'_> {
    pub(super) fn describe(&self) -> Value {
        let mut operation = Map::new();
        operation.insert("operationId".to_owned(), json!(self.id));
        if let Some(title) = self.tool.annotations.as_ref().and_then(|a| a.get("title")) {
            operation.insert("summary".to_owned(), title.clone());
        }
        operation.insert("description".to_owned(), json!(self.tool.description));
        let mut parameters = self.path_parameters();
        if takes_query(self.method) {
            parameters.extend(self.query_parameters());
        } else {
            operation.insert("requestBody".to_owned(), self.request_body());
        }
        if !parameters.is_empty() {
            operation.insert("parameters".to_owned(), Value::Array(parameters));
        }
        operation.insert("security".to_owned(), security(self.tool.public));
        operation.insert("responses".to_owned(), self.responses());
        Value::Object(operation)
    }

    fn path_parameters(&self) -> Vec<Value> {
        let names = self.template.parameters.iter();
        names
            .map(|name| {
                json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
            })
            .collect()
    }

    fn query_parameters(&self) -> Vec<Value> {
        let Some(input) = &self.schemas.input else {
            return Vec::new();
        };
        match &input.fields {
            Some(fields) => fields.iter().map(Field::query_parameter).collect(),
            // With this style, each property of the object is a query parameter (OpenAPI 3.1.0, "Style Values").
            None => vec![json!({
                "name": "input",
                "in": "query",
                "style": "form",
                "explode": true,
                "schema": { "$ref": input.reference },
            })],
        }
    }

    fn request_body(&self) -> Value {
        let schema = match &self.schemas.input {
            Some(input) => json!({ "$ref": input.reference }),
            None => json!({}),
        };
        // A missing body is treated as an empty object.
        let required = self
            .schemas
            .input
            .as_ref()
            .is_some_and(|input| match &input.fields {
                Some(fields) => fields.iter().any(|field| field.required),
                None => true,
            });
        json!({ "required": required, "content": { "application/json": { "schema": schema } } })
    }

    fn responses(&self) -> Value {
        let mut responses = Map::new();
        let mut success = json!({ "description": "What the function answers." });
        if self.method != "HEAD" {
            success["content"] = match &self.schemas.output {
                Some(reference) => {
                    json!({ "application/json": { "schema": { "$ref": reference } } })
                }
                None => json!({ "*/*": {} }),
            };
        }
        responses.insert("200".to_owned(), success);
        for answer in &ANSWERS {
            let is_given = match answer.given_to {
                GivenTo::All => true,
                GivenTo::TokenNeeded => !self.tool.public,
                GivenTo::WithBody => !takes_query(self.method),
            };
            if !is_given {
                continue;
            }
            let reference = format!("#/components/responses/{}", answer.name);
            responses.insert(answer.status.to_owned(), json!({ "$ref": reference }));
        }
        // A handler may respond with any status.
        responses.insert(
            "default".to_owned(),
            json!({ "description": "Any other answer of the function." }),
        );
        Value::Object(responses)
    }
}

impl Field {
    fn query_parameter(&self) -> Value {
        let mut parameter = json!({ "name": self.name, "in": "query", "required": self.required });
        if let Some(description) = self.schema.get("description") {
            parameter["description"] = description.clone();
        }
        parameter["schema"] = self.schema.clone();
        parameter
    }
}
