//! `--describe`.

use crate::support::{Sandbox, assert_outcome};

#[test]
fn describe_one_command() {
    assert_outcome!(Sandbox::new().jelou("tokens revoke --describe").run());
}

/// The command needs neither the required `--scope` nor a server.
#[test]
fn describe_does_not_run_the_command() {
    let outcome = Sandbox::new()
        .jelou("--describe access-tokens create")
        .run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let schema = outcome.json();
    assert_eq!(schema["name"], "jelou access-tokens create");
    let scope = schema["args"]
        .as_array()
        .unwrap()
        .iter()
        .find(|argument| argument["name"] == "scopes")
        .unwrap()
        .clone();
    assert_eq!(scope["required"], true);
    assert_eq!(scope["repeatable"], true);
    assert!(
        scope["about"].as_str().unwrap().contains("deploy:SLUG"),
        "{scope}"
    );
}

#[test]
fn describe_everything() {
    let outcome = Sandbox::new().jelou("--describe --compact").run();
    assert_eq!(outcome.stdout().lines().count(), 1);
    let schema = outcome.json();
    let commands: Vec<&str> = schema["subcommands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|command| command["name"].as_str().unwrap())
        .collect();
    assert!(commands.contains(&"jelou deploy"), "{commands:?}");
    assert_eq!(schema["args"][0]["name"], "json");
}
