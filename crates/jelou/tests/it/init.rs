use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::support::{FakeApi, Sandbox, answer, assert_outcome};

#[test]
fn init_writes_a_project() {
    let sandbox = Sandbox::new();
    assert_outcome!(sandbox.jelou("init --slug consulta --human").run());
    assert_outcome!(format_args!(
        "--- jelou.json\n{}--- deno.json\n{}--- index.ts\n{}--- .gitignore\n{}",
        sandbox.read("jelou.json"),
        sandbox.read("deno.json"),
        sandbox.read("index.ts"),
        sandbox.read(".gitignore"),
    ));
    for name in ["functions.d.ts", "testing.d.ts"] {
        assert!(sandbox.project().join(".jelou/types").join(name).is_file());
    }
    let mode = std::fs::metadata(sandbox.project().join(".env"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn init_takes_the_folder_name() {
    assert_outcome!(Sandbox::new().jelou("init").run());
}

#[test]
fn init_asks_where_the_folder_name_is_no_slug() {
    let sandbox = Sandbox::new();
    assert_outcome!(sandbox.jelou("init Mi_Otra").run());

    let mut terminal = sandbox.jelou("init Mi_Otra").in_terminal();
    terminal
        .wait_for("? Slug of the function: (mi-otra) ")
        .answer("");
    assert_outcome!(terminal.finish());
    assert!(sandbox.read("Mi_Otra/jelou.json").contains("\"mi-otra\""));
}

#[test]
fn init_does_not_overwrite() {
    let sandbox = Sandbox::new();
    sandbox
        .file("index.ts", "mine")
        .file(".env", "KEY=mine")
        .file(".gitignore", "mine\n.env");
    assert_outcome!(sandbox.jelou("init").run());
    assert_eq!(sandbox.read("index.ts"), "mine");

    assert_eq!(sandbox.jelou("init --force").run().code, 0);
    assert!(sandbox.read("index.ts").contains("define"));
    assert_eq!(sandbox.read(".env"), "KEY=mine");
    assert_eq!(
        sandbox.read(".gitignore"),
        "mine\n.env\n.env.*\nnode_modules/\ndist/\n"
    );
}

#[test]
fn init_links_a_function_that_exists() {
    let api = FakeApi::start(vec![answer(
        "GET /v1/functions/mi-funcion",
        200,
        crate::functions::function(),
    )]);
    let sandbox = Sandbox::new().with_api(&api);
    assert_eq!(sandbox.jelou("functions init --mode link").run().code, 0);
    let project: serde_json::Value = serde_json::from_str(&sandbox.read("jelou.json")).unwrap();
    assert_eq!(
        project,
        json!({
            "$schema": "https://jelou.ai/schemas/jelou.json",
            "function": "mi-funcion",
            "id": "func_01arz3ndektsv4rrffq69g5fav",
            "entrypoint": "index.ts",
        })
    );

    let outcome = sandbox.jelou("init otra --mode link").run();
    assert_eq!(outcome.code, 4, "{outcome}");
    assert!(!sandbox.project().join("otra").exists());
}
