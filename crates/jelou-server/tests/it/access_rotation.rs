//! Rotations of access tokens, as their holders see them.

use jelou_core::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{Call, TestServer};

/// The status that the holder of an access token gets.
fn status(server: &TestServer, token: &str) -> u16 {
    let address = server.address();
    let call = Call::new(address, address, "/v1/functions");
    call.header("authorization", &format!("Bearer {token}"))
        .send()
        .status
}

fn create(server: &TestServer) -> (String, String) {
    let new = json!({ "name": "ci", "scopes": ["deploy:*"] });
    let (status, created) = server.manage("POST", "/v1/access-tokens", &new);
    assert_eq!(status, 201, "{created}");
    (text(&created, "id"), text(&created, "token"))
}

fn rotate(server: &TestServer, grace: u64) -> Value {
    let rotation = json!({ "graceSeconds": grace });
    let path = "/v1/access-tokens/ci/rotation";
    let (status, rotated) = server.manage("POST", path, &rotation);
    assert_eq!(status, 201, "{rotated}");
    rotated
}

fn info(server: &TestServer) -> Value {
    server.manage("GET", "/v1/access-tokens/ci", &Value::Null).1
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap().to_owned()
}

#[test]
fn the_old_value_works_until_the_grace_period_ends() {
    let start: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
    let clock = Clock::fixed(start);
    let server = TestServer::start_with_clock(clock.clone(), |_| {});
    let (id, first) = create(&server);
    let rotated = rotate(&server, 3600);
    let second = text(&rotated, "token");
    assert_eq!(text(&rotated, "id"), id);
    assert_eq!(rotated["scopes"], json!(["deploy:*"]));
    assert_eq!(
        (status(&server, &first), status(&server, &second)),
        (200, 200)
    );
    assert_eq!(info(&server)["previous"]["lastUsedAt"], json!(start));

    // Both values survive a restart.
    let server = server.restart(|_| {});
    assert_eq!(
        (status(&server, &first), status(&server, &second)),
        (200, 200)
    );
    clock.set(start + SignedDuration::from_secs(3600));
    assert_eq!(
        (status(&server, &first), status(&server, &second)),
        (401, 200)
    );

    // A second rotation ends the value before the first one now. Without a grace period, it also ends the previous
    // value.
    let third = text(&rotate(&server, 60), "token");
    let ended = rotate(&server, 0);
    assert!(
        !ended["warnings"].to_string().contains("keeps working"),
        "{ended}"
    );
    let fourth = text(&ended, "token");
    let all = [&first, &second, &third, &fourth].map(|token| status(&server, token));
    assert_eq!(all, [401, 401, 401, 200]);
}

/// The response with the newest value may be lost.
#[test]
fn a_second_rotation_keeps_the_value_that_is_in_use() {
    let server = TestServer::start();
    let (_, first) = create(&server);
    assert_eq!(status(&server, &first), 200);
    let second = text(&rotate(&server, 3600), "token");
    let rotated = rotate(&server, 3600);
    let warning = rotated["warnings"][0].as_str().unwrap();
    assert!(warning.contains("was not used yet"), "{warning}");
    let third = text(&rotated, "token");
    let all = [&first, &second, &third].map(|token| status(&server, token));
    assert_eq!(all, [200, 401, 200]);

    // A restart does not change which values were used.
    let server = server.restart(|_| {});
    let rotated = rotate(&server, 3600);
    let warning = rotated["warnings"][0].as_str().unwrap();
    assert!(warning.contains("before the earlier rotation"), "{warning}");
    assert!(info(&server)["lastUsedAt"].is_string());
    let fourth = text(&rotated, "token");
    let all = [&first, &second, &third, &fourth].map(|token| status(&server, token));
    assert_eq!(all, [401, 401, 200, 200]);
}

#[test]
fn a_grace_period_ends_early_on_request_or_when_its_value_leaks() {
    let server = TestServer::start();
    let (_, first) = create(&server);
    let finish = || server.manage("DELETE", "/v1/access-tokens/ci/rotation", &Value::Null);
    assert_eq!(finish().0, 409);
    let second = text(&rotate(&server, 3600), "token");
    assert_eq!(finish().0, 200);
    assert_eq!(
        (status(&server, &first), status(&server, &second)),
        (401, 200)
    );

    let third = text(&rotate(&server, 3600), "token");
    let report = |value: &str| {
        let report = json!({ "values": [value] });
        let (_, answer) = server.manage("POST", "/v1/leaked-tokens", &report);
        text(&answer["items"][0], "outcome")
    };
    assert_eq!(report(&second), "oldValueEnded");
    assert_eq!(
        (status(&server, &second), status(&server, &third)),
        (401, 200)
    );
    assert_eq!(report(&second), "alreadyInvalid");
    assert_eq!(report(&third), "revoked");
    assert_eq!(status(&server, &third), 401);
    // The rotated token of a pipeline cannot rotate itself, and too long a grace period is refused.
    let (status, problem) = server.manage(
        "POST",
        "/v1/access-tokens/default/rotation",
        &json!({ "graceSeconds": 2_592_001 }),
    );
    assert_eq!(status, 422, "{problem}");
}

#[test]
fn revocation_ends_both_values() {
    let server = TestServer::start();
    let (_, first) = create(&server);
    let second = text(&rotate(&server, 3600), "token");
    let path = "/v1/access-tokens/ci";
    assert_eq!(server.manage("DELETE", path, &Value::Null).0, 204);
    assert_eq!(
        (status(&server, &first), status(&server, &second)),
        (401, 401)
    );
}
