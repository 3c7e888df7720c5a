//! Uploads that cannot be deployed: the message for the developer, and the live deployment stays in service.

use std::os::unix::fs::symlink;

use serde_json::json;

use crate::support::{Reply, Sandbox, Serve, Server, assert_live_outcome, function};

/// A live function. Its next deploys fail.
struct Live {
    sandbox: Sandbox,
    server: Server,
    token: String,
}

impl Live {
    fn start() -> Self {
        Self::start_with(|serve| serve)
    }

    fn start_with(configure: impl FnOnce(Serve<'_>) -> Serve<'_>) -> Self {
        let sandbox = Sandbox::new();
        let server = configure(Serve::new(&sandbox)).start();
        let token = sandbox.deploy("mi-funcion", &function("() => 'live'"));
        Self {
            sandbox,
            server,
            token,
        }
    }

    /// Deploys a project with these files, and compares the refusal with the snapshot of this name.
    fn refuses(&self, case: &str, files: &[(&str, &str)]) {
        for (path, content) in files {
            self.sandbox.file(&format!("{case}/{path}"), content);
        }
        self.refuses_folder(case, "");
    }

    fn refuses_folder(&self, case: &str, flags: &str) {
        let line = format!("deploy {case} --function mi-funcion -y --replace {flags}");
        let outcome = self.sandbox.jelou(&line).run();
        assert_ne!(outcome.code, 0, "{case}: {outcome}");
        assert_live_outcome!(format!("bad_upload_{case}"), outcome);
        self.still_answers();
    }

    fn still_answers(&self) {
        let answer = self.server.call("mi-funcion", Some(&self.token), "{}");
        assert_eq!(answer, (200, "\"live\"".to_owned()));
    }
}

#[test]
fn source_that_does_not_work() {
    let live = Live::start();
    live.refuses(
        "syntax",
        &[(
            "index.ts",
            "import { define } from \"@jelou/functions\";\n\nexport default define({\n  handler: async ( => 1,\n});\n",
        )],
    );
    live.refuses(
        "syntax_in_another_file",
        &[
            ("index.ts", "export { default } from \"./lib/a.ts\";\n"),
            ("lib/a.ts", "export default 1 +;\n"),
        ],
    );
    live.refuses(
        "no_default_export",
        &[("index.ts", "export const a = 1;\n")],
    );
    live.refuses("no_function", &[("index.ts", "export default 1;\n")]);
    live.refuses(
        "exits_at_import",
        &[(
            "index.ts",
            "import { define } from \"@jelou/functions\";\nimport { exit } from \"node:process\";\n\n\
             console.error(\"set the secret\", { name: \"API_KEY\" });\nexit(1);\n\n\
             export default define({ description: \"x\", handler: () => 1 });\n",
        )],
    );
    live.refuses(
        "throws_at_import",
        &[
            (
                "index.ts",
                &format!("import \"./lib/start.ts\";\n{}", function("() => 1")),
            ),
            (
                "lib/start.ts",
                "interface Unused {\n  a: string;\n}\n\nconst table: Record<string, number> = {};\nif (!table.a) throw new TypeError(\"no table\");\nexport {};\n",
            ),
        ],
    );
    live.refuses(
        "missing_file",
        &[("index.ts", "import \"./lib/none.ts\";\nexport default 1;\n")],
    );
    live.refuses(
        "missing_package",
        &[("index.ts", "import \"lodash\";\nexport default 1;\n")],
    );
    live.refuses(
        "hangs_at_import",
        &[(
            "index.ts",
            "await new Promise(() => setInterval(() => {}, 1000));\nexport default 1;\n",
        )],
    );
}

#[test]
fn types_are_checked_when_asked_for() {
    let live = Live::start_with(|serve| serve.env("JELOU_LIMITS__BUILD_TIMEOUT_MS", "600000"));
    live.sandbox.file(
        "types/index.ts",
        "import { define, z } from \"@jelou/functions\";\n\nexport default define({\n  description: \"A test\",\n  input: z.object({ a: z.string() }),\n  handler: (input) => input.b,\n});\n",
    );
    live.refuses_folder("types", "--check");
}

/// The message contains the corrected line.
#[test]
fn imports_that_nearly_name_a_file() {
    let live = Live::start();
    let importing = |specifier: &str| format!("import \"{specifier}\";\nexport default 1;\n");
    for (name, specifier) in [
        ("near_case", "./Lib/Util.ts"),
        ("near_alias", "@/lib/util"),
        ("near_package_json", "axios"),
        ("near_dist", "./dist/index.js"),
        ("near_folder", "./Lib"),
        ("near_bare", "lib/util"),
        ("near_source_folder", "src/lib/util.js"),
        ("near_name", "./lib/utils.ts"),
        ("near_query", "./lib/util.ts?raw"),
        ("near_back_slash", ".\\\\lib\\\\util.ts"),
        ("near_root", "/lib/util"),
        ("near_hash", "#lib/util"),
        ("near_json", "./lib/precios"),
    ] {
        live.refuses(
            name,
            &[
                ("index.ts", &importing(specifier)),
                ("lib/util.ts", "export {};\n"),
                ("lib/index.ts", "export {};\n"),
                ("lib/precios.json", "{}\n"),
                (
                    "package.json",
                    "{\"dependencies\": {\"axios\": \"file:../axios\"}}\n",
                ),
            ],
        );
    }
}

/// Imports with `require` and `import()` get the message of other imports.
#[test]
fn packages_that_nothing_names() {
    let live = Live::start();
    let express = "const express = require(\"express\");\nexpress().listen(3000);\n";
    live.refuses("require", &[("index.js", express)]);
    live.refuses(
        "require_in_a_node_project",
        &[
            ("index.js", "require(\"./lib/app\");\n"),
            ("lib/app.js", express),
            ("package.json", "{\"dependencies\": {}}\n"),
        ],
    );
    live.refuses(
        "require_of_an_alias",
        &[
            ("index.js", "require(\"@/lib/app\");\n"),
            ("lib/app.js", "export {};\n"),
        ],
    );
    live.refuses(
        "dynamic_package",
        &[(
            "index.ts",
            "const { default: chalk } = await import(\"@scope/chalk/dist\");\nexport default chalk;\n",
        )],
    );
}

/// The message explains what replaces another platform's module format or runtime.
#[test]
fn code_of_other_platforms() {
    let live = Live::start();
    for (name, files) in [
        (
            "lambda",
            &[(
                "index.js",
                "\nexports.handler = async (event) => ({ statusCode: 200 });\n",
            )][..],
        ),
        (
            "commonjs_module",
            &[
                (
                    "index.js",
                    "const { a } = require(\"./lib/a\");\nexport default { fetch: () => a };\n",
                ),
                ("lib/a.js", "const a = 1;\nmodule.exports = { a };\n"),
            ],
        ),
        (
            "commonjs_import",
            &[
                (
                    "index.js",
                    "import a from \"./lib/a.js\";\nexport default { fetch: () => a };\n",
                ),
                ("lib/a.js", "module.exports = 1;\n"),
            ],
        ),
        (
            "missing_export",
            &[
                (
                    "index.ts",
                    "import { b } from \"./lib/a.ts\";\nexport default { fetch: () => b };\n",
                ),
                ("lib/a.ts", "export const a = 1;\n"),
            ],
        ),
        (
            "browser",
            &[(
                "index.ts",
                "const title = window.document.title;\nexport default { fetch: () => new Response(title) };\n",
            )],
        ),
        (
            "bun",
            &[("index.ts", "Bun.serve({ fetch: () => new Response() });\n")],
        ),
    ] {
        live.refuses(name, files);
    }
}

/// With `"type": "commonjs"`, which error messages suggest, such code deploys unchanged.
#[test]
fn a_commonjs_project_deploys() {
    let live = Live::start();
    live.sandbox
        .file("node/package.json", r#"{"type": "commonjs"}"#)
        .file("node/lib/a.js", "exports.text = \"commonjs\";\n")
        .file(
            "node/index.js",
            "const { text } = require(\"./lib/a\");\nmodule.exports = { fetch: () => new Response(text) };\n",
        );
    let deploy = "deploy node --function mi-funcion -y --replace";
    let outcome = live.sandbox.jelou(deploy).run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let answer = live.server.call("mi-funcion", Some(&live.token), "{}");
    assert_eq!(answer, (200, "commonjs".to_owned()));
}

/// No file of the machine gets into a bundle or a message.
#[test]
fn imports_that_leave_the_project() {
    let live = Live::start();
    let importing = |statement: &str| format!("{statement}\nexport default secret;\n");
    let import = |specifier: &str| {
        importing(&format!(
            "import secret from \"{specifier}\" with {{ type: \"text\" }};"
        ))
    };
    live.refuses("absolute", &[("index.ts", &import("/etc/passwd"))]);
    live.refuses(
        "parent",
        &[("index.ts", &import("../../../../../../etc/passwd"))],
    );
    live.refuses("file_url", &[("index.ts", &import("file:///etc/passwd"))]);
    live.refuses(
        "remote",
        &[(
            "index.ts",
            &importing("import secret from \"https://example.com/a.ts\";"),
        )],
    );
    live.refuses(
        "import_map",
        &[
            ("index.ts", &importing("import secret from \"x\";")),
            ("deno.json", r#"{"imports": {"x": "/etc/passwd"}}"#),
        ],
    );
    live.refuses(
        "dynamic",
        &[(
            "index.ts",
            &importing("const secret = await import(\"/etc/hostname\");"),
        )],
    );
    live.sandbox.file(
        "link/index.ts",
        "export { default } from \"./secret.ts\";\n",
    );
    symlink("/etc/passwd", live.sandbox.project().join("link/secret.ts")).unwrap();
    live.refuses_folder("link", "--human");
}

#[test]
fn a_bundle_over_the_limit() {
    let live = Live::start_with(|serve| serve.env("JELOU_LIMITS__MAX_BUNDLE_BYTES", "2000"));
    let text = "x".repeat(2000);
    live.refuses(
        "bundle",
        &[("index.ts", &function(&format!("() => \"{text}\"")))],
    );
}

/// The status, code and text of a refusal.
fn problem(reply: &Reply) -> String {
    let problem = reply.json();
    let text = |field: &str| problem[field].as_str().unwrap().to_owned();
    format!("{} {}: {}", reply.status, text("code"), text("detail"))
}

/// The command line checks this too, but the server must not rely on it.
#[test]
fn the_server_checks_files_again() {
    let live = Live::start_with(|serve| {
        serve
            .env("JELOU_LIMITS__MAX_UPLOAD_FILES", "20")
            .env("JELOU_LIMITS__MAX_UPLOAD_FILE_BYTES", "262144")
            .env("JELOU_LIMITS__MAX_UPLOAD_BYTES", "1048576")
    });
    let file = |path: &str, content: &str| json!({"path": path, "content": content});
    let index = || file("index.ts", "");
    let many: Vec<_> = (0..21).map(|n| file(&format!("f{n}.ts"), "")).collect();
    let mut answers = Vec::new();
    for files in [
        json!([]),
        json!(many),
        json!([file("index.ts", &"x".repeat(257 * 1024))]),
        json!(
            (0..5)
                .map(|n| file(&format!("f{n}.ts"), &"x".repeat(250 * 1024)))
                .collect::<Vec<_>>()
        ),
        json!([file("index.ts", &"x".repeat(4 << 20))]),
        json!([index(), {"path": "logo.png", "content": "*", "encoding": "base64"}]),
        json!([index(), {"path": "logo.png", "content": "", "encoding": "gzip"}]),
        json!([file("indx.ts", "")]),
        json!([
            index(),
            file("../a.ts", ""),
            file("a/.env", ""),
            file("b:c", "")
        ]),
        json!([index(), file("../a.ts", "")]),
        json!([index(), file("/etc/a.ts", "")]),
        json!([index(), file(".env.ts", "")]),
        json!([index(), file("node_modules/a.ts", "")]),
        json!([index(), index()]),
        json!([file("main.ts", "")]),
        json!([index(), {"path": "a.ts"}]),
        json!("index.ts"),
    ] {
        let reply = live
            .server
            .manage(
                live.server.access_token.as_ref().unwrap(),
                "/v1/functions/mi-funcion/deployments",
            )
            .body(&json!({ "files": files }).to_string())
            .send();
        answers.push(problem(&reply));
    }
    live.still_answers();
    assert_live_outcome!(answers.join("\n"));
}

/// Invalid names in the path or body of a request, which the command line would not send.
#[test]
fn the_server_checks_names_again() {
    let live = Live::start();
    let mut answers = Vec::new();
    let files = json!({"files": [{"path": "index.ts", "content": ""}]});
    for (method, path, body) in [
        ("POST", "Mi_Funcion/deployments", &files),
        ("POST", "-mi-funcion/deployments", &files),
        (
            "PATCH",
            "mi-funcion/secrets",
            &json!({"secrets": {"api-key": "1"}}),
        ),
        (
            "PATCH",
            "mi-funcion/secrets",
            &json!({"secrets": {"__FN_X": "1"}}),
        ),
        (
            "PATCH",
            "mi-funcion/secrets",
            &json!({"secrets": {"A": "x".repeat(64 * 1024 + 1)}}),
        ),
        ("POST", "mi-funcion/tokens", &json!({"name": "Con Espacio"})),
        ("POST", "mi-funcion/tokens", &json!({"name": "default"})),
        (
            "POST",
            "mi-funcion/tokens",
            &json!({"name": "a", "expiresIn": 0}),
        ),
        ("POST", "no-such-function/tokens", &json!({"name": "a"})),
        ("GET", "mi-funcion/nothing", &json!({})),
    ] {
        let reply = live
            .server
            .manage(
                live.server.access_token.as_ref().unwrap(),
                &format!("/v1/functions/{path}"),
            )
            .method(method)
            .body(&body.to_string())
            .send();
        answers.push(format!("{method} {path}: {}", problem(&reply)));
    }
    live.still_answers();
    assert_live_outcome!(answers.join("\n"));
}
