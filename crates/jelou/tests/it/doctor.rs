//! `jelou doctor`.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::{Outcome, Sandbox, Server};

fn check(outcome: &Outcome, name: &str) -> Value {
    let checks = outcome.json()["data"]["checks"].clone();
    let check = checks
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == name);
    check.unwrap_or_else(|| panic!("{outcome}")).clone()
}

#[test]
fn doctor_beside_a_running_server() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let line = format!(
        "doctor --data {} --listen {}",
        server.data.path().display(),
        server.address()
    );
    let outcome = sandbox.jelou(&line).run();
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_eq!(outcome.json()["data"]["healthy"], true);
    for name in [
        "permissions",
        "engine",
        "data folder",
        "master key",
        "database",
        "disk space",
        "listen",
    ] {
        assert_eq!(check(&outcome, name)["state"], "good", "{name}: {outcome}");
    }
    let folder = check(&outcome, "data folder")["detail"].clone();
    assert!(folder.as_str().unwrap().ends_with("in use by a server"));
    // The report about the layers must match the server's log.
    let log = server.data.log();
    for layer in ["landlock", "seccomp", "user", "cgroup"] {
        let missing = log.contains(&format!("layer={layer} "));
        let expected = if missing { "missing" } else { "good" };
        assert_eq!(
            check(&outcome, layer)["state"],
            expected,
            "{layer}: {outcome}"
        );
    }
    // The check has not disturbed the server.
    assert_eq!(sandbox.jelou("whoami").run().code, 0);
}

#[test]
fn doctor_where_something_is_wrong() {
    let sandbox = Sandbox::new();
    let data = sandbox.project().join("data");
    std::fs::create_dir(&data).unwrap();
    let key = data.join("master.key");
    std::fs::write(&key, [0; 32]).unwrap();
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let line = format!(
        "doctor --data {} --listen {}",
        data.display(),
        taken.local_addr().unwrap()
    );
    let outcome = sandbox.jelou(&line).run();
    assert_eq!(outcome.code, 1, "{outcome}");
    assert_eq!(outcome.json()["data"]["healthy"], false);
    for name in ["master key", "listen"] {
        assert_eq!(check(&outcome, name)["state"], "wrong", "{name}: {outcome}");
    }
    let human = sandbox.jelou(&format!("{line} --human")).run();
    assert_eq!(human.code, 1, "{human}");
    assert!(
        human
            .stdout()
            .contains("✗ master key: its mode is 644\n  hint: chmod 600 master.key\n"),
        "{human}"
    );
    // The command has created no files.
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1);

    let outcome = sandbox
        .env("JELOU_LIMITS__STALL_TIMEOUT_MS", "1")
        .jelou("doctor")
        .run();
    assert_eq!(outcome.code, 7, "{outcome}");
}

#[test]
fn doctor_where_a_layer_is_required_and_missing() {
    let sandbox = Sandbox::new()
        .env("JELOU_SANDBOX__MODE", "require")
        .env("JELOU_SANDBOX__LANDLOCK", "false");
    let data = sandbox.project().join("data");
    let line = format!("doctor --data {} --listen 127.0.0.1:0", data.display());
    let outcome = sandbox.jelou(&line).run();
    assert_eq!(outcome.code, 1, "{outcome}");
    assert_eq!(check(&outcome, "landlock")["detail"], "turned off");
    assert_eq!(check(&outcome, "landlock")["state"], "wrong");
}
