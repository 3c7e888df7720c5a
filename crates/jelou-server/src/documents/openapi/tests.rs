use jelou_core::manifest::{Manifest, Mode, Tool};
use serde_json::{Value, json};

use super::*;

pub(crate) fn tool(name: &str, path: &str, methods: &[&str]) -> Tool {
    Tool {
        key: name.to_owned(),
        name: name.to_owned(),
        description: format!("Does {name}"),
        path: path.to_owned(),
        methods: methods.iter().map(|&method| method.to_owned()).collect(),
        timeout_ms: None,
        mcp: true,
        public: false,
        cors: None,
        cron: vec![],
        input_schema: None,
        output_schema: None,
        annotations: None,
    }
}

fn describe(tools: Vec<Tool>) -> Value {
    let manifest = Manifest {
        mode: Mode::App,
        name: None,
        description: "Test".to_owned(),
        tools,
        env: true,
        keep_warm: 0,
        routes: Vec::new(),
        logs: jelou_core::LogRules::default(),
        openapi: None,
    };
    let names = DeploymentNames {
        slug: "mi-funcion",
        deployment: "dep_1",
        url: "https://mi-funcion.fn.example.com",
    };
    serde_json::from_slice(&document(&manifest, names)).unwrap()
}

#[test]
fn the_whole_document_of_a_tool() {
    let mut greet = tool("greet", "*", &["GET", "POST"]);
    greet.input_schema = Some(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "name": { "type": "string", "description": "Whom" },
            "friends": { "type": "array", "items": { "$ref": "#/$defs/Friend" } },
        },
        "required": ["name"],
        "$defs": { "Friend": { "type": "object", "properties": { "of": { "$ref": "#" } } } },
    }));
    greet.output_schema = Some(json!({ "type": "object" }));
    insta::assert_json_snapshot!(describe(vec![greet]));
}

#[test]
fn a_query_string_is_no_list() {
    let mut sum = tool("sum", "/sum", &["GET", "POST"]);
    sum.input_schema = Some(json!({ "type": "array", "items": { "type": "number" } }));
    let document = describe(vec![sum]);
    let methods: Vec<_> = document["paths"]["/sum"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(methods, ["post"]);
}

#[test]
fn paths_have_templates() {
    let path_of = |path: &str| {
        let document = describe(vec![tool("t", path, &["POST"])]);
        let (path, item) = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .next()
            .unwrap();
        let names: Vec<_> = item["post"]["parameters"]
            .as_array()
            .map(|parameters| parameters.iter().map(|p| p["name"].clone()).collect())
            .unwrap_or_default();
        (path.clone(), json!(names))
    };
    assert_eq!(path_of("*"), ("/".to_owned(), json!([])));
    assert_eq!(path_of("/"), ("/".to_owned(), json!([])));
    assert_eq!(
        path_of("/orders/:id/lines/:line"),
        (
            "/orders/{id}/lines/{line}".to_owned(),
            json!(["id", "line"])
        )
    );
    assert_eq!(
        path_of("/files/*"),
        ("/files/{rest-of-path}".to_owned(), json!(["rest-of-path"]))
    );
}

#[test]
fn templates_that_are_the_same_share_an_item() {
    let document = describe(vec![
        tool("read", "/users/:id", &["GET"]),
        tool("write", "/users/:name", &["PUT"]),
        tool("home", "/", &["GET"]),
        tool("any", "*", &["GET"]),
    ]);
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/users/{id}", "/", "/{rest-of-path}"]);
    let item = &document["paths"]["/users/{id}"];
    assert_eq!(item["get"]["operationId"], "read");
    assert_eq!(item["put"]["operationId"], "write");
    assert_eq!(item["put"]["parameters"][0]["name"], "id");
}

#[test]
fn operation_ids_are_unique() {
    let document = describe(vec![
        tool("x", "/x", &["GET", "POST", "DELETE"]),
        tool("x_get", "/y", &["GET"]),
    ]);
    let id = |path: &str, method: &str| document["paths"][path][method]["operationId"].clone();
    assert_eq!(id("/x", "post"), "x");
    assert_eq!(id("/x", "delete"), "x_delete");
    assert_eq!(id("/x", "get"), "x_get_");
    assert_eq!(id("/y", "get"), "x_get");
}

#[test]
fn public_tools_need_no_token() {
    let mut open = tool("open", "/open", &["POST"]);
    open.public = true;
    let mixed = describe(vec![open.clone(), tool("closed", "/closed", &["POST"])]);
    assert_eq!(mixed["security"], json!([{ "jelouToken": [] }]));
    let operation = |path: &str| mixed["paths"][path]["post"].clone();
    assert_eq!(operation("/open")["security"], json!([]));
    assert!(operation("/open")["responses"].get("401").is_none());
    assert_eq!(
        operation("/closed")["security"],
        json!([{ "jelouToken": [] }])
    );
    assert!(operation("/closed")["responses"].get("401").is_some());
    assert_eq!(describe(vec![open])["security"], json!([]));
}

#[test]
fn an_input_that_is_no_plain_object_is_one_exploded_parameter() {
    let mut find = tool("find", "/find", &["GET"]);
    find.input_schema = Some(json!({ "anyOf": [{ "type": "object" }, { "type": "object" }] }));
    let document = describe(vec![find]);
    let parameters = &document["paths"]["/find"]["get"]["parameters"];
    assert_eq!(
        parameters[0]["schema"]["$ref"],
        "#/components/schemas/find_input"
    );
    assert_eq!(parameters[0]["explode"], true);
}
