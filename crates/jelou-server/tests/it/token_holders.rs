//! What the holder of a token can read: rate and expiry in each response, and `/__token`.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::answers::assert_platforms_answer;
use crate::support::{Reply, TestServer};

const TOOLS: &str = r#"export default app({ tools: {
  send: define({ description: "Sends", config: { methods: ["GET", "POST"] }, handler: () => ({ sent: true }) }),
  limits: define({ description: "Limits", handler: () =>
    new Response("{}", { headers: { RateLimit: '"own";r=1;t=1' } }) }),
  open: define({ description: "Open", config: { public: true }, handler: () => ({ open: true }) }),
} });"#;

fn server() -> TestServer {
    let server = TestServer::start();
    server.deploy("tools", TOOLS);
    server
}

fn create(server: &TestServer, token: Value) -> String {
    server.create_token("tools", token).token
}

fn call(server: &TestServer, method: &'static str, path: &str, token: &str) -> Reply {
    let call = server.call("tools", path).method(method);
    call.token(token).send()
}

fn rate(reply: &Reply) -> Option<(&str, &str)> {
    let policy = reply.header("ratelimit-policy")?;
    Some((policy, reply.header("ratelimit").unwrap()))
}

#[test]
fn responses_say_what_is_left_of_the_rate() {
    let server = server();
    let token = create(&server, json!({ "name": "rated", "rate": "3/d" }));
    let policy = "\"token\";q=3;w=86400";
    let first = call(&server, "POST", "/send", &token);
    assert_eq!(rate(&first), Some((policy, "\"token\";r=2;t=28800")));
    // Refusals after the token have the headers too; this one counts as a call.
    let unknown = call(&server, "POST", "/nowhere", &token);
    assert_eq!((unknown.status, rate(&unknown).unwrap().0), (404, policy));
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let mcp = server.call("tools", "/mcp").token(&token).json(&message);
    let mcp = mcp.send();
    assert_eq!(mcp.status, 200);
    assert!(
        rate(&mcp).unwrap().1.starts_with("\"token\";r=0;t="),
        "{mcp:?}"
    );
    for path in ["/send", "/mcp"] {
        let over = server.call("tools", path).token(&token).json(&message);
        let over = over.send();
        assert_eq!(over.status, 429);
        let wait = over.header("retry-after").unwrap();
        let expected = format!("\"token\";r=0;t={wait}");
        assert_eq!(over.headers("ratelimit"), [expected.as_str()], "{path}");
        assert_eq!(over.headers("ratelimit-policy"), [policy], "{path}");
    }
    // Without a rate, and without a token.
    let plain = create(&server, json!({ "name": "plain" }));
    assert_eq!(rate(&call(&server, "POST", "/send", &plain)), None);
    let public = server.call("tools", "/open").method("POST").send();
    assert_eq!((public.status, rate(&public)), (200, None));
}

#[test]
fn a_function_may_have_limits_of_its_own() {
    let server = server();
    let token = create(&server, json!({ "name": "rated", "rate": "3/d" }));
    let reply = call(&server, "POST", "/limits", &token);
    assert_eq!(
        reply.headers("ratelimit"),
        ["\"own\";r=1;t=1", "\"token\";r=2;t=28800"]
    );
}

#[test]
fn responses_name_the_end_of_the_value_in_its_last_two_weeks() {
    let server = server();
    let day = 24 * 60 * 60;
    let soon = create(&server, json!({ "name": "soon", "expiresIn": 13 * day }));
    let later = create(&server, json!({ "name": "later", "expiresIn": 15 * day }));
    let reply = call(&server, "POST", "/send", &soon);
    let end: Timestamp = reply
        .header("x-jelou-token-expires")
        .unwrap()
        .parse()
        .unwrap();
    let left = end.duration_since(Timestamp::now());
    assert!(
        left > SignedDuration::from_hours(12 * 24) && left <= SignedDuration::from_hours(13 * 24)
    );
    let reply = call(&server, "POST", "/send", &later);
    assert_eq!(
        (reply.status, reply.header("x-jelou-token-expires")),
        (200, None)
    );
}

#[test]
fn a_token_is_for_its_methods() {
    let server = server();
    let read = create(&server, json!({ "name": "read", "methods": ["get"] }));
    let forbidden = r#"{"error":"Forbidden"}"#;
    for (method, path, status) in [
        ("GET", "/send", 200),
        ("HEAD", "/send", 200),
        ("POST", "/send", 403),
        ("DELETE", "/send", 403),
        // MCP requests are POST requests.
        ("POST", "/mcp", 403),
        ("POST", "/open", 200),
    ] {
        let reply = call(&server, method, path, &read);
        assert_eq!(reply.status, status, "{method} {path}");
        if status == 403 {
            assert_platforms_answer(&reply, 403, forbidden);
        }
    }
}

#[test]
fn the_holder_can_read_what_the_token_allows() {
    let server = server();
    let limits = json!({
        "name": "partner", "scopes": ["tool:send"], "cidrs": ["127.0.0.0/8", "::1/128"],
        "methods": ["GET"], "rate": "3/d", "expiresIn": 3600, "owner": "payments",
    });
    let created = server.create_token("tools", limits);
    call(&server, "GET", "/send", &created.token);
    for spelling in ["/__token", "/__TOKEN/", "//__token"] {
        let reply = call(&server, "GET", spelling, &created.token);
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let expected = json!({
            "id": created.details.id, "name": "partner", "function": "tools",
            "expiresAt": created.details.expires_at, "rotated": false,
            "scopes": ["tool:send"], "cidrs": ["127.0.0.0/8", "::1/128"], "methods": ["GET"],
            "rate": { "limit": "3/d", "remaining": 2, "resetSeconds": 28_800 }, "quota": null,
        });
        let mut document = reply.json();
        let reset = document["rate"]["resetSeconds"].as_u64().unwrap();
        assert!((28_700..=28_800).contains(&reset), "{document}");
        document["rate"]["resetSeconds"] = 28_800.into();
        assert_eq!(document, expected);
        assert!(!reply.body.contains("jfn_rt_") && !reply.body.contains("payments"));
    }
    let elsewhere = create(
        &server,
        json!({ "name": "elsewhere", "cidrs": ["192.0.2.0/24"] }),
    );
    assert_platforms_answer(
        &call(&server, "GET", "/__token", &elsewhere),
        403,
        r#"{"error":"Forbidden"}"#,
    );
    let without = server.call("tools", "/__token").method("GET").send();
    assert_platforms_answer(&without, 401, r#"{"error":"Unauthorized"}"#);
    let post = call(&server, "POST", "/__token", &created.token);
    assert_eq!(
        (post.status, post.header("allow")),
        (405, Some("GET, HEAD, OPTIONS"))
    );
}

/// The document names the end of the old value, so that its holder notices the rotation.
#[test]
fn the_holder_of_an_old_value_sees_its_end() {
    let server = server();
    let first = create(&server, json!({ "name": "ci" }));
    let (status, rotated) = server.manage(
        "POST",
        "/v1/functions/tools/tokens/ci/rotation",
        &json!({ "graceSeconds": 3600 }),
    );
    assert_eq!(status, 201, "{rotated}");
    let second = rotated["token"].as_str().unwrap();
    let document = |token: &str| call(&server, "GET", "/__token", token).json();
    let (old, new) = (document(&first), document(second));
    assert_eq!(
        (&old["rotated"], &new["rotated"]),
        (&true.into(), &false.into())
    );
    assert_eq!(old["expiresAt"], rotated["previous"]["validUntil"]);
    let reply = call(&server, "POST", "/send", &first);
    assert!(reply.header("x-jelou-token-expires").is_some());
}

#[test]
fn the_owner_can_ask_what_a_token_may_do() {
    let server = server();
    let limits = json!({
        "name": "partner", "scopes": ["tool:send", "mcp"], "cidrs": ["192.0.2.0/24"],
        "methods": ["POST"], "rate": "1/d",
    });
    create(&server, limits);
    let check = |call: Value| {
        let path = "/v1/functions/tools/tokens/partner/check";
        server.manage("POST", path, &call)
    };
    for (asked, status, reason) in [
        (json!({ "tool": "send", "from": "192.0.2.1" }), None, ""),
        (json!({ "tool": "send", "mcp": true }), None, ""),
        (
            json!({ "tool": "send", "from": "203.0.113.9" }),
            Some(403),
            "networks",
        ),
        (
            json!({ "tool": "send", "method": "GET" }),
            Some(403),
            "methods",
        ),
        (json!({ "tool": "limits" }), Some(403), "scopes"),
        (json!({ "tool": "limits", "mcp": true }), None, ""),
    ] {
        let (code, answer) = check(asked.clone());
        assert_eq!(code, 200, "{answer}");
        assert_eq!(answer["allowed"], status.is_none(), "{asked}: {answer}");
        assert_eq!(answer["status"], json!(status), "{asked}: {answer}");
        let given = answer["reason"].as_str().unwrap_or_default();
        assert!(given.contains(reason), "{asked}: {answer}");
        let unchecked = answer["unchecked"].as_array().map_or(0, Vec::len);
        assert_eq!(
            unchecked == 1,
            asked.get("from").is_none(),
            "{asked}: {answer}"
        );
    }
    let (code, problem) = check(json!({ "tool": "sned" }));
    assert_eq!(code, 422, "{problem}");
    assert!(
        problem.to_string().contains("send, limits, open"),
        "{problem}"
    );
    server.manage(
        "PATCH",
        "/v1/functions/tools/tokens/partner",
        &json!({ "disabled": true }),
    );
    let (_, answer) = check(json!({}));
    assert_eq!(
        (&answer["status"], &answer["reason"]),
        (&401.into(), &"the token is disabled".into())
    );
}
