//! `jelou deploy` with prepared answers of the API.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::support::{FakeApi, Sandbox, answer, assert_outcome};
use crate::tokens::token;

const VALUE: &str = "jfn_rt_abc1UVWXYZabcdefghijklmnopqrstuv0abcde";

fn result() -> Value {
    json!({
        "deployment": {
            "id": "dep_01arz3ndektsv4rrffq69g5fav",
            "live": true,
            "artifact": "00",
            "bundleBytes": 10,
            "files": [],
            "entrypoint": "index.ts",
            "createdBy": "admin",
            "createdAt": "2026-04-01T14:00:00Z",
        },
        "function": "mi-funcion",
        "functionId": "func_01arz3ndektsv4rrffq69g5fav",
        "url": "https://mi-funcion.fn.example.com",
        "warnings": [],
    })
}

fn first_result() -> Value {
    let mut result = result();
    let mut created = token("default", "jfn_rt_abc1");
    created["token"] = VALUE.into();
    result["token"] = created;
    result
}

fn sandbox(result: Value) -> (Sandbox, FakeApi) {
    let api = FakeApi::start(vec![answer(
        "POST /v1/functions/mi-funcion/deployments",
        201,
        result,
    )]);
    let sandbox = Sandbox::new().with_api(&api);
    sandbox
        .file(
            "jelou.json",
            "{\n  \"function\": \"mi-funcion\",\n  \"extra\": 1\n}\n",
        )
        .file("deno.json", "{\"imports\":{\"a\":\"npm:a@1\"}}")
        .file("index.ts", "x".repeat(1229))
        .file("a.ts", "")
        .file(".env", "SECRET=1")
        .file("deno.lock", "{}")
        .file("node_modules/a/index.png", "")
        .file("dist/index.html", "");
    (sandbox, api)
}

#[test]
fn first_deploy_for_people() {
    let (sandbox, api) = sandbox(first_result());
    let mut terminal = sandbox.jelou("deploy").in_terminal();
    terminal.wait_for("? Deploy mi-funcion? (Y/n) ").answer("y");
    assert_outcome!(terminal.finish());

    let body = api.last_body();
    let paths: Vec<&str> = body["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["a.ts", "deno.json", "index.ts"]);
    assert_eq!(
        sandbox.read("jelou.json"),
        "{\n  \"function\": \"mi-funcion\",\n  \"id\": \"func_01arz3ndektsv4rrffq69g5fav\",\n  \"extra\": 1\n}\n"
    );
}

#[test]
fn first_deploy_in_json_has_the_plain_value() {
    let (sandbox, _api) = sandbox(first_result());
    let outcome = sandbox.jelou("functions deploy --no-confirm --json").run();
    assert_eq!(outcome.json()["data"]["token"], VALUE);
    assert_outcome!(outcome);
}

#[test]
fn later_deploys_show_no_token() {
    let mut result = result();
    result["warnings"] = json!(["`z.date()` is shown as a date-time\nindex.ts:3:5"]);
    let (sandbox, _api) = sandbox(result);
    assert_outcome!(sandbox.jelou("deploy --yes --human").run());
    let outcome = sandbox.jelou("deploy -y").run();
    assert_eq!(outcome.json()["data"]["token"], Value::Null);
}

#[test]
fn dry_run_neither_asks_nor_changes_anything() {
    let mut result = result();
    result["deployment"] = Value::Null;
    result["functionId"] = Value::Null;
    let (sandbox, api) = sandbox(result);
    assert_outcome!(sandbox.jelou("deploy --dry-run --check --human").run());
    assert_eq!(api.last_body()["dryRun"], true);
    assert_eq!(api.last_body()["check"], true);
    assert!(!sandbox.read("jelou.json").contains("func_"));
}

#[test]
fn deploy_declined() {
    let (sandbox, api) = sandbox(result());
    let mut terminal = sandbox.jelou("deploy").in_terminal();
    terminal.wait_for("(Y/n) ").answer("n");
    assert_outcome!(terminal.finish());
    assert_eq!(api.requests(), ["GET /v1/functions/mi-funcion"]);
}

#[test]
fn deploy_without_a_terminal_names_the_flag() {
    let (sandbox, _api) = sandbox(result());
    assert_outcome!(sandbox.jelou("deploy").run());
}

#[test]
fn deploy_without_a_project() {
    assert_outcome!(Sandbox::new().jelou("deploy -y").run());
}

/// Each message contains the checked path and the next step.
#[test]
fn deploy_in_the_wrong_folder() {
    let sandbox = Sandbox::new();
    sandbox
        .file("uno/jelou.json", r#"{"function": "uno"}"#)
        .file(
            "dos/jelou.json",
            r#"{"id": "func_01arz3ndektsv4rrffq69g5fav"}"#,
        )
        .file("dos/index.ts", "");
    let outcomes = [
        "deploy -y --human",
        "deploy tres -y --human",
        "deploy Tres/x -y --human",
        "deploy dos -y --human",
        "deploy uno/jelou.json -y --human",
        "tokens list --human",
        "secrets set A=1 --human",
    ]
    .map(|line| format!("jelou {line}\n{}", sandbox.jelou(line).run()));
    assert_outcome!(outcomes.join("\n"));
    let inside = sandbox.shell("cd uno; jelou deploy uno -y --human");
    assert_outcome!(inside);
}

#[test]
fn deploy_of_a_folder_under_another_slug() {
    let (sandbox, api) = sandbox(result());
    sandbox.file("other/main.ts", "x").file(
        "other/jelou.json",
        r#"{"function": "otra", "entrypoint": "./main.ts"}"#,
    );
    let outcome = sandbox
        .jelou("deploy other --function mi-funcion --create -y")
        .run();
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_eq!(api.last_body()["entrypoint"], "main.ts");
    assert!(!sandbox.read("other/jelou.json").contains("func_"));
}

#[test]
fn corrupt_project_file() {
    let sandbox = Sandbox::new();
    sandbox.file("jelou.json", "{\n  \"function\": \"mi-funcion\",\n}\n");
    assert_outcome!(sandbox.jelou("deploy -y").run());
}

#[test]
fn too_many_files() {
    let sandbox = Sandbox::new();
    sandbox.file("jelou.json", r#"{"function": "mi-funcion"}"#);
    for number in 0..21 {
        sandbox.file(&format!("f{number}.ts"), "");
    }
    assert_outcome!(sandbox.jelou("deploy -y").run());
}

#[test]
fn too_large_a_file() {
    let sandbox = Sandbox::new();
    sandbox
        .file("jelou.json", r#"{"function": "mi-funcion"}"#)
        .file("index.ts", "x".repeat(257 * 1024));
    assert_outcome!(sandbox.jelou("deploy -y").run());
}

#[test]
fn wrong_extension() {
    let sandbox = Sandbox::new();
    sandbox
        .file("jelou.json", r#"{"function": "mi-funcion"}"#)
        .file("index.ts", "")
        .file("img/logo.png", "");
    assert_outcome!(sandbox.jelou("deploy -y").run());
}

#[test]
fn symbolic_link() {
    let sandbox = Sandbox::new();
    sandbox.file("jelou.json", r#"{"function": "mi-funcion"}"#);
    symlink("/etc/passwd", sandbox.project().join("index.ts")).unwrap();
    assert_outcome!(sandbox.jelou("deploy -y").run());
}

#[test]
fn not_utf_8() {
    let sandbox = Sandbox::new();
    sandbox
        .file("jelou.json", r#"{"function": "mi-funcion"}"#)
        .file("index.ts", [0xff, 0xfe]);
    assert_outcome!(sandbox.jelou("deploy -y").run());
}

#[test]
fn no_entrypoint() {
    let sandbox = Sandbox::new();
    sandbox
        .file("jelou.json", r#"{"function": "mi-funcion"}"#)
        .file("main.ts", "");
    assert_outcome!(sandbox.jelou("deploy -y").run());
}
