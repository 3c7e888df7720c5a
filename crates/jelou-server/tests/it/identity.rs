//! Which identities a caller may claim.

use serde_json::{Value, json};

use crate::support::TestServer;

const WHO: &str = r#"export default define({ description: "Who", config: { public: PUBLIC }, handler: (_input, ctx, request) => ({
  company: ctx.company, bot: ctx.bot ?? null, user: ctx.user ?? null, conversation: ctx.conversation ?? null,
  operator: ctx.operator ?? null, skillId: ctx.skillId ?? null, executionId: ctx.executionId ?? null,
  header: request.headers.get("x-jelou-identity"), trigger: ctx.trigger.type,
}) });"#;
const IDENTITY: &str = r#"{"company":{"id":"7","name":"Jelou ñ"},"bot":{"id":"b","name":"Bot","channel":"whatsapp"},"user":{"id":"u","names":"Ana"},"conversation":{"id":"c","tags":["x"]},"operator":{"id":"o"},"skillId":"s","executionId":"e"}"#;

fn start(trusted: &str) -> (TestServer, String) {
    let server = TestServer::start_with(|config| {
        config.identity.trusted = serde_json::from_value(json!([trusted])).unwrap();
    });
    server.deploy("public", &WHO.replace("PUBLIC", "true"));
    let token = server.deploy("who", &WHO.replace("PUBLIC", "false"));
    (server, token)
}

fn nobody() -> Value {
    let company = json!({ "id": "local", "name": "local" });
    json!({
        "company": company, "bot": null, "user": null, "conversation": null, "operator": null,
        "skillId": null, "executionId": null, "header": null, "trigger": "http",
    })
}

#[test]
fn a_trusted_caller_with_a_token_speaks_for_others() {
    let (server, token) = start("127.0.0.0/8");
    let who = |slug: &str| server.call(slug, "/").header("x-jelou-identity", IDENTITY);
    let mut expected: Value = serde_json::from_str(IDENTITY).unwrap();
    expected["header"] = Value::Null;
    expected["trigger"] = json!("http");
    assert_eq!(who("who").token(&token).send().json(), expected);
    // A public function can be called without a token, but then without an identity.
    assert_eq!(who("public").send().json(), nobody());
    assert_eq!(who("public").token(&token).send().json(), nobody());
    assert_eq!(who("who").send().status, 401);

    let call = || server.call("who", "/").token(&token);
    for unreadable in ["{", r#"{"user":{"name":"no id"}}"#, r#"{"role":"admin"}"#] {
        let refusal = call().header("x-jelou-identity", unreadable).send();
        assert_eq!(refusal.status, 400, "{unreadable}");
        assert_eq!(
            refusal.json(),
            json!({ "error": "Invalid X-Jelou-Identity" })
        );
    }
}

#[test]
fn nobody_else_does() {
    let (server, token) = start("192.0.2.0/24");
    let call = server.call("who", "/").token(&token);
    let forged = call
        .header("x-jelou-identity", IDENTITY)
        .header("x-forwarded-for", "192.0.2.1")
        .header(
            "x-jelou-trigger",
            "%7B%22type%22%3A%22cron%22%2C%22cron%22%3A%22*%22%7D",
        );
    assert_eq!(forged.send().json(), nobody());
}

#[test]
fn a_token_speaks_only_where_it_may_be_used() {
    let (server, token) = start("127.0.0.0/8");
    let public = server
        .create_token("public", json!({ "name": "free" }))
        .token;
    let limited = |name: &str, limit: &str, values: Value| {
        let token = json!({ "name": name, limit: values });
        server.create_token("public", token).token
    };
    let who = |token: &str| {
        let call = server.call("public", "/").token(token);
        call.header("x-jelou-identity", IDENTITY).send().json()
    };
    assert_eq!(who(&public)["user"]["id"], "u");
    for scope in ["invoke", "mcp", "tool:public"] {
        let name = scope.replace(':', "-");
        let token = limited(&name, "scopes", json!([scope]));
        assert_eq!(who(&token)["user"]["id"], "u", "{scope}");
    }
    let of_another_tool = limited("another", "scopes", json!(["tool:another"]));
    let from_elsewhere = limited("elsewhere", "cidrs", json!(["192.0.2.0/24"]));
    for token in [&of_another_tool, &from_elsewhere, &token] {
        assert_eq!(who(token), nobody());
    }
}
