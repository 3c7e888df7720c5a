//! `jelou backup` and `jelou restore`.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use crate::databases::postgres::Postgres;
use crate::support::{DataFolder, Outcome, Sandbox, Serve, Server, function};

const SOURCE: &str = "(input, ctx) => ({ secret: ctx.env.get('KEY') })";

/// Runs a command with the data folder of a server.
fn run(sandbox: &Sandbox, line: &str, data: &DataFolder) -> Outcome {
    let line = format!("{line} --data {}", data.path().display());
    sandbox.jelou(&line).run()
}

#[test]
fn a_server_lives_on_in_another_folder() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let access_token = server.access_token.clone().unwrap();
    let token = sandbox.deploy("mi-funcion", &function(SOURCE));
    sandbox
        .jelou("secrets set mi-funcion KEY=hunter2-hunter2")
        .run();
    let expected = (200, r#"{"secret":"hunter2-hunter2"}"#.to_owned());
    assert_eq!(server.call("mi-funcion", Some(&token), "{}"), expected);

    // The server runs during the backup.
    let written = run(&sandbox, "backup all.jelou --human", &server.data);
    assert_eq!(written.code, 0, "{written}");
    for part in [
        "1 function, 1 deployment, 1 runtime token, 1 secret",
        "master.key or JELOU_MASTER_KEY",
    ] {
        assert!(written.stdout().contains(part), "{written}");
    }
    let mode = sandbox.project().join("all.jelou").metadata().unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let again = run(&sandbox, "backup all.jelou", &server.data);
    assert_eq!(again.code, 5, "{again}");
    let forced = run(&sandbox, "backup all.jelou --force --json", &server.data);
    assert_eq!(forced.json()["data"]["rows"]["secrets"], 1, "{forced}");
    let occupied = run(&sandbox, "restore all.jelou", &server.data);
    assert_eq!(occupied.code, 5, "{occupied}");
    assert!(
        occupied.to_string().contains("another server uses"),
        "{occupied}"
    );
    let before = server.stop();

    let data = Arc::new(DataFolder::new());
    let restored = run(&sandbox, "restore all.jelou --human", &data);
    assert_eq!(restored.code, 0, "{restored}");
    assert!(
        restored.to_string().contains("which is not here"),
        "{restored}"
    );
    let again = run(&sandbox, "restore all.jelou", &data);
    assert_eq!(again.code, 5, "{again}");
    let failed = Serve::new(&sandbox).on(&data).run();
    assert_ne!(failed.code, 0, "{failed}");
    std::fs::copy(
        before.path().join("master.key"),
        data.path().join("master.key"),
    )
    .unwrap();
    let verified = run(&sandbox, "backup verify all.jelou --human", &data);
    assert_eq!(verified.code, 0, "{verified}");
    assert!(!verified.to_string().contains("not here"), "{verified}");
    let server = Serve::new(&sandbox).on(&data).start();
    assert_eq!(server.call("mi-funcion", Some(&token), "{}"), expected);
    let listed = server
        .manage(&access_token, "/v1/functions")
        .method("GET")
        .send();
    assert!(listed.body.contains("mi-funcion"), "{}", listed.body);
}

#[test]
fn a_backup_passes_through_pipes() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.jelou("functions create mi-funcion").run();
    let data = DataFolder::without_engine();
    let (from, to) = (server.data.path(), data.path());
    let piped = sandbox.shell(&format!(
        "jelou backup - --data {} | jelou restore - --data {} --json",
        from.display(),
        to.display()
    ));
    assert_eq!(piped.json()["data"]["rows"]["functions"], 1, "{piped}");
}

#[test]
fn what_is_no_backup_is_refused() {
    let sandbox = Sandbox::new();
    let data = DataFolder::without_engine();
    sandbox.file("text", "hello");
    for (line, code, part) in [
        ("backup verify text", 7, "not a backup"),
        ("restore text", 7, "not a backup"),
        ("backup verify missing", 1, "missing"),
        ("backup all.jelou", 1, "--data"),
        ("backup no/folder/all.jelou", 1, "no/folder"),
    ] {
        let refused = run(&sandbox, line, &data);
        assert_eq!(refused.code, code, "{line}: {refused}");
        assert!(refused.to_string().contains(part), "{line}: {refused}");
    }
    assert!(!sandbox.project().join("all.jelou").exists());
}

#[test]
fn errors_of_a_postgresql_database_name_it_once_and_say_what_to_do() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let error = |line: &str, url: &str| {
        let sandbox = Sandbox::new().env("JELOU_DATABASE__URL", url);
        sandbox.file("text", "no backup");
        let error = sandbox.jelou(line).run().json()["error"].clone();
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        (text("message"), text("hint"))
    };
    let missing = url.replace("/postgres?", "/missing?");
    let unreachable = "postgres://ana:secreto@127.0.0.1:1/jelou";
    for (url, reason) in [
        (missing.as_str(), "database \"missing\" does not exist"),
        (unreachable, "Connection refused"),
        (url.as_str(), "no tables of jelou"),
    ] {
        let (message, hint) = error("backup copy.jelou --data data --force", url);
        assert_eq!(message.matches(reason).count(), 1, "{message}");
        assert!(hint.contains("database.url"), "{hint}");
        assert!(!message.contains("secreto"), "{message}");
    }
    let (message, _) = error("backup verify text --data data", &url);
    assert_eq!(message.matches("not a backup").count(), 1, "{message}");
}
