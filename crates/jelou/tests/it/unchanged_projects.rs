//! Projects as teams have them for other platforms and bundlers, deployed without a change.

use serde_json::{Value, json};

use crate::support::{Package, Sandbox, Serve, Server, Web, eventually};

fn deploy(sandbox: &Sandbox, files: &[(&str, &str)]) -> Value {
    for (path, content) in files {
        sandbox.file(&format!("proyecto/{path}"), content);
    }
    let line = "deploy proyecto --function mi-funcion --create --replace -y --json";
    let outcome = sandbox.jelou(line).run();
    let document = outcome.json();
    assert_eq!(
        outcome.code,
        if document["ok"] == true { 0 } else { 7 },
        "{outcome}"
    );
    document
}

fn deployed(sandbox: &Sandbox, files: &[(&str, &str)]) -> Value {
    let document = deploy(sandbox, files);
    assert_eq!(document["ok"], true, "{document}");
    document["data"].clone()
}

fn refused(sandbox: &Sandbox, files: &[(&str, &str)]) -> String {
    let document = deploy(sandbox, files);
    document["error"]["message"].as_str().unwrap().to_owned()
}

fn call(server: &Server, deployed: &Value, path: &str) -> (u16, String) {
    let request = server.request("mi-funcion").get(path);
    let reply = request.token(deployed["token"].as_str().unwrap()).send();
    (reply.status, reply.body)
}

#[test]
fn data_and_types_as_bundlers_import_them() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let files = [
        (
            "index.ts",
            "import prices, { iva } from \"./prices.json\";\nimport page from \"./page.html\";\nimport query from \"./query.sql\";\n\
             import type { Order } from \"./orders.ts\";\nimport { Env } from \"./env\";\nimport { Request as Old } from \"undeclared\";\nexport * from \"./env\";\n\
             const order: Order = 2;\n\
             export default { fetch: (_: Old, __: Env) => Response.json([prices.iva, iva, page, query, order]) };\n",
        ),
        ("prices.json", "{\"iva\": 15}"),
        ("page.html", "<p>hola</p>"),
        ("query.sql", "select 1"),
        ("env.d.ts", "export interface Env { KEY: string }\n"),
        // Only a type of this file is used, so the imports of the file are not needed.
        (
            "orders.ts",
            "import gone from \"./gone.ts\";\nimport other from \"other-package\";\nexport type Order = number;\nexport default [gone, other];\n",
        ),
    ];
    let deployed = deployed(&sandbox, &files);
    let expected = json!([15, 15, "<p>hola</p>", "select 1", 2]);
    let (status, body) = call(&server, &deployed, "/");
    assert_eq!(
        (status, serde_json::from_str(&body).unwrap()),
        (200, expected)
    );
    // If the code uses a value of a wrong import, the message names the place of the import.
    let message = refused(
        &sandbox,
        &[(
            "index.ts",
            "import { Env } from \"./gone\";\nexport default { fetch: () => new Response(Env) };\n",
        )],
    );
    assert!(
        message.contains("`index.ts:1:21` imports `./gone`"),
        "{message}"
    );
}

#[test]
fn modules_of_other_platforms_are_named() {
    let sandbox = Sandbox::new();
    let _server = Server::start(&sandbox);
    for (specifier, platform) in [
        ("bun:sqlite", "Bun"),
        ("cloudflare:sockets", "Workers"),
        ("__STATIC_CONTENT_MANIFEST", "Workers"),
    ] {
        let code = format!(
            "import x from \"{specifier}\";\nexport default {{ fetch: () => new Response(x) }};\n"
        );
        let message = refused(&sandbox, &[("index.js", &code)]);
        let expected = format!(
            "`index.js:1:15` imports `{specifier}`, a module of {platform}, which does not exist here"
        );
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn the_entrypoint_of_another_platform() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let files = [
        ("wrangler.toml", "name = \"a\"\nmain = \"src/edge.js\"\n"),
        (
            "index.js",
            "export default { fetch: () => new Response(\"index\") };\n",
        ),
        (
            "src/edge.js",
            "export default { fetch: () => new Response(\"edge\") };\n",
        ),
    ];
    let deployed = deployed(&sandbox, &files);
    assert_eq!(call(&server, &deployed, "/").1, "edge");
}

/// A project of Node without `type` in `package.json`, whose files export by `module.exports`.
#[test]
fn commonjs_without_a_type() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let files = [
        (
            "package.json",
            r#"{"name": "api", "scripts": {"start": "node ./api.js"}}"#,
        ),
        (
            "api.js",
            "const { createServer } = require(\"node:http\");\nconst { greet } = require(\"./lib/greet\");\n\
             createServer((request, response) => response.end(greet(request.url))).listen(3000);\n",
        ),
        (
            "lib/greet.js",
            "const marks = require(\"./marks.json\");\nmodule.exports = { greet: (name) => `Hola ${name}${marks.end}` };\n",
        ),
        ("lib/marks.json", "{\"end\": \"!\"}"),
    ];
    let deployed = deployed(&sandbox, &files);
    assert_eq!(
        call(&server, &deployed, "/ana"),
        (200, "Hola /ana!".to_owned())
    );
}

#[test]
fn packages_of_a_workspace() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let files = [
        (
            "jelou.json",
            r#"{"function": "mi-funcion", "entrypoint": "apps/api/src/index.ts"}"#,
        ),
        (
            "package.json",
            r#"{"workspaces": ["apps/*", "packages/*"]}"#,
        ),
        (
            "apps/api/package.json",
            r##"{"name": "api", "imports": {"#lib/*": "./src/lib/*"}, "dependencies": {"@tienda/db": "workspace:*"}}"##,
        ),
        (
            "apps/api/src/index.ts",
            "import { db } from \"@tienda/db\";\nimport { table } from \"@tienda/db/schema\";\nimport { own } from \"#lib/own\";\n\
             export default { fetch: () => Response.json([db, table, own]) };\n",
        ),
        ("apps/api/src/lib/own.ts", "export const own = \"own\";\n"),
        (
            "packages/db/package.json",
            r#"{"name": "@tienda/db", "main": "dist/index.js", "exports": {".": "./dist/index.js", "./schema": {"import": "./src/schema.ts"}}}"#,
        ),
        ("packages/db/src/index.ts", "export const db = \"db\";\n"),
        (
            "packages/db/src/schema.ts",
            "export const table = \"table\";\n",
        ),
    ];
    let deployed = deployed(&sandbox, &files);
    assert_eq!(
        call(&server, &deployed, "/"),
        (200, r#"["db","table","own"]"#.to_owned())
    );
}

/// A library whose driver only `package.json` names, and a lock file with a tool that no registry has.
#[test]
fn peers_and_lock_files_of_npm() {
    let (sandbox, web) = (Sandbox::new(), Web::start());
    let orm = Package::new(
        "orm",
        "1.0.0",
        "import driver from \"driver\";\nexport default `orm over ${driver}`;\n",
    )
    .member("peerDependencies", json!({ "driver": "*" }))
    .member(
        "peerDependenciesMeta",
        json!({ "driver": { "optional": true } }),
    );
    web.publish(&[orm]);
    web.publish(&[Package::new(
        "driver",
        "2.0.0",
        "export default \"driver 2\";\n",
    )]);
    let server = web.behind(Serve::new(&sandbox)).start();
    let source = "import orm from \"orm\";\nDeno.serve(() => new Response(orm));\n";
    let package = r#"{"dependencies": {"orm": "^1.0.0", "driver": "^2.0.0"}, "devDependencies": {"tool": "^3.0.0"}}"#;
    let deployed = deployed(&sandbox, &[("index.ts", source), ("package.json", package)]);
    assert_eq!(call(&server, &deployed, "/").1, "orm over driver 2");
    let integrity = |name: &str| {
        let all = deployed["dependencies"].as_array().unwrap().iter();
        let named = |package: &&Value| {
            let specifier = package["specifier"].as_str().unwrap();
            specifier.starts_with(&format!("npm:{name}@"))
        };
        all.clone().find(named).unwrap()["integrity"].clone()
    };
    let locked = |name: &str, version: &str| {
        let resolved = format!("{}{name}/-/{name}-{version}.tgz", web.registry());
        json!({ "version": version, "resolved": resolved, "integrity": integrity(name) })
    };
    let mut orm = locked("orm", "1.0.0");
    orm["peerDependencies"] = json!({ "driver": "*" });
    orm["peerDependenciesMeta"] = json!({ "driver": { "optional": true } });
    let locked = json!({ "lockfileVersion": 3, "packages": {
        "": { "dependencies": { "orm": "^1.0.0", "driver": "^2.0.0" }, "devDependencies": { "tool": "^3.0.0" } },
        "node_modules/orm": orm,
        "node_modules/driver": locked("driver", "2.0.0"),
        "node_modules/tool": { "version": "3.0.0", "dev": true },
    } });
    let again = self::deployed(&sandbox, &[("package-lock.json", &locked.to_string())]);
    assert_eq!(again["token"], Value::Null);
    assert_eq!(call(&server, &deployed, "/").1, "orm over driver 2");
}

/// The secrets that code needs are named at the deploy, and in the log if a handler reports an error itself.
#[test]
fn unset_secrets_are_named() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let import = "if (!process.env.API_URL) throw new Error(\"no address\");\nDeno.serve(() => new Response());\n";
    let message = refused(&sandbox, &[("index.ts", import)]);
    assert!(
        message.contains("jelou secrets set mi-funcion --create API_URL=..."),
        "{message}"
    );
    let handler = "Deno.serve(() => {\n  try {\n    const url = new URL(Deno.env.get(\"API_URL\") ?? \"\");\n    return new Response(url.href);\n\
                   \x20 } catch {\n    return new Response(\"failed\", { status: 502 });\n  }\n});\n";
    let deployed = deployed(&sandbox, &[("index.ts", handler)]);
    let warnings = deployed["warnings"].to_string();
    assert!(warnings.contains("API_URL, at index.ts:3"), "{warnings}");
    assert_eq!(call(&server, &deployed, "/"), (502, "failed".to_owned()));
    let line = eventually("the warning in the log", || {
        let log = server.data.log();
        let line = log.lines().find(|line| line.contains("The request failed"));
        line.map(str::to_owned)
    });
    assert!(line.contains("API_URL, at index.ts:3"), "{line}");
}
