use serde_json::json;

use super::*;

fn answered(status: u16, content_type: &'static str, body: &'static str) -> Outcome {
    let mut headers = HeaderMap::new();
    if !content_type.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    Outcome {
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        url: "https://x/".to_owned(),
        body: Bytes::from_static(body.as_bytes()),
        share: None,
    }
}

fn written(outcome: &Outcome, output: OutputSchema, revision: Revision) -> Value {
    serde_json::from_slice(&result(outcome, output, revision, &json!({ "name": "n" }))).unwrap()
}

fn legacy(status: u16, content_type: &'static str, body: &'static str) -> Value {
    let outcome = answered(status, content_type, body);
    written(&outcome, OutputSchema::None, Revision::Legacy)
}

fn modern(status: u16, content_type: &'static str, body: &'static str) -> Value {
    let outcome = answered(status, content_type, body);
    written(&outcome, OutputSchema::None, Revision::Modern)
}

#[test]
fn json_is_structured_and_text() {
    assert_eq!(
        legacy(200, "application/json", r#"{"a":1}"#),
        json!({
            "content": [{ "type": "text", "text": "{\"a\":1}" }],
            "structuredContent": { "a": 1 },
            "isError": false,
        })
    );
    assert_eq!(
        modern(201, "application/problem+json; charset=utf-8", "[1]"),
        json!({
            "resultType": "complete",
            "content": [{ "type": "text", "text": "[1]" }],
            "structuredContent": [1],
            "isError": false,
            "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "n" } },
        })
    );
    assert_eq!(
        legacy(200, "application/json", "[1]").get("structuredContent"),
        None
    );
    let text = legacy(200, "application/json", r#""hi""#);
    assert_eq!(text["content"][0]["text"], "hi");
}

#[test]
fn other_answers_are_blocks() {
    assert_eq!(
        legacy(204, "", ""),
        json!({ "content": [], "isError": false })
    );
    assert_eq!(
        legacy(200, "text/html", "<p>"),
        json!({ "content": [{ "type": "text", "text": "<p>" }], "isError": false })
    );
    assert_eq!(
        legacy(200, "application/json", "{")["content"][0]["text"],
        "{"
    );
}

#[test]
fn a_handler_may_make_the_result() {
    let made =
        r#"{"content":[{"type":"text","text":"x"}],"structuredContent":{"n":1},"_meta":{"a/b":1}}"#;
    let result = modern(200, "application/json", made);
    assert_eq!(result["content"], json!([{ "type": "text", "text": "x" }]));
    assert_eq!(result["structuredContent"], json!({ "n": 1 }));
    assert_eq!(result["_meta"]["a/b"], 1);
    let failed = r#"{"content":[{"type":"text","text":"x"}],"isError":true}"#;
    let result = modern(200, "application/json", failed);
    assert_eq!(result["isError"], true);
    assert_eq!(result.get("structuredContent"), None);
    for data in [
        r#"{"content":[]}"#,
        r#"{"content":[{"type":"paragraph","text":"x"}]}"#,
        r#"{"content":[{"type":"text","text":"x"}],"author":"y"}"#,
    ] {
        let result = modern(200, "application/json", data);
        assert_eq!(result["content"][0]["text"], data);
    }
}

#[test]
fn errors_can_be_read() {
    let text = |status, content_type, body| {
        let result = legacy(status, content_type, body);
        assert_eq!(result["isError"], true);
        assert_eq!(result.get("structuredContent"), None);
        result["content"][0]["text"].as_str().unwrap().to_owned()
    };
    let invalid = r#"{"error":"Validation failed","details":[
        {"path":["to",0,"email"],"message":"Invalid email","code":"invalid_string"},
        {"path":[],"message":"Too many","code":"custom"}]}"#;
    assert_eq!(
        text(400, "application/json", invalid),
        "Validation failed\n- to.0.email: Invalid email\n- Too many"
    );
    assert_eq!(
        text(504, "application/json", r#"{"error":"Function timed out"}"#),
        "Function timed out"
    );
    let own = r#"{"error":"taken","suggestion":"other"}"#;
    assert_eq!(text(409, "application/json", own), own);
    assert_eq!(text(404, "", ""), "HTTP 404 Not Found");
    assert_eq!(text(500, "text/plain", "oops"), "oops");
}

#[test]
fn a_promised_structure_must_be_there() {
    let of = |body, output, revision| {
        written(&answered(200, "application/json", body), output, revision)
    };
    assert_eq!(
        of("[1]", OutputSchema::Object, Revision::Legacy)["isError"],
        true
    );
    assert_eq!(
        of("[1]", OutputSchema::Other, Revision::Legacy)["isError"],
        false
    );
    assert_eq!(
        of("[1]", OutputSchema::Other, Revision::Modern)["isError"],
        false
    );
    let text = answered(200, "text/plain", "x");
    let result = written(&text, OutputSchema::Object, Revision::Modern);
    assert_eq!(result["isError"], true);
    assert_eq!(result["content"][1]["text"], "x");
    let blocks = r#"{"content":[{"type":"text","text":"x"}]}"#;
    let result = of(blocks, OutputSchema::Object, Revision::Legacy);
    assert_eq!(
        result["structuredContent"],
        serde_json::from_str::<Value>(blocks).unwrap()
    );
    let nothing = written(
        &answered(204, "", ""),
        OutputSchema::Other,
        Revision::Modern,
    );
    assert_eq!(nothing["structuredContent"], Value::Null);
    assert_eq!(nothing["isError"], false);
}
