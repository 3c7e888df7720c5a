//! `jelou auth` and `jelou logout`.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::support::{Sandbox, assert_outcome};

/// Two profiles; `one` is active.
fn logged_in() -> Sandbox {
    let sandbox = Sandbox::new();
    let folder = sandbox.home().join(".jelou");
    std::fs::create_dir(&folder).unwrap();
    let profile = |name: &str| {
        json!({
            "api": format!("https://{name}.example.com"),
            "token": jelou_token::AccessToken::mint().unwrap().expose(),
        })
    };
    let credentials = json!({
        "active": "one",
        "profiles": {"one": profile("one"), "two": profile("two")},
    });
    let file = folder.join("credentials.json");
    std::fs::write(&file, credentials.to_string()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    sandbox
}

fn profiles(sandbox: &Sandbox) -> Vec<(String, bool)> {
    let outcome = sandbox.jelou("auth list").run();
    let json = outcome.json();
    json["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|profile| {
            assert!(profile.get("token").is_none(), "{outcome}");
            (
                profile["name"].as_str().unwrap().to_owned(),
                profile["active"].as_bool().unwrap(),
            )
        })
        .collect()
}

#[test]
fn switch_changes_the_active_profile() {
    let sandbox = logged_in();
    assert_eq!(
        profiles(&sandbox),
        [("one".to_owned(), true), ("two".to_owned(), false)]
    );
    let outcome = sandbox.jelou("auth switch two --human").run();
    assert_eq!(outcome.stdout(), "✓ Switched to profile two\n");
    assert_eq!(
        profiles(&sandbox),
        [("one".to_owned(), false), ("two".to_owned(), true)]
    );
    assert_eq!(sandbox.jelou("auth switch three").run().code, 4);
}

#[test]
fn switch_without_a_name_asks() {
    let sandbox = logged_in();
    assert_outcome!(sandbox.jelou("auth switch").run());

    let mut terminal = sandbox.jelou("auth switch").in_terminal();
    terminal.wait_for("? Profile (one, two): ").answer("two");
    assert_outcome!(terminal.finish());
}

#[test]
fn remove_and_logout_forget() {
    let sandbox = logged_in();
    assert_eq!(sandbox.jelou("auth remove two").run().code, 2);
    assert_eq!(profiles(&sandbox).len(), 2);
    assert_eq!(sandbox.jelou("auth remove two -y").run().code, 0);
    assert_eq!(profiles(&sandbox), [("one".to_owned(), true)]);

    let outcome = sandbox.jelou("logout --human").run();
    assert_eq!(outcome.stdout(), "✓ Logged out of one\n");
    assert_eq!(profiles(&sandbox), []);
    assert_eq!(sandbox.jelou("logout").run().code, 0);
    assert_eq!(sandbox.jelou("whoami").run().code, 3);
}

#[test]
fn logout_of_all() {
    let sandbox = logged_in();
    assert_eq!(sandbox.jelou("logout --all").run().code, 0);
    assert_eq!(profiles(&sandbox), []);
}

#[test]
fn a_file_that_others_can_read_is_warned_of() {
    let sandbox = logged_in();
    let file = sandbox.home().join(".jelou/credentials.json");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let outcome = sandbox.jelou("tokens list x --profile three").run();
    assert_eq!(outcome.code, 4, "{outcome}");
    let outcome = sandbox
        .jelou("tokens list x --profile one --human")
        .run()
        .to_string();
    assert!(outcome.contains("can be read by other users"), "{outcome}");
}

#[test]
fn corrupt_credentials() {
    let sandbox = logged_in();
    std::fs::write(sandbox.home().join(".jelou/credentials.json"), "{").unwrap();
    assert_outcome!(sandbox.jelou("auth list").run());
}
