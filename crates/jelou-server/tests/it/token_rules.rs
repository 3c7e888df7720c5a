//! The rules of the operator for tokens: `[tokens]` of the configuration.

use jelou_core::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{TestServer, eventually};

const SOURCE: &str =
    "export default define({ description: \"Rules\", handler: () => ({ ok: true }) });";
const TOKENS: &str = "/v1/functions/fine/tokens";
const DAY: i64 = 24 * 60 * 60;

fn call(server: &TestServer, token: &str) -> u16 {
    server
        .call("fine", "/")
        .method("POST")
        .token(token)
        .send()
        .status
}

#[expect(clippy::needless_pass_by_value, reason = "written with `json!`")]
fn create(server: &TestServer, token: Value) -> (u16, Value) {
    server.manage("POST", TOKENS, &token)
}

fn assert_refused((status, problem): (u16, Value), expected: u16, setting: &str) {
    assert_eq!(status, expected, "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(setting), "{problem}");
}

#[test]
fn a_longest_life_asks_for_an_expiry() {
    let server = TestServer::start_with(|config| config.tokens.max_life_days = Some(90));
    server.deploy("fine", SOURCE);
    let first = &server.tokens("fine")[0];
    let life = first.expires_at.unwrap().duration_since(first.created_at);
    assert_eq!(life.as_secs(), 90 * DAY);
    let setting = "tokens.max_life_days";
    assert_refused(create(&server, json!({ "name": "ci" })), 422, setting);
    let long = json!({ "name": "ci", "expiresIn": 91 * DAY });
    assert_refused(create(&server, long), 422, setting);
    let fine = json!({ "name": "ci", "expiresIn": 90 * DAY });
    assert_eq!(create(&server, fine).0, 201);
    let update = |change: Value| server.manage("PATCH", &format!("{TOKENS}/ci"), &change);
    assert_refused(update(json!({ "expiresAt": null })), 422, setting);
    let late = Timestamp::now() + SignedDuration::from_secs(91 * DAY);
    assert_refused(update(json!({ "expiresAt": late })), 422, setting);
    // The rules do not affect other changes and rotations.
    assert_eq!(update(json!({ "owner": "ana" })).0, 200);
    let rotation = format!("{TOKENS}/ci/rotation");
    assert_eq!(server.manage("POST", &rotation, &json!({})).0, 201);
}

#[test]
fn an_expiry_and_a_number_can_be_required() {
    let server = TestServer::start_with(|config| {
        config.tokens.require_expiry = true;
        config.tokens.max_per_function = Some(2);
    });
    server.deploy("fine", SOURCE);
    assert!(server.tokens("fine")[0].expires_at.is_some());
    let without = json!({ "name": "a" });
    assert_refused(create(&server, without), 422, "tokens.require_expiry");
    let token = |name: &str| json!({ "name": name, "expiresIn": 60 });
    assert_eq!(create(&server, token("a")).0, 201);
    assert_refused(create(&server, token("b")), 422, "tokens.max_per_function");
    let replaced = json!({ "name": "a", "expiresIn": 60, "replace": true });
    assert_eq!(create(&server, replaced).0, 201);
    server.manage("DELETE", &format!("{TOKENS}/a"), &Value::Null);
    assert_eq!(create(&server, token("b")).0, 201);
}

#[test]
fn creation_can_be_stopped() {
    let server = TestServer::start();
    let token = server.deploy("fine", SOURCE);
    let server = server.restart(|config| {
        config.tokens.creation_disabled = Some("ask ana@example.com".to_owned());
    });
    let refused = create(&server, json!({ "name": "ci" }));
    assert_eq!(refused.1["code"], "FORBIDDEN");
    assert_refused(refused, 403, "ask ana@example.com");
    assert_eq!(call(&server, &token), 200);
    // A value that leaked can still be replaced, and a function with a token can be deployed.
    let rotation = format!("{TOKENS}/default/rotation");
    let (status, rotated) = server.manage("POST", &rotation, &json!({}));
    assert_eq!(status, 201);
    assert_eq!(call(&server, rotated["token"].as_str().unwrap()), 200);
    server
        .try_deploy("fine", &SOURCE.replace("Rules", "Rule"))
        .unwrap();
    let error = server.try_deploy("new", SOURCE).unwrap_err();
    assert!(
        error.to_string().contains("tokens.creation_disabled"),
        "{error}"
    );
}

#[test]
fn a_token_that_nobody_uses_is_disabled() {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let clock = Clock::fixed(start);
    let days = |days: i64| clock.set(start + SignedDuration::from_secs(days * DAY));
    let server = TestServer::start_with_clock(clock.clone(), |config| {
        config.tokens.disable_unused_days = Some(90);
    });
    let default = server.deploy("fine", SOURCE);
    let create = |name: &str| server.create_token("fine", json!({ "name": name })).token;
    let (used, unused) = (create("used"), create("unused"));
    days(60);
    assert_eq!(call(&server, &used), 200);
    days(91);
    let server = server.restart(|_| {});
    let disabled = |server: &TestServer, name: &str| {
        let tokens = server.tokens("fine");
        let token = tokens.iter().find(|token| token.name.as_str() == name);
        token.unwrap().disabled_at.is_some()
    };
    eventually("the unused token is disabled", || {
        (disabled(&server, "unused") && disabled(&server, "default")).then_some(())
    });
    assert_eq!(
        [&default, &used, &unused].map(|token| call(&server, token)),
        [401, 200, 401]
    );
    // After it is enabled again, the token has 90 days to be used.
    server.manage(
        "PATCH",
        &format!("{TOKENS}/unused"),
        &json!({ "disabled": false }),
    );
    let server = server.restart(|_| {});
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(call(&server, &unused), 200);
    // The last active token stays enabled.
    days(400);
    let server = server.restart(|_| {});
    eventually("one token is left", || {
        let tokens = server.tokens("fine");
        let active = tokens.iter().filter(|token| token.disabled_at.is_none());
        (active.count() == 1).then_some(())
    });
    let (_, audit) = server.manage("GET", "/v1/audit", &Value::Null);
    assert!(audit.to_string().contains("token.disable"), "{audit}");
}

#[test]
fn an_expiry_is_announced() {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let clock = Clock::fixed(start);
    let server = TestServer::start_with_clock(clock.clone(), |config| {
        // The clock moves by months.
        config.logs.max_age_hours = 24 * 365;
    });
    server.deploy("fine", SOURCE);
    server.create_token("fine", json!({ "name": "ci", "expiresIn": 100 * DAY }));
    let warnings = |server: &TestServer| {
        let text = server.manage_text("GET", "/v1/functions/fine/logs?tail=1000");
        let lines = text.lines().filter(|line| line.contains("token.expiring"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut server = server;
    let mut expected = 0;
    for (day, within) in [
        (71, Some(30)),
        (72, None),
        (94, Some(7)),
        (99, Some(1)),
        (99, None),
    ] {
        clock.set(start + SignedDuration::from_secs(day * DAY));
        server = server.restart(|_| {});
        expected += usize::from(within.is_some());
        let lines = eventually("a warning", || {
            let lines = warnings(&server);
            (lines.len() == expected).then_some(lines)
        });
        if let Some(within) = within {
            let text = format!("`ci` expires within {within} day");
            assert!(lines.iter().any(|line| line.contains(&text)), "{lines:?}");
        }
        let metrics = server.manage_text("GET", "/metrics");
        let gauge = "jelou_tokens_expiring{within=\"30d\"} 1";
        assert!(metrics.contains(gauge), "{metrics}");
    }
}
