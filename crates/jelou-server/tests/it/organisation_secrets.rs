//! Secrets of the organisation, which functions inherit, and rollbacks of secrets.

use serde_json::{Value, json};

use crate::support::{TestServer, eventually};

const READS: &str = r#"export default define({ description: "x",
  handler: (_input, ctx) => ({ a: ctx.env.get("A") ?? null, b: ctx.env.get("B") ?? null }) });"#;

fn read(server: &TestServer, slug: &str, token: &str) -> Value {
    let reply = server.call(slug, "/").token(token).json(&json!({})).send();
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

fn set(server: &TestServer, path: &str, secrets: &Value) {
    let (status, body) = server.manage("PATCH", path, &json!({ "secrets": secrets }));
    assert_eq!(status, 200, "{body}");
}

#[test]
fn a_function_has_the_secrets_of_the_organisation_unless_it_sets_its_own() {
    let server = TestServer::start();
    set(
        &server,
        "/v1/secrets",
        &json!({ "A": "organisation-a", "B": "organisation-b" }),
    );
    let (mine, other) = (server.deploy("mine", READS), server.deploy("other", READS));
    let inherited = json!({ "a": "organisation-a", "b": "organisation-b" });
    assert_eq!(read(&server, "mine", &mine), inherited);
    server.set_secret("mine", "A", "function-a");
    let own = json!({ "a": "function-a", "b": "organisation-b" });
    assert_eq!(read(&server, "mine", &mine), own);
    assert_eq!(read(&server, "other", &other), inherited);

    // The next request sees a change, and the function's own secret takes precedence.
    set(&server, "/v1/secrets", &json!({ "A": "changed-a" }));
    assert_eq!(read(&server, "mine", &mine), own);
    assert_eq!(read(&server, "other", &other)["a"], "changed-a");
    let server = server.restart(|_| {});
    assert_eq!(read(&server, "mine", &mine), own);
    assert_eq!(read(&server, "other", &other)["a"], "changed-a");
    // Without a secret of its own, the function gets the organisation's again.
    let (status, _) = server.manage("DELETE", "/v1/functions/mine/secrets/A", &Value::Null);
    assert_eq!(status, 204);
    assert_eq!(read(&server, "mine", &mine)["a"], "changed-a");

    let (status, listed) = server.manage("GET", "/v1/secrets", &Value::Null);
    assert_eq!(status, 200);
    let text = listed.to_string();
    assert!(
        !text.contains("changed-a") && !text.contains("organisation"),
        "{text}"
    );
    assert_eq!(listed["items"][0]["key"], "A");
    assert_eq!(listed["items"][0]["version"], 2);

    let rollback = json!({});
    let (status, body) = server.manage("POST", "/v1/secrets/A/rollback", &rollback);
    assert_eq!(
        (status, body),
        (200, json!({ "key": "A", "version": 3, "restored": 1 }))
    );
    assert_eq!(read(&server, "other", &other)["a"], "organisation-a");
    let (status, _) = server.manage("DELETE", "/v1/secrets/A", &Value::Null);
    assert_eq!(status, 204);
    assert_eq!(
        read(&server, "other", &other),
        json!({ "a": null, "b": "organisation-b" })
    );
    let (status, _) = server.manage("POST", "/v1/secrets/A/rollback", &rollback);
    assert_eq!(status, 404);
}

#[test]
fn a_preview_has_the_secrets_of_the_organisation_only_with_those_of_its_function() {
    let server = TestServer::start();
    set(&server, "/v1/secrets", &json!({ "A": "organisation-a" }));
    let token = server.deploy("mine", READS);
    for (name, with_secrets, a) in [
        ("bare", false, Value::Null),
        ("full", true, json!("organisation-a")),
    ] {
        let preview = json!({ "name": name, "withSecrets": with_secrets });
        let preview = serde_json::from_value(preview).unwrap();
        server.preview("mine", READS, preview).unwrap();
        assert_eq!(
            read(&server, &format!("{name}--mine"), &token)["a"],
            a,
            "{name}"
        );
    }
}

#[test]
fn a_rollback_of_a_secret_reaches_the_next_request() {
    let server = TestServer::start();
    let token = server.deploy("mine", READS);
    for value in ["first-value", "second-value", "third-value"] {
        server.set_secret("mine", "A", value);
    }
    let path = "/v1/functions/mine/secrets/A/rollback";
    let (status, body) = server.manage("POST", path, &json!({ "version": 1 }));
    assert_eq!((status, &body["restored"]), (200, &json!(1)), "{body}");
    assert_eq!(read(&server, "mine", &token)["a"], "first-value");
    let (status, body) = server.manage("POST", path, &json!({ "version": 9 }));
    assert_eq!(status, 409, "{body}");
}

#[test]
fn a_first_deploy_calls_the_function_with_them() {
    let server = TestServer::start();
    set(
        &server,
        "/v1/secrets",
        &json!({ "SHARED": "of-the-organisation" }),
    );
    let source = r#"import { define } from "@jelou/functions";
    export default define({
      description: "Needs the secret",
      config: { public: true },
      handler: (_input, ctx) => {
        console.log("read", ctx.env.get("SHARED"));
        if (!ctx.env.has("SHARED")) throw new Error("SHARED is missing");
        return "ok";
      },
    });"#;
    let body = json!({
        "files": [{ "path": "index.ts", "content": source }],
        "smoke": [{ "method": "POST", "path": "/", "body": "{}", "status": 200 }],
    });
    let (status, deployed) = server.manage("POST", "/v1/functions/needy/deployments", &body);
    assert_eq!(status, 201, "{deployed}");
    // The log of its first process is masked too.
    let logs = eventually("the line of the smoke call", || {
        let logs = server.manage_text("GET", "/v1/functions/needy/logs?tail=100");
        logs.contains("read").then_some(logs)
    });
    assert!(!logs.contains("of-the-organisation"), "{logs}");
}
