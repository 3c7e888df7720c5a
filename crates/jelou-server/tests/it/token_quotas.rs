//! Quotas: calls in a calendar day or month, also across restarts.

use jelou_core::Clock;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::answers::assert_platforms_answer;
use crate::support::{Reply, TestServer};

const SOURCE: &str =
    "export default define({ description: \"Quota\", handler: () => ({ ok: true }) });";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn server(clock: &Clock) -> TestServer {
    let server = TestServer::start_with_clock(clock.clone(), |_| {});
    server.deploy("fine", SOURCE);
    server
}

fn create(server: &TestServer, token: Value) -> String {
    server.create_token("fine", token).token
}

fn call(server: &TestServer, token: &str) -> Reply {
    server.call("fine", "/").method("POST").token(token).send()
}

fn update(server: &TestServer, name: &str, change: &Value) -> (u16, Value) {
    let path = format!("/v1/functions/fine/tokens/{name}");
    server.manage("PATCH", &path, change)
}

#[test]
fn a_quota_is_for_a_day_of_its_zone() {
    let clock = Clock::fixed(at("2026-03-10T04:59:00Z"));
    let server = server(&clock);
    let quota = json!({ "name": "daily", "quota": "2/day@America/Guayaquil" });
    let token = create(&server, quota);
    let first = call(&server, &token);
    assert_eq!(first.status, 200);
    let policy = "\"quota\";q=2;w=86400";
    assert_eq!(first.headers("ratelimit-policy"), [policy]);
    assert_eq!(first.headers("ratelimit"), ["\"quota\";r=1;t=60"]);
    assert_eq!(call(&server, &token).status, 200);
    let over = call(&server, &token);
    assert_platforms_answer(&over, 429, r#"{"error":"Too many requests"}"#);
    assert_eq!(over.header("retry-after"), Some("60"));
    assert_eq!(over.headers("ratelimit"), ["\"quota\";r=0;t=60"]);
    // MCP messages count too.
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let mcp = server.call("fine", "/mcp").token(&token).json(&ping).send();
    assert_eq!(mcp.status, 429);
    // Reading the document does not count as a call.
    let document = server.call("fine", "/__token").token(&token).send().json();
    let left = json!({ "limit": "2/day@America/Guayaquil", "remaining": 0, "resetSeconds": 60 });
    assert_eq!(document["quota"], left);
    let path = "/v1/functions/fine/tokens/daily/check";
    let (_, check) = server.manage("POST", path, &json!({}));
    assert_eq!(check["status"], 429, "{check}");
    assert!(
        check["reason"].as_str().unwrap().contains("quota"),
        "{check}"
    );
    clock.set(at("2026-03-10T05:00:00Z"));
    assert_eq!(call(&server, &token).status, 200);
}

#[test]
fn a_restart_keeps_the_count() {
    let clock = Clock::fixed(at("2026-03-31T12:00:00Z"));
    let server = server(&clock);
    let token = create(&server, json!({ "name": "monthly", "quota": "2/month" }));
    assert_eq!(call(&server, &token).status, 200);
    let server = server.restart(|_| {});
    assert_eq!(call(&server, &token).status, 200);
    assert_eq!(call(&server, &token).status, 429);
    let server = server.restart(|_| {});
    assert_eq!(call(&server, &token).status, 429);
    clock.set(at("2026-04-01T00:00:00Z"));
    assert_eq!(call(&server, &token).status, 200);
}

/// With a higher number of calls, the count of the period stays. With another kind of period, it starts again.
#[test]
fn a_changed_quota_keeps_the_count_of_its_period() {
    let clock = Clock::fixed(at("2026-03-31T12:00:00Z"));
    let server = server(&clock);
    let first = create(&server, json!({ "name": "ci", "quota": "1/day" }));
    assert_eq!(call(&server, &first).status, 200);
    assert_eq!(call(&server, &first).status, 429);
    let (status, updated) = update(&server, "ci", &json!({ "quota": "2/day" }));
    assert_eq!((status, &updated["quota"]), (200, &json!("2/day")));
    assert_eq!(call(&server, &first).status, 200);
    assert_eq!(call(&server, &first).status, 429);
    // Both values of a rotated token share the quota.
    let path = "/v1/functions/fine/tokens/ci/rotation";
    let (status, rotated) = server.manage("POST", path, &json!({ "graceSeconds": 3600 }));
    assert_eq!(status, 201);
    assert_eq!(
        call(&server, rotated["token"].as_str().unwrap()).status,
        429
    );
    assert_eq!(call(&server, &first).status, 429);
    update(&server, "ci", &json!({ "quota": "1/month" }));
    assert_eq!(call(&server, &first).status, 200);
    assert_eq!(call(&server, &first).status, 429);
    update(&server, "ci", &json!({ "quota": null }));
    assert_eq!(call(&server, &first).status, 200);
}

#[test]
fn a_rate_and_a_quota_are_two_headers() {
    let clock = Clock::fixed(at("2026-03-31T12:00:00Z"));
    let server = server(&clock);
    let limits = json!({ "name": "both", "rate": "5/d", "quota": "1/day" });
    let token = create(&server, limits);
    let policies = ["\"token\";q=5;w=86400", "\"quota\";q=1;w=86400"];
    for status in [200, 429] {
        let reply = call(&server, &token);
        assert_eq!(reply.status, status);
        assert_eq!(reply.headers("ratelimit-policy"), policies);
        assert_eq!(reply.headers("ratelimit")[1], "\"quota\";r=0;t=43200");
    }
}

#[test]
fn a_wrong_quota_is_named() {
    let server = server(&Clock::system());
    for (quota, reason) in [
        ("10", "10000/day"),
        ("0/day", "from 1 to 1000000000"),
        ("1/day@Mars/Olympus", "IANA"),
    ] {
        let (status, problem) = server.manage(
            "POST",
            "/v1/functions/fine/tokens",
            &json!({ "name": "ci", "quota": quota }),
        );
        assert_eq!(status, 422, "{problem}");
        assert!(problem.to_string().contains(reason), "{problem}");
    }
}
