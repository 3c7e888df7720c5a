//! The firewall's table, during and after a server's run. Tests of the sandbox crate cover its rules together with the
//! other layers.

use std::process::Command;

use super::server_with;
use crate::support::Sandbox;

/// The table's content in the kernel.
fn table(first_user_id: u32) -> Option<String> {
    let name = format!("jelou_{first_user_id}");
    let list = Command::new("/usr/sbin/nft")
        .args(["list", "table", "inet", &name])
        .output()
        .unwrap();
    list.status
        .success()
        .then(|| String::from_utf8(list.stdout).unwrap())
}

#[test]
fn its_table_is_there_while_the_server_runs() {
    let sandbox = Sandbox::new();
    // No other server uses these user ids.
    let first = 700_000_000 + std::process::id() % 10_000 * 60_001;
    let id = first.to_string();
    let settings = [
        ("JELOU_SANDBOX__FIRST_USER_ID", &*id),
        ("JELOU_SANDBOX__FIREWALL", "auto"),
    ];
    let Some(server) = server_with("firewall", &sandbox, None, &settings) else {
        return;
    };
    let made = table(first).unwrap();
    let users = format!("meta skuid {first}-{} jump functions", first + 59_999);
    assert!(made.contains(&users), "{made}");
    assert!(made.contains("169.254.0.0/16"), "{made}");

    // The next server replaces a remaining table, even if the rules have changed.
    let data = server.kill();
    assert_eq!(table(first).as_ref(), Some(&made));
    let settings = [
        settings[0],
        settings[1],
        ("JELOU_EGRESS__ALLOW", r#"["169.254.0.0/16"]"#),
    ];
    let server = server_with("firewall", &sandbox, Some(&data), &settings).unwrap();
    let replaced = table(first).unwrap();
    assert!(!replaced.contains("169.254.0.0/16"), "{replaced}");
    server.stop();
    assert_eq!(table(first), None);
}
