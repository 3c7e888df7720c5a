//! U+0000 in requests to the management API. PostgreSQL cannot store it, so every server refuses it.

use serde_json::{Value, json};

use crate::support::{Call, TestServer};

const SOURCE: &str =
    "export default define({ description: \"Zero\", handler: () => ({ ok: true }) });";

fn refusal((status, problem): (u16, Value)) -> String {
    assert_eq!(status, 400, "{problem}");
    problem["detail"].as_str().unwrap().to_owned()
}

#[test]
fn every_text_of_a_request_is_refused_by_its_field() {
    let server = TestServer::start();
    server.deploy("hola", SOURCE);
    let function = "/v1/functions/hola";
    for (method, path, body, field) in [
        (
            "POST",
            "/v1/functions",
            json!({ "slug": "a", "name": "x\0" }),
            "name",
        ),
        (
            "POST",
            "tokens",
            json!({ "name": "ci", "owner": "a\0" }),
            "owner",
        ),
        (
            "POST",
            "tokens",
            json!({ "name": "ci", "purpose": "\0" }),
            "purpose",
        ),
        (
            "POST",
            "tokens",
            json!({ "name": "ci", "tags": ["a", "b\0"] }),
            "tags[1]",
        ),
        (
            "PATCH",
            "tokens/default",
            json!({ "purpose": "a\0b" }),
            "purpose",
        ),
        (
            "POST",
            "token-revocation",
            json!({ "createdBy": "a\0" }),
            "createdBy",
        ),
        (
            "PATCH",
            "secrets",
            json!({ "secrets": { "A": "x\0y" } }),
            "secrets.A",
        ),
        (
            "PATCH",
            "/v1/secrets",
            json!({ "secrets": { "A": "x\0y" } }),
            "secrets.A",
        ),
        ("POST", "rollback", json!({ "reason": "\0" }), "reason"),
        (
            "POST",
            "deployments",
            json!({ "files": [{ "path": "index.ts", "content": "\0" }], "message": "\0" }),
            "message",
        ),
        (
            "POST",
            "/v1/access-tokens",
            json!({ "name": "a\0", "scopes": ["admin"] }),
            "name",
        ),
        (
            "POST",
            "/v1/trust",
            json!({ "issuer": "other", "issuerUrl": "https://a", "audience": "\0" }),
            "audience",
        ),
    ] {
        let path = match path.strip_prefix('/') {
            Some(_) => path.to_owned(),
            None => format!("{function}/{path}"),
        };
        let detail = refusal(server.manage(method, &path, &body));
        assert!(detail.contains(&format!("`{field}`")), "{path}: {detail}");
        assert!(detail.contains("U+0000"), "{path}: {detail}");
    }
    for path in [
        "tokens/a%00b",
        "logs?filter=a%00b",
        "logs?search=%00",
        "schedules/a%00",
        "deployments/%00",
    ] {
        let refused = server.manage("GET", &format!("{function}/{path}"), &Value::Null);
        let detail = refusal(refused);
        assert!(detail.contains("U+0000"), "{path}: {detail}");
    }
    let address = server.address();
    let exchange = Call::new(address, address, "/v1/token").body("subject_token=a%00");
    let reply = exchange.send();
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert!(
        reply.body.contains("`subject_token` contains"),
        "{}",
        reply.body
    );
}

#[test]
fn a_file_may_contain_it() {
    let server = TestServer::start();
    let source = SOURCE.replace("ok: true", "text: \"a\0b\"");
    let token = server.deploy("hola", &source);
    let reply = server.call("hola", "/").method("POST").token(&token).send();
    assert_eq!(reply.json(), json!({ "text": "a\0b" }));
}

#[test]
fn the_memory_of_a_function_refuses_it() {
    let server = TestServer::start();
    let source = r#"export default define({ description: "Remembers", handler: async (_input, ctx) => {
        const said = (promise) => promise.then(() => "stored", (error) => error.message);
        return { key: await said(ctx.memory.set("a\u0000", "x")), value: await said(ctx.memory.set("a", "x\u0000")) };
    } });"#;
    let token = server.deploy("hola", source);
    let reply = server
        .call("hola", "/")
        .method("POST")
        .token(&token)
        .send()
        .json();
    assert!(reply["key"].as_str().unwrap().contains("U+0000"), "{reply}");
    assert!(
        reply["value"].as_str().unwrap().contains("U+0000"),
        "{reply}"
    );
}

#[test]
fn a_name_has_a_limit() {
    let server = TestServer::start();
    let create = |slug: &str, name: String| {
        let body = json!({ "slug": slug, "name": name });
        server.manage("POST", "/v1/functions", &body)
    };
    let (status, problem) = create("a", "x".repeat(201));
    assert_eq!(status, 422, "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("`name`") && detail.contains("200"),
        "{problem}"
    );
    assert_eq!(create("a", "ñ".repeat(200)).0, 201);
}
