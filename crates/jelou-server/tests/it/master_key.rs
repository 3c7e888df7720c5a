//! The master key: its rotation while functions are called, and its sources.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::{TestServer, log_of};

const READS: &str = r#"export default define({ description: "x", handler: (_input, ctx) => ctx.env.get("A") ?? null });"#;

/// A restarted server has no blank worker yet, and on a busy machine its first start of a process is slow.
fn patient(config: &mut jelou_server::Config) {
    config.limits.startup_timeout_ms = 60_000;
}

fn read(server: &TestServer, token: &str) -> Value {
    let reply = server
        .call("mine", "/")
        .token(token)
        .json(&json!({}))
        .send();
    assert_eq!(reply.status, 200, "{reply:?} {}", log_of("mine"));
    reply.json()
}

#[test]
fn a_rotation_while_functions_are_called_and_secrets_are_set() {
    let server = TestServer::start_with(patient);
    let token = server.deploy("mine", READS);
    server.set_secret("mine", "A", "value-0");
    assert_eq!(read(&server, &token), "value-0");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert!(
                    read(&server, &token)
                        .as_str()
                        .unwrap()
                        .starts_with("value-")
                );
            }
        });
        for number in 1..=3 {
            let (status, rotated) = server.manage("POST", "/v1/master-key/rotation", &json!({}));
            assert_eq!(status, 200, "{rotated}");
            assert!(rotated["values"].as_u64().unwrap() > 0, "{rotated}");
            let value = format!("value-{number}");
            server.set_secret("mine", "A", &value);
            assert_eq!(read(&server, &token), json!(value));
        }
        done.store(true, Ordering::Relaxed);
    });
    let (_, audit) = server.manage("GET", "/v1/audit", &Value::Null);
    let entries = audit["items"].as_array().unwrap();
    let rotations = entries
        .iter()
        .filter(|entry| entry["action"] == "master_key.rotate");
    assert_eq!(rotations.count(), 3);
    let server = server.restart(|_| {});
    assert_eq!(read(&server, &token), "value-3");
}

#[test]
fn a_command_prints_the_key() {
    let print = |text: &str| vec!["printf".to_owned(), text.to_owned()];
    let (old, new) = ("11".repeat(32), "22".repeat(32));
    let server = TestServer::start_with(|config| {
        patient(config);
        config.master_key.command = print(&old);
    });
    let token = server.deploy("mine", READS);
    server.set_secret("mine", "A", "value");
    let (status, refused) = server.manage("POST", "/v1/master-key/rotation", &json!({}));
    assert_eq!(status, 409, "{refused}");
    // Starts with both keys once, then with the new key only.
    let server =
        server.restart(|config| config.master_key.command = print(&format!("{new}\n{old}")));
    assert_eq!(read(&server, &token), "value");
    crate::support::eventually("the end of the rotation", || {
        let (_, audit) = server.manage("GET", "/v1/audit", &Value::Null);
        (audit["items"][0]["action"] == "master_key.rotate").then_some(())
    });
    let server = server.restart(|config| config.master_key.command = print(&new));
    assert_eq!(read(&server, &token), "value");
}
