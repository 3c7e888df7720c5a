//! The OpenAPI document of a function.

use serde_json::{Value, json};

use crate::support::TestServer;

const PRIVATE: &str = r#"export default define({
  name: "greet", description: "Greets", input: z.object({ name: z.string() }),
  output: z.object({ text: z.string() }), handler: ({ name }) => ({ text: `Hi, ${name}` }),
});"#;

#[test]
fn the_document_needs_no_token() {
    let server = TestServer::start();
    server.deploy("greet", PRIVATE);
    let reply = server.call("greet", "/openapi.json").send();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let document = reply.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "greet");
    assert_eq!(document["servers"][0]["url"], server.origin("greet"));
    assert_eq!(document["security"], json!([{ "jelouToken": [] }]));
    let operation = &document["paths"]["/"]["post"];
    assert_eq!(operation["operationId"], "greet");
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["$ref"], "#/components/schemas/greet_input");
    assert_eq!(
        document["paths"]["/"]["get"]["parameters"][0]["name"],
        "name"
    );
}

#[test]
fn only_get_and_head_are_answered() {
    let server = TestServer::start();
    server.deploy("greet", PRIVATE);
    let call = || server.call("greet", "/openapi.json");
    let head = call().method("HEAD").send();
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let post = call().body("{}").send();
    assert_eq!(post.status, 405);
    assert_eq!(post.header("allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(post.json(), json!({ "error": "Method not allowed" }));
}

#[test]
fn each_deployment_has_its_own() {
    let server = TestServer::start();
    let document = |source: &str| -> Value {
        let deployed = server.try_deploy("changing", source).unwrap();
        let document = server.call("changing", "/openapi.json").send().json();
        assert_eq!(
            document["info"]["version"],
            json!(deployed.deployment.unwrap().id)
        );
        document
    };
    assert_eq!(
        document(PRIVATE)["paths"]["/"]["post"]["operationId"],
        "greet"
    );
    let renamed = document(
        r#"export default app({ config: { public: true }, tools: {
          sendEmail: define({ description: "Sends", handler: () => 1 }) } });"#,
    );
    assert_eq!(renamed["info"]["title"], "changing");
    assert_eq!(
        renamed["paths"]["/send-email"]["post"]["operationId"],
        "sendEmail"
    );
    assert_eq!(renamed["security"], json!([]));
}

/// The platform's actual answers match the document.
#[test]
fn the_platforms_answers_are_as_described() {
    let server = TestServer::start();
    let token = server.deploy(
        "answers",
        r#"export default app({ tools: {
          check: define({ description: "Checks", input: z.object({ n: z.number() }), handler: () => 1 }),
          fail: define({ description: "Fails", handler: () => { throw new Error("x") } }),
          slow: define({ description: "Hangs", config: { timeout: 200 }, handler: () => new Promise(() => {}) }),
        } });"#,
    );
    let document = server.call("answers", "/openapi.json").send().json();
    let post = |path: &str, body: &str| {
        let call = server.call("answers", path).token(&token);
        call.header("content-type", "application/json").body(body)
    };
    let cases = [
        ("400", post("/check", r#"{"n":"x"}"#)),
        ("400", post("/check", "{")),
        ("401", server.call("answers", "/check").body("{}")),
        ("404", post("/nowhere", "{}")),
        ("405", post("/check", "{}").method("BREW")),
        ("500", post("/fail", "{}")),
        ("504", post("/slow", "{}")),
    ];
    let responses = &document["paths"]["/check"]["post"]["responses"];
    for (status, call) in cases {
        let reply = call.send();
        assert_eq!(reply.status.to_string(), status, "{}", reply.body);
        let reference = responses[status]["$ref"].as_str().unwrap();
        let response = document.pointer(&reference[1..]).unwrap();
        let schema = &response["content"]["application/json"]["schema"];
        assert!(
            matches(schema, &reply.json()),
            "{schema} does not describe {}",
            reply.body
        );
        for header in response["headers"].as_object().into_iter().flatten() {
            let (name, _) = header;
            assert!(reply.header(name).is_some(), "{status} has no {name}");
        }
    }
}

/// Implements the part of JSON Schema that the platform's answers need.
fn matches(schema: &Value, value: &Value) -> bool {
    let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
    if let Some(schemas) = schema["anyOf"].as_array() {
        // The last schema is for the function's own answers, which can have any form.
        let (_, of_platform) = schemas.split_last().unwrap();
        return of_platform.iter().any(|schema| matches(schema, value));
    }
    if let Some(expected) = schema.get("const") {
        return value == expected;
    }
    let types: Vec<_> = match &schema["type"] {
        Value::Array(types) => types.clone(),
        other => vec![other.clone()],
    };
    let fits = types.iter().any(|name| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        other => panic!("a type that no answer has: {other}"),
    });
    let properties = object(&schema["properties"]);
    fits && value
        .as_array()
        .into_iter()
        .flatten()
        .all(|item| matches(&schema["items"], item))
        && object(value)
            .iter()
            .all(|(name, value)| properties.get(name).is_some_and(|s| matches(s, value)))
        && schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .all(|name| value.get(name.as_str().unwrap()).is_some())
}
