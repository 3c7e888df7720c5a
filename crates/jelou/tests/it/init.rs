//! `jelou init`, and how editors and tests handle a new project.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::json;

use crate::support::{FakeApi, Sandbox, Server, answer, assert_outcome, deno};

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
fn init_proposes_a_slug_in_ascii() {
    let sandbox = Sandbox::new();
    let mut terminal = sandbox.jelou("init Función").in_terminal();
    terminal
        .wait_for("? Slug of the function: (funcion) ")
        .answer("");
    assert_eq!(terminal.finish().code, 0);
    assert!(sandbox.read("Función/jelou.json").contains("\"funcion\""));
    for (folder, slug) in [
        ("función", "funcion"),
        ("Straße", "strasse"),
        ("Łódź", "lodz"),
        ("mi_función.v2", "mi-funcion-v2"),
        ("funcio\u{301}n", "funcion"),
        ("日本語", "ri-ben-yu"),
    ] {
        let sandbox = Sandbox::new();
        let mut terminal = sandbox.jelou(&format!("init {folder}")).in_terminal();
        let question = format!("? Slug of the function: ({slug}) ");
        terminal.wait_for(&question).answer("");
        assert_eq!(terminal.finish().code, 0, "{folder}");
    }
}

/// The example from the documentation of the mocks, as a test of the project.
const TEST: &str = r#"
import saludo from "./index.ts";
import { app, response } from "@jelou/functions";
import { createMockContext, createMockRequest } from "@jelou/functions/testing";

Deno.test("greets", async () => {
  const result = await saludo.handler(
    { telefono: "593987654321" },
    createMockContext({ env: { API_KEY: "test" } }),
    createMockRequest(),
  );
  if (result.mensaje !== "Hola, 593987654321") throw new Error("wrong greeting");
  if (typeof app !== "function" || typeof response.status !== "function") throw new Error("no SDK");
});
"#;

#[test]
fn a_new_project_can_be_tested_and_checked() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.jelou("init").run().code, 0);
    assert_eq!(sandbox.read(".jelou/.gitignore"), "*\n");
    sandbox.file("greeting_test.ts", TEST);
    let deno = deno();
    let deno = deno.display();
    // The project has only the files that `init` wrote.
    let script = format!(
        "set -e
         export DENO_DIR=$HOME/deno DENO_NO_UPDATE_CHECK=1 NO_COLOR=1
         {deno} test --no-remote --no-npm
         {deno} check --no-remote --no-npm index.ts index.test.ts greeting_test.ts
         {deno} fmt --check index.ts index.test.ts deno.json tsconfig.json"
    );
    let outcome = sandbox.shell(&script);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert!(outcome.stdout().contains("2 passed"), "{outcome}");
}

#[test]
fn the_tests_of_a_project_run_with_the_sdk_and_its_types() {
    let deno = deno();
    let sandbox = Sandbox::new().env("JELOU_DENO", &deno.display().to_string());
    assert_eq!(sandbox.jelou("init").run().code, 0);
    // Removes the SDK, as after a clone: git ignores the SDK.
    std::fs::remove_dir_all(sandbox.project().join(".jelou")).unwrap();
    sandbox.file("greeting_test.ts", TEST);
    let test = |arguments: &str| sandbox.jelou(&format!("test {arguments}")).run();
    let passed = test("--reporter=dot");
    assert_eq!(passed.code, 0, "{passed}");
    assert!(passed.stdout().contains("2 passed"), "{passed}");
    let one = test("--filter greets");
    assert!(one.stdout().contains("1 passed"), "{one}");
    assert!(one.stdout().contains("1 filtered out"), "{one}");
    // Colours are for terminals, and only without `NO_COLOR`.
    assert!(!passed.to_string().contains('\u{1b}'), "{passed}");
    let screen = |sandbox: &Sandbox| sandbox.jelou("test").in_terminal().finish_raw();
    assert!(screen(&sandbox).contains("\u{1b}[32m"));
    let sandbox = sandbox.env("NO_COLOR", "1");
    let plain = screen(&sandbox);
    assert!(
        plain.contains("2 passed") && !plain.contains("\u{1b}[32m"),
        "{plain:?}"
    );
    let test = |arguments: &str| sandbox.jelou(&format!("test {arguments}")).run();
    sandbox.file(
        "greeting_test.ts",
        TEST.replace("593987654321\" },", "1\" },"),
    );
    assert_eq!(test("").code, 1);
    let other = sandbox.read("index.ts").replace("Hola", "Buenas");
    sandbox.file("index.ts", other);
    let failed = test("index.test.ts");
    assert!(
        failed.to_string().contains(
            "Se esperaba \"Hola, 593987654321\", y el mensaje es \"Buenas, 593987654321\""
        ),
        "{failed}"
    );
    let wrong = TEST.replace("telefono: \"593987654321\"", "telefono: 1");
    sandbox.file("greeting_test.ts", wrong);
    let wrong = test("");
    assert_eq!(wrong.code, 1, "{wrong}");
    assert!(wrong.to_string().contains("TS2322"), "{wrong}");
}

/// Editors without Deno's extension read `tsconfig.json`, like tsc. Needs the npm registry.
#[test]
fn a_new_project_is_accepted_by_the_typescript_compiler() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.jelou("init").run().code, 0);
    sandbox
        .file("lib/suma.ts", "export const suma = (a: number, b: number): number => a + b;\n")
        .file(
            "otra.ts",
            "import { define, z } from \"@jelou/functions\";\n\
             import { createMockContext } from \"@jelou/functions/testing\";\n\
             import { suma } from \"./lib/suma.ts\";\n\n\
             export const contexto = createMockContext();\n\
             export default define({\n  description: \"Suma\",\n  input: z.object({ a: z.number() }),\n  \
             handler: async (input, ctx, request) => {\n    \
             await fetch(request.url);\n    ctx.log(suma(input.a, 1));\n    return { a: input.a };\n  },\n});\n",
        );
    let tsc = || {
        Command::new("npm")
            .args(["exec", "--yes", "--package", "typescript@5.9.3", "--"])
            .args(["tsc", "--project", "."])
            .current_dir(sandbox.project())
            .output()
            .unwrap()
    };
    let accepted = tsc();
    assert!(accepted.status.success(), "{accepted:?}");
    // Proves that tsc really checks the project.
    sandbox.file(
        "wrong.ts",
        "import { z } from \"@jelou/functions\";\nexport const a: number = z.string().parse(1);\n",
    );
    assert!(!tsc().status.success());
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

#[test]
fn the_files_of_the_editor_are_not_deployed() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let init = sandbox.jelou("init").run();
    assert_eq!(init.code, 0, "{init}");
    let launch = sandbox.read(".vscode/launch.json");
    assert!(launch.contains("\"port\": 9229"), "{launch}");
    let deployed = sandbox.jelou("deploy --dry-run --json").run();
    let shown = deployed.to_string();
    assert_eq!(deployed.code, 0, "{shown}");
    assert!(shown.contains("index.ts"), "{shown}");
    assert!(!shown.contains("launch.json"), "{shown}");
    server.stop();
}
