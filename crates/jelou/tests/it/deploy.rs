//! `jelou deploy` with prepared answers of the API.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::login::who;
use crate::support::{FakeApi, Sandbox, answer, assert_outcome, problem};
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
    assert_eq!(paths, ["a.ts", "deno.json", "deno.lock", "index.ts"]);
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
    assert_eq!(
        api.requests(),
        ["GET /v1/whoami", "GET /v1/functions/mi-funcion"]
    );
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
        .file("dos/index.ts", "")
        .file("funciones/tres/jelou.json", r#"{"function": "tres"}"#)
        .file("vacia/README.md", "");
    let outcomes = [
        "deploy -y --human",
        "deploy tres -y --human",
        "deploy Tres/x -y --human",
        "deploy dos -y --human",
        "deploy uno/jelou.json -y --human",
        "deploy funciones -y --human",
        "deploy vacia -y --human",
        "deploy ./dos/index.ts -y --human",
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
    sandbox.file("jelou.json", "{\n  \"function\" \"mi-funcion\",\n}\n");
    assert_outcome!(sandbox.jelou("deploy -y").run());
}

/// A server with these limits, and a deployment that it would accept.
fn sandbox_with_limits(files: usize, file_bytes: usize, bytes: usize) -> (Sandbox, FakeApi) {
    let mut whoami = who();
    whoami["server"]["upload"] = json!({ "files": files, "fileBytes": file_bytes, "bytes": bytes });
    let api = FakeApi::start(vec![
        answer("GET /v1/whoami", 200, whoami),
        answer("POST /v1/functions/mi-funcion/deployments", 201, result()),
    ]);
    let sandbox = Sandbox::new().with_api(&api);
    sandbox.file("jelou.json", r#"{"function": "mi-funcion"}"#);
    (sandbox, api)
}

/// The error lists all problems at once, before anything is sent.
#[test]
fn too_many_and_too_large_files() {
    let (sandbox, api) = sandbox_with_limits(25, 600 * 1024, 1024 * 1024);
    for number in 0..23 {
        sandbox.file(&format!("lib/f{number}.ts"), "");
    }
    sandbox
        .file(
            "entrada.ts",
            "import \"./precios.json\"; import \"./clientes.csv\";",
        )
        .file("precios.json", "x".repeat(601 * 1024))
        .file("clientes.csv", "x".repeat(700 * 1024))
        .file("no-usado.csv", "x".repeat(2000 * 1024));
    assert_outcome!(sandbox.jelou("deploy -y").run());
    assert!(
        api.requests()
            .iter()
            .all(|request| request == "GET /v1/whoami")
    );
}

#[test]
fn a_large_project_within_the_limits() {
    let (sandbox, api) = sandbox_with_limits(1000, 10 << 20, 50 << 20);
    for number in 0..40 {
        sandbox.file(&format!("lib/f{number}.ts"), "x".repeat(100_000));
    }
    sandbox.file("index.ts", "");
    let outcome = sandbox.jelou("deploy -y --human").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_eq!(api.last_body()["files"].as_array().unwrap().len(), 41);
    assert_outcome!(outcome);
}

/// A folder with more than code: ignored files, other languages, data, and unusual file names.
fn a_real_project(sandbox: &Sandbox) {
    sandbox
        .file(
            "jelou.json",
            "\u{feff}{\n  // La funcion\n  \"function\": \"mi-funcion\",\n  \"assets\": [\"templates/**\"],\n  \"include\": [\"generated/client.ts\"],\n  \"exclude\": [\"*.test.ts\"],\n}\n",
        )
        .file(".gitignore", "generated/\n*.log\ntmp/\n")
        .file(".jelouignore", "docs/\n!keep.log\n")
        .file(
            "index.ts",
            "import \"./función.ts\";\nimport \"./generated/client.ts\";\nimport t from \"./lib/texto con espacios.txt\" with { type: \"text\" };\nread(\"./keep.log\");\n",
        )
        // The form of the name on macOS.
        .file("funcio\u{301}n.ts", "")
        .file("index.test.ts", "")
        .file("generated/client.ts", "")
        .file("generated/other.ts", "")
        .file("lib/texto con espacios.txt", "hola")
        .file("keep.log", "")
        .file("debug.log", "")
        .file("tmp/a/b.ts", "")
        .file("docs/guia.ts", "")
        .file("templates/correo.html", "<p>")
        .file("templates/logo.png", [0x89, b'P', 0, 0xff])
        .file("LICENSE", "")
        .file("Makefile", "")
        .file("cases.ts.bak", "")
        .file("__tests__/a.ts", "")
        .file("dist/index.js", "")
        .file(".env", "SECRET=1")
        .file("node_modules/a/index.js", "")
        .file("yarn.lock", "");
    symlink("/etc/passwd", sandbox.project().join("secreto.txt")).unwrap();
    symlink("lib", sandbox.project().join("enlace")).unwrap();
    symlink(".", sandbox.project().join("vuelta")).unwrap();
    symlink(".env", sandbox.project().join("entorno.json")).unwrap();
    symlink("falta.ts", sandbox.project().join("roto.ts")).unwrap();
}

#[test]
fn files_that_nothing_needs_are_left_out() {
    let mut result = result();
    result["deployment"] = Value::Null;
    result["functionId"] = Value::Null;
    result["files"] = json!([
        { "path": "index.ts", "bytes": 120, "kind": "module" },
        { "path": "templates/logo.png", "bytes": 4, "kind": "asset" },
    ]);
    result["unused"] = json!([{ "path": "__tests__/a.ts", "bytes": 0 }]);
    let api = FakeApi::start(vec![answer(
        "POST /v1/functions/mi-funcion/deployments",
        201,
        result.clone(),
    )]);
    let sandbox = Sandbox::new().with_api(&api);
    a_real_project(&sandbox);
    assert_outcome!(sandbox.jelou("deploy --dry-run --human").run());

    let body = api.last_body();
    let files = body["files"].as_array().unwrap();
    let sent: Vec<_> = files
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        sent,
        [
            "__tests__/a.ts",
            "enlace/texto con espacios.txt",
            "función.ts",
            "generated/client.ts",
            "index.ts",
            "keep.log",
            "lib/texto con espacios.txt",
            "templates/correo.html",
            "templates/logo.png",
        ]
    );
    assert_eq!(
        files[8],
        json!({ "path": "templates/logo.png", "content": "iVAA/w==", "encoding": "base64" })
    );
    assert_eq!(body["assets"], json!(["templates/**"]));
    let outcome = sandbox.jelou("deploy --dry-run --json").run();
    let left_out = &outcome.json()["data"]["leftOut"];
    assert!(
        left_out
            .as_array()
            .unwrap()
            .contains(&json!({ "path": "tmp/", "reason": ".gitignore (tmp/)" })),
        "{left_out}"
    );
}

#[test]
fn a_deploy_says_what_it_left_out() {
    let mut result = result();
    result["unused"] = json!([{ "path": "viejo.ts", "bytes": 0 }]);
    let (sandbox, _api) = sandbox(result);
    sandbox.file("LICENSE", "").file("cases.ts.bak", "");
    assert_outcome!(sandbox.jelou("deploy -y --human").run());
}

/// A refusal that names a file which `.gitignore` leaves out.
#[test]
fn a_missing_file_that_was_left_out() {
    let api = FakeApi::start(vec![answer(
        "POST /v1/functions/mi-funcion/deployments",
        422,
        problem(
            422,
            "VALIDATION_ERROR",
            "`index.ts:1:8` imports `./generated/client.ts`, which is not among the files of the project",
        ),
    )]);
    let sandbox = Sandbox::new().with_api(&api);
    sandbox
        .file("jelou.json", r#"{"function": "mi-funcion"}"#)
        .file(".gitignore", "generated/\n")
        .file("generated/client.ts", "")
        .file("index.ts", "import \"./generated/client.ts\";");
    assert_outcome!(sandbox.jelou("deploy -y --human").run());
}

#[test]
fn the_entrypoint_is_found() {
    for (files, entrypoint) in [
        (&["main.tsx"][..], "main.tsx"),
        (&["src/index.mts", "src/main.ts"], "src/index.mts"),
    ] {
        let (sandbox, api) = sandbox_with_limits(20, 1 << 20, 1 << 20);
        for file in files {
            sandbox.file(file, "");
        }
        let outcome = sandbox.jelou("deploy -y").run();
        assert_eq!(outcome.code, 0, "{outcome}");
        assert_eq!(api.last_body()["entrypoint"], entrypoint);
    }
    let (sandbox, api) = sandbox_with_limits(20, 1 << 20, 1 << 20);
    sandbox
        .file(
            "jelou.json",
            r#"{"function": "mi-funcion", "entrypoint": "dist/index.js"}"#,
        )
        .file(".gitignore", "dist/\n")
        .file("index.ts", "")
        .file("dist/index.js", "")
        .file("dist/lib/a.js", "");
    assert_eq!(sandbox.jelou("deploy -y").run().code, 0);
    let body = api.last_body();
    let sent: Vec<_> = body["files"].as_array().unwrap().iter().collect();
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert_eq!(body["entrypoint"], "dist/index.js");
}

/// Each message names the setting of `jelou.json` and the most likely correction.
#[test]
fn a_project_file_that_names_nothing() {
    let outcomes = [
        r#""entrypoint": "indx.ts""#,
        r#""entrypoint": "README.md""#,
        r#""assets": ["plantillas/**", "../x", "README.md"]"#,
        r#""entripoint": "index.ts""#,
        r#""exclude": ["a{b"]"#,
        r#""team": "pagos""#,
    ]
    .map(|setting| {
        let (sandbox, _api) = sandbox_with_limits(20, 1 << 20, 1 << 20);
        sandbox
            .file(
                "jelou.json",
                format!("{{\"function\": \"mi-funcion\", {setting}}}"),
            )
            .file("index.ts", "")
            .file("README.md", "");
        let outcome = sandbox.jelou("deploy -y --human").run();
        format!("{setting}\n{outcome}")
    });
    assert_outcome!(outcomes.join("\n"));
}

#[test]
fn no_entrypoint() {
    let sandbox = Sandbox::new();
    sandbox
        .file("jelou.json", r#"{"function": "mi-funcion"}"#)
        .file("saludar.ts", "");
    assert_outcome!(sandbox.jelou("deploy -y").run());
}
