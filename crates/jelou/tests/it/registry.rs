//! Packages as registries serve them, from a registry of the tests' own.

use serde_json::{Value, json};

use crate::support::{Outcome, Package, Sandbox, Serve, Server, Web};

fn start(sandbox: &Sandbox, web: &Web) -> Server {
    web.behind(Serve::new(sandbox)).start()
}

fn deploy(sandbox: &Sandbox, source: &str) -> Outcome {
    sandbox.function("mi-funcion", source);
    sandbox.jelou("deploy mi-funcion -y --replace --json").run()
}

fn deployed(sandbox: &Sandbox, source: &str) -> Value {
    let outcome = deploy(sandbox, source);
    assert_eq!(outcome.code, 0, "{outcome}");
    outcome.json()["data"].clone()
}

fn packages(deployed: &Value) -> Vec<&str> {
    let all = deployed["dependencies"].as_array().unwrap().iter();
    all.map(|package| package["specifier"].as_str().unwrap())
        .collect()
}

fn version(name: &str, version: &str) -> Package {
    Package::new(name, version, &format!("export default \"{version}\";"))
}

const SOURCE: &str = "import v from \"dep\";\nDeno.serve(() => new Response(v));\n";

#[test]
fn ranges_and_lock_files() {
    let (sandbox, web) = (Sandbox::new(), Web::start());
    web.publish(&[
        version("dep", "1.0.0"),
        version("dep", "1.2.0"),
        version("dep", "2.0.0"),
    ]);
    let _server = start(&sandbox, &web);
    sandbox.file(
        "mi-funcion/deno.json",
        r#"{"imports": {"dep": "npm:dep@^1.0.0"}}"#,
    );
    let first = deployed(&sandbox, SOURCE);
    assert_eq!(packages(&first), ["npm:dep@1.2.0"]);
    let integrity = first["dependencies"][0]["integrity"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(integrity.starts_with("sha512-"));

    // A new version within the range is used by the next deploy, unless a lock file has another version.
    web.publish(&[
        version("dep", "1.0.0"),
        version("dep", "1.2.0"),
        version("dep", "1.3.0"),
    ]);
    let lock = json!({
        "version": "5",
        "specifiers": { "npm:dep@1": "1.2.0" },
        "npm": { "dep@1.2.0": { "integrity": integrity } },
    });
    sandbox.file("mi-funcion/deno.lock", lock.to_string());
    assert_eq!(
        packages(&deployed(&sandbox, &format!("{SOURCE}\n"))),
        ["npm:dep@1.2.0"]
    );
    std::fs::remove_file(sandbox.project().join("mi-funcion/deno.lock")).unwrap();
    assert_eq!(packages(&deployed(&sandbox, SOURCE)), ["npm:dep@1.3.0"]);

    std::fs::remove_file(sandbox.project().join("mi-funcion/deno.json")).unwrap();
    sandbox.file(
        "mi-funcion/package.json",
        r#"{"name": "x", "version": "1.0.0", "dependencies": {"dep": "^1.0.0"}}"#,
    );
    let npm_lock = |integrity: &str| {
        json!({
            "name": "x", "version": "1.0.0", "lockfileVersion": 3, "requires": true,
            "packages": {
                "": { "name": "x", "version": "1.0.0", "dependencies": { "dep": "^1.0.0" } },
                "node_modules/dep": {
                    "version": "1.2.0",
                    "resolved": format!("{}dep/-/dep-1.2.0.tgz", web.registry()),
                    "integrity": integrity,
                },
            },
        })
    };
    sandbox.file(
        "mi-funcion/package-lock.json",
        npm_lock(&integrity).to_string(),
    );
    assert_eq!(packages(&deployed(&sandbox, SOURCE)), ["npm:dep@1.2.0"]);
    sandbox.file(
        "mi-funcion/package-lock.json",
        npm_lock("sha512-AAAA").to_string(),
    );
    let refused = deploy(&sandbox, &format!("{SOURCE}// again\n"));
    assert_eq!(refused.code, 7, "{refused}");
    assert!(
        refused.stdout().contains("dep") && refused.stdout().contains("package-lock.json"),
        "{refused}"
    );
}

/// Odd file modes, source maps that name URLs, and a script that must never run.
/// The error names the import, also in a module that the entrypoint imports.
#[test]
fn unknown_packages_and_versions() {
    let (sandbox, web) = (Sandbox::new(), Web::start());
    web.publish(&[version("dep", "1.0.0")]);
    let _server = start(&sandbox, &web);
    sandbox.file(
        "mi-funcion/deno.json",
        r#"{"imports": {"dep": "npm:dep@^2.0.0"}}"#,
    );
    sandbox.file(
        "mi-funcion/lib/a.ts",
        "// A comment.\nimport v from \"npm:no-such-dep@1.0.0\";\nexport default v;\n",
    );
    let source = format!("import a from \"./lib/a.ts\";\n{SOURCE}console.log(a);\n");
    let refused = deploy(&sandbox, &source);
    assert_eq!(refused.code, 7, "{refused}");
    let message = refused.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    for part in [
        "`lib/a.ts:2:15` imports `npm:no-such-dep@1.0.0`: npm package 'no-such-dep' does not exist. Check the name",
        "`index.ts:2:15` imports `dep`: Could not find npm package 'dep' matching '^2.0.0'. Check the version",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn odd_packages() {
    let (sandbox, web) = (Sandbox::new(), Web::start());
    let proof = sandbox.home().join("postinstall-ran");
    let script = format!("touch {}", proof.display());
    let map = r#"{"version":3,"sources":["https://raw.example/src/a.ts","webpack://x/b.ts","/etc/passwd"],"names":[],"mappings":"AAAA"}"#;
    web.publish(&[Package::new(
        "odd",
        "1.0.0",
        "import { a } from './lib/a.js';\nexport default a;\n//# sourceMappingURL=index.js.map\n",
    )
    .file(
        "lib/a.js",
        0o600,
        "export const a = 'odd';\n//# sourceMappingURL=https://raw.example/a.js.map\n",
    )
    .file("index.js.map", 0o604, map)
    .file("script.js", 0o000, "throw new Error('ran');")
    .member(
        "scripts",
        json!({ "preinstall": script, "install": script, "postinstall": script }),
    )
    .member("hasInstallScript", json!(true))]);
    let server = start(&sandbox, &web);
    let deployed = deployed(
        &sandbox,
        "import odd from \"npm:odd@1\";\nDeno.serve(() => new Response(odd));\n",
    );
    assert_eq!(packages(&deployed), ["npm:odd@1.0.0"]);
    let token = deployed["token"].as_str().unwrap();
    let reply = server.request("mi-funcion").get("/").token(token).send();
    assert_eq!((reply.status, reply.body.as_str()), (200, "odd"));
    assert!(!proof.exists());
}

#[test]
fn a_package_that_is_deleted_after_the_deploy() {
    let (sandbox, web) = (Sandbox::new(), Web::start());
    web.publish(&[version("dep", "1.0.0")]);
    let server = start(&sandbox, &web);
    let source = SOURCE.replace("\"dep\"", "\"npm:dep@1\"");
    let token = deployed(&sandbox, &source)["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let call = |server: &Server| {
        server
            .request("mi-funcion")
            .get("/")
            .token(&token)
            .send()
            .body
    };
    assert_eq!(call(&server), "1.0.0");
    web.remove_all();
    let data = server.stop();
    std::fs::remove_dir_all(data.path().join("cache/deno/npm")).unwrap();
    web.asked();
    let server = web.behind(Serve::new(&sandbox)).on(&data).start();
    assert_eq!(call(&server), "1.0.0");
    assert_eq!(web.asked(), Vec::<String>::new());
    let refused = deploy(&sandbox, &format!("{source}// again\n"));
    assert_eq!(refused.code, 7, "{refused}");
    assert!(refused.stdout().contains("dep"), "{refused}");
    assert_eq!(call(&server), "1.0.0");
}
