//! Modules that are imported by URL, and JSR packages: fetched at the deploy, from allowed hosts.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Outcome, Sandbox, Serve, Server, Web, eventually, function};

const URL: &str = "https://deno.land/x/greet@1.0.0/mod.ts";

fn start(sandbox: &Sandbox, web: &Web) -> Server {
    web.behind(Serve::new(sandbox)).start()
}

fn publish(web: &Web) {
    web.redirect("https://deno.land/x/greet/mod.ts", "/x/greet@1.0.0/mod.ts")
        .module(
            URL,
            "import { name } from \"./lib/name.ts\";\nimport suffix from \"https://esm.sh/suffix@2\";\n\
             export type Greeting = string;\n\
             export const greet = (): Greeting => {\n  if (name === \"boom\") throw new Error(\"boom\");\n  return name + suffix;\n};\n\
             export const own = import.meta.url;\n",
        )
        .module(
            "https://deno.land/x/greet@1.0.0/lib/name.ts",
            "export let name: string = \"ana\";\nexport const rename = (to: string) => void (name = to);\n",
        )
        .module(
            "https://esm.sh/suffix@2",
            "export * from \"/suffix@2/es/suffix.mjs\";\nexport { default } from \"/suffix@2/es/suffix.mjs\";\n",
        )
        .module("https://esm.sh/suffix@2/es/suffix.mjs", "export default \"!\";\n//# sourceMappingURL=suffix.mjs.map\n")
        .module("https://deno.land/x/data.json", "{\"a\": 1}")
        .module("https://deno.land/x/text.txt", "some text");
}

const APPLICATION: &str = r#"
import { greet, own } from "https://deno.land/x/greet/mod.ts";
import { rename } from "https://deno.land/x/greet@1.0.0/lib/name.ts";
import data from "https://deno.land/x/data.json" with { type: "json" };
import text from "https://deno.land/x/text.txt" with { type: "text" };

Deno.serve((request) => {
  if (request.url.endsWith("/boom")) rename("boom");
  return Response.json({ greeting: greet(), own, data, text });
});
"#;

fn refused(sandbox: &Sandbox, source: &str) -> String {
    sandbox.function("mi-funcion", source);
    // Without modules of an earlier deploy.
    let line = "deploy mi-funcion -y --replace --json --reload";
    let outcome = sandbox.jelou(line).run();
    assert_eq!(outcome.code, 7, "{outcome}");
    let message = &outcome.json()["error"]["message"];
    message.as_str().unwrap().to_owned()
}

fn deployed(sandbox: &Sandbox, source: &str) -> Outcome {
    deployed_with(sandbox, source, "")
}

fn deployed_with(sandbox: &Sandbox, source: &str, flags: &str) -> Outcome {
    sandbox.function("mi-funcion", source);
    let line = format!("deploy mi-funcion -y --replace --json {flags}");
    let outcome = sandbox.jelou(&line).run();
    assert_eq!(outcome.code, 0, "{outcome}");
    outcome
}

/// In hexadecimal.
fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

fn specifiers(dependencies: &Value) -> Vec<&str> {
    let all = dependencies.as_array().unwrap().iter();
    all.map(|dependency| dependency["specifier"].as_str().unwrap())
        .collect()
}

#[test]
fn modules_are_taken_at_the_deploy_and_never_later() {
    let (sandbox, web) = (Sandbox::new(), Web::start());
    publish(&web);
    let server = start(&sandbox, &web);
    let outcome = deployed(&sandbox, APPLICATION);
    let data = &outcome.json()["data"];
    let token = data["token"].as_str().unwrap().to_owned();
    let expected = [
        "https://deno.land/x/data.json",
        "https://deno.land/x/greet@1.0.0/lib/name.ts",
        URL,
        "https://deno.land/x/text.txt",
        "https://esm.sh/suffix@2",
        "https://esm.sh/suffix@2/es/suffix.mjs",
    ];
    assert_eq!(specifiers(&data["dependencies"]), expected);
    let text = sha256("some text");
    assert_eq!(
        data["dependencies"][3]["integrity"],
        json!(format!("sha256-{text}"))
    );
    let info = sandbox.jelou("deployments info mi-funcion --json").run();
    assert_eq!(info.json()["data"]["dependencies"], data["dependencies"]);
    let shown = sandbox.jelou("deployments info mi-funcion --human").run();
    assert!(shown.stdout().contains(URL), "{shown}");

    web.remove_all();
    web.asked();
    let expected =
        json!({ "greeting": "ana!", "own": URL, "data": { "a": 1 }, "text": "some text" });
    let call = |server: &Server, path: &str| {
        let request = server.request("mi-funcion").get(path);
        request.token(&token).send()
    };
    assert_eq!(call(&server, "/").json(), expected);
    let server = web.behind(Serve::new(&sandbox)).on(&server.stop()).start();
    assert_eq!(call(&server, "/").json(), expected);
    assert_eq!(web.asked(), Vec::<String>::new());

    // A stack trace contains the module and its line.
    assert_eq!(call(&server, "/boom").status, 500);
    let line = eventually("the error in the log", || {
        let log = server.data.log();
        let line = log.lines().find(|line| line.contains("Error: boom"));
        line.map(str::to_owned)
    });
    assert!(line.contains(&format!("{URL}:5")), "{line}");
}

#[test]
fn types_of_remote_modules_are_checked() {
    let (sandbox, web) = (Sandbox::new(), Web::start());
    publish(&web);
    let _server = start(&sandbox, &web);
    sandbox.function(
        "mi-funcion",
        &format!("import {{ greet }} from \"{URL}\";\nconst wrong: number = greet();\nDeno.serve(() => new Response(String(wrong)));\n"),
    );
    let outcome = sandbox.jelou("deploy mi-funcion -y --check --json").run();
    assert_eq!(outcome.code, 7, "{outcome}");
    let message = outcome.json()["error"]["message"].to_string();
    assert!(message.contains("index.ts:2:7"), "{message}");
}

#[test]
fn what_is_not_allowed_is_named_with_its_host_and_the_setting() {
    let (sandbox, web) = (Sandbox::new(), Web::start());
    publish(&web);
    web.module("https://other.example/x.ts", "export default 1;")
        .redirect("https://deno.land/x/away.ts", "https://esm.sh/away")
        .redirect("https://esm.sh/away", "https://other.example/x.ts")
        .module(
            "https://deno.land/x/chain.ts",
            "\nexport * from \"https://other.example/x.ts\";",
        )
        .module(
            "https://deno.land/x/local.ts",
            "import \"file:///etc/passwd\";",
        )
        .module("https://deno.land/x/broken.ts", "export const = 1;");
    let _server = start(&sandbox, &web);
    let import = |url: &str| function("() => 1") + &format!("import \"{url}\";\n");
    let allowed = "this server allows modules from deno.land, esm.sh, jsr.io and not from `other.example` (egress.module_hosts)";
    for (url, expected) in [
        ("https://other.example/x.ts", allowed.to_owned()),
        (
            "https://deno.land/x/away.ts",
            format!("which redirects to `https://other.example/x.ts`; {allowed}"),
        ),
        (
            "https://deno.land/x/chain.ts",
            "`https://deno.land/x/chain.ts:2:15` imports `https://other.example/x.ts` (through `index.ts:7:8`), a remote module; this server".to_owned(),
        ),
        (
            "http://deno.land/x/plain.ts",
            "`index.ts:7:8` imports `http://deno.land/x/plain.ts`, which is not protected by TLS".to_owned(),
        ),
        (
            "https://deno.land/x/none.ts",
            "`index.ts:7:8` imports `https://deno.land/x/none.ts`, and `deno.land` has no such module".to_owned(),
        ),
        ("https://deno.land/x/local.ts", "https://deno.land/x/local.ts".to_owned()),
        ("https://deno.land/x/broken.ts", "https://deno.land/x/broken.ts:1:14".to_owned()),
    ] {
        let message = refused(&sandbox, &import(url));
        assert!(message.contains(&expected), "{url}: {message}");
        assert!(!message.contains("allow-import") && !message.contains("/tmp"), "{message}");
    }
    let asked = web.asked();
    assert!(
        !asked.iter().any(|url| url.contains("other.example")),
        "{asked:?}"
    );
}

#[test]
fn an_empty_list_turns_remote_modules_off() {
    let (sandbox, web) = (Sandbox::new(), Web::start());
    publish(&web);
    let serve = web.behind(Serve::new(&sandbox));
    let _server = serve.env("JELOU_EGRESS__MODULE_HOSTS", "[]").start();
    let message = refused(&sandbox, APPLICATION);
    assert!(
        message.contains("`index.ts:2:28` imports `https://deno.land/x/greet/mod.ts`, which is a remote module; this server allows none (egress.module_hosts is empty)"),
        "{message}"
    );
    assert_eq!(web.asked(), Vec::<String>::new());
}

#[test]
fn hosts_that_cannot_be_reached_and_limits() {
    let (sandbox, web) = (Sandbox::new(), Web::start());
    publish(&web);
    let serve = web.behind(Serve::new(&sandbox));
    let _server = serve
        .env("JELOU_LIMITS__MAX_REMOTE_MODULES", "5")
        .env(
            "JELOU_EGRESS__MODULE_HOSTS",
            "[\"deno.land\", \"esm.sh\", \"down.example\"]",
        )
        .start();
    let message = refused(&sandbox, APPLICATION);
    assert!(
        message.contains(
            "there are 6 remote modules; the limit is 5 modules (limits.max_remote_modules, a server setting)"
        ),
        "{message}"
    );
    // The certificate does not have this name.
    let message = refused(
        &sandbox,
        "import \"https://down.example/x.ts\";\nDeno.serve(() => new Response());",
    );
    assert!(
        message.contains("`index.ts:1:8` imports `https://down.example/x.ts`, which could not be downloaded from `down.example`"),
        "{message}"
    );
}

#[test]
fn a_lock_file_pins_the_content() {
    let (sandbox, web) = (Sandbox::new(), Web::start());
    publish(&web);
    let _server = start(&sandbox, &web);
    let source =
        format!("import {{ greet }} from \"{URL}\";\nDeno.serve(() => new Response(greet()));\n");
    let first = deployed(&sandbox, &source).json();
    let mut remote = serde_json::Map::new();
    for dependency in first["data"]["dependencies"].as_array().unwrap() {
        let digest = dependency["integrity"].as_str().unwrap();
        let digest = digest.strip_prefix("sha256-").unwrap();
        remote.insert(
            dependency["specifier"].as_str().unwrap().to_owned(),
            digest.into(),
        );
    }
    let lock = json!({ "version": "5", "remote": remote }).to_string();
    sandbox.file("mi-funcion/deno.lock", &lock);
    deployed(&sandbox, &format!("{source}\n"));
    let name = "https://deno.land/x/greet@1.0.0/lib/name.ts";
    web.module(
        name,
        "export const name = \"another\"; export const rename = 1;",
    );
    let message = refused(&sandbox, &format!("{source}// changed\n"));
    assert!(
        message.contains(&format!(
            "the content of `{name}` does not match `deno.lock`"
        )),
        "{message}"
    );
}

#[test]
fn packages_of_jsr() {
    let (sandbox, web) = (Sandbox::new(), Web::start());
    let files = [
        (
            "/mod.ts",
            "import { upper } from \"./upper.ts\";\nexport const shout = (text: string): string => upper(text) + \"!\";\n",
        ),
        (
            "/upper.ts",
            "export const upper = (text: string): string => text.toUpperCase();\n",
        ),
        ("/types.d.ts", "declare const nothing: string;\n"),
    ];
    let mut manifest = serde_json::Map::new();
    for (path, code) in files {
        web.module(&format!("https://jsr.io/@ana/shout/1.2.0{path}"), code);
        let digest = sha256(code);
        manifest.insert(
            path.to_owned(),
            json!({ "size": code.len(), "checksum": format!("sha256-{digest}") }),
        );
    }
    let meta = json!({ "scope": "ana", "name": "shout", "latest": "1.2.0", "versions": { "1.1.0": {}, "1.2.0": {} } });
    let version = json!({ "manifest": manifest, "exports": { ".": "./mod.ts", "./types.d.ts": "./types.d.ts" } });
    web.module("https://jsr.io/@ana/shout/meta.json", meta.to_string())
        .module(
            "https://jsr.io/@ana/shout/1.2.0_meta.json",
            version.to_string(),
        );
    let server = start(&sandbox, &web);
    sandbox.file(
        "mi-funcion/deno.json",
        r#"{"imports": {"@ana/shout": "jsr:@ana/shout@^1.1.0"}}"#,
    );
    let source = "import \"jsr:@ana/shout@1/types.d.ts\";\nimport { shout } from \"@ana/shout\";\nDeno.serve(() => new Response(shout(\"hola\")));\n";
    let outcome = deployed(&sandbox, source).json();
    assert_eq!(
        specifiers(&outcome["data"]["dependencies"]),
        ["jsr:@ana/shout@1.2.0"]
    );
    let token = outcome["data"]["token"].as_str().unwrap();
    let reply = server.request("mi-funcion").get("/").token(token).send();
    assert_eq!(reply.body, "HOLA!");
    let pages = web.remove_all();
    web.asked();
    let outcome = deployed(&sandbox, &format!("{source}// again\n")).json();
    assert_eq!(
        specifiers(&outcome["data"]["dependencies"]),
        ["jsr:@ana/shout@1.2.0"]
    );
    assert_eq!(web.asked(), Vec::<String>::new());
    web.put_back(pages);
    let message = refused(
        &sandbox,
        "import \"jsr:@ana/none@1\";\nDeno.serve(() => new Response());",
    );
    assert!(
        message
            .contains("`index.ts:1:8` imports `jsr:@ana/none@1`, and `jsr.io` has no such module"),
        "{message}"
    );
    let message = refused(
        &sandbox,
        "import \"jsr:@ana/shout@9\";\nDeno.serve(() => new Response());",
    );
    assert!(
        message.contains("`index.ts:1:8` imports `jsr:@ana/shout@9`"),
        "{message}"
    );
}

/// The next deploy uses the modules of the live deployment unchanged, without a download.
#[test]
fn a_redeploy_takes_the_modules_of_the_deployment_before() {
    let (sandbox, web) = (Sandbox::new(), Web::start());
    publish(&web);
    let server = start(&sandbox, &web);
    let first = deployed(&sandbox, APPLICATION).json();
    let token = first["data"]["token"].as_str().unwrap().to_owned();
    let greeting = |server: &Server| {
        let reply = server.request("mi-funcion").get("/").token(&token).send();
        reply.json()["greeting"].as_str().unwrap().to_owned()
    };
    // The URL without a version now leads to a newer version, and one host changes a module.
    let name = "https://deno.land/x/greet@1.0.0/lib/name.ts";
    let other = "export let name: string = \"eva\";\nexport const rename = (to: string) => void (name = to);\n";
    web.module(name, other)
        .redirect("https://deno.land/x/greet/mod.ts", "/x/greet@2.0.0/mod.ts")
        .module("https://deno.land/x/more.ts", "export const more = 1;\n");
    web.asked();
    let again = format!(
        "import {{ more }} from \"https://deno.land/x/more.ts\";\n{APPLICATION}\nconsole.log(more);\n"
    );
    let outcome = deployed(&sandbox, &again).json();
    assert_eq!(web.asked(), ["https://deno.land/x/more.ts"]);
    assert_eq!(greeting(&server), "ana!");
    assert_eq!(outcome["data"]["warnings"], json!([]), "{outcome}");

    // A restarted server still has the modules, although no host serves them.
    let pages = web.remove_all();
    let server = web.behind(Serve::new(&sandbox)).on(&server.stop()).start();
    deployed(&sandbox, &format!("{again}\n// comment\n"));
    assert_eq!(web.asked(), Vec::<String>::new());
    assert_eq!(greeting(&server), "ana!");
    web.put_back(pages);

    // `--reload` downloads all, also without another change, and names what has changed.
    web.redirect("https://deno.land/x/greet/mod.ts", "/x/greet@1.0.0/mod.ts");
    let outcome = deployed_with(&sandbox, &format!("{again}\n// comment\n"), "--reload").json();
    let warning = outcome["data"]["warnings"][0].as_str().unwrap();
    assert!(
        warning.ends_with(&format!("to keep the content:\n  {name}")),
        "{warning}"
    );
    assert_eq!(greeting(&server), "eva!");

    // After a rollback, the modules of the newer deployment are not those of the live one.
    let rolled = sandbox.jelou("rollback mi-funcion -y --json").run();
    assert_eq!(rolled.code, 0, "{rolled}");
    assert_eq!(greeting(&server), "ana!");
    web.asked();
    let outcome = deployed(&sandbox, &format!("{again}\n// another\n")).json();
    assert!(web.asked().contains(&name.to_owned()));
    assert!(
        outcome["data"]["warnings"][0]
            .as_str()
            .unwrap()
            .contains(name)
    );

    // The list of allowed hosts also applies to stored modules.
    let serve = web.behind(Serve::new(&sandbox)).on(&server.stop());
    let _server = serve
        .env("JELOU_EGRESS__MODULE_HOSTS", "[\"esm.sh\"]")
        .start();
    sandbox.function("mi-funcion", &format!("{again}\n// last\n"));
    let outcome = sandbox.jelou("deploy mi-funcion -y --json").run();
    assert_eq!(outcome.code, 7, "{outcome}");
    assert!(
        outcome.to_string().contains("not from `deno.land`"),
        "{outcome}"
    );
}

/// Import maps, and the stand-in of a module host that offers npm packages.
#[test]
fn import_maps_name_remote_modules() {
    let (sandbox, web) = (Sandbox::new(), Web::start());
    publish(&web);
    let server = start(&sandbox, &web);
    sandbox.file(
        "mi-funcion/deno.json",
        r#"{"imports": {"greet": "https://deno.land/x/greet/mod.ts", "greet/": "https://deno.land/x/greet@1.0.0/"}}"#,
    );
    let source = "import { greet } from \"greet\";\nimport { name } from \"greet/lib/name.ts\";\nDeno.serve(() => new Response(greet() + name));\n";
    let outcome = deployed(&sandbox, source).json();
    let token = outcome["data"]["token"].as_str().unwrap();
    let reply = server.request("mi-funcion").get("/").token(token).send();
    assert_eq!(reply.body, "ana!ana");
}

/// A folder of functions with a shared import map, and the server of the old standard library, which the runtime cannot
/// run.
#[test]
fn a_project_of_supabase_with_an_import_map() {
    let (sandbox, web) = (Sandbox::new(), Web::start());
    publish(&web);
    let server_url = "https://deno.land/std@0.168.0/http/server.ts";
    web.module(
        server_url,
        "export async function serve(handler: unknown) {\n  const listener = Deno.listen({ port: 8000 });\n  for await (const connection of listener) (Deno as any).serveHttp(connection);\n}\n",
    );
    let server = start(&sandbox, &web);
    sandbox
        .file("functions/import_map.json", r#"{"imports": {"greet/": "https://deno.land/x/greet@1.0.0/", "shared/": "./_shared/"}}"#)
        .file("functions/_shared/mark.ts", "export const mark = \"?\";\n")
        .file(
            "functions/hola/index.ts",
            format!("import {{ serve }} from \"{server_url}\";\nimport {{ greet }} from \"greet/mod.ts\";\nimport {{ mark }} from \"shared/mark.ts\";\n\nawait serve(() => new Response(greet() + mark));\n"),
        )
        .file("functions/jelou.json", r#"{"function": "hola", "entrypoint": "hola/index.ts"}"#);
    let outcome = sandbox.jelou("deploy functions -y --json").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let token = outcome.json()["data"]["token"].clone();
    let reply = server
        .request("hola")
        .get("/")
        .token(token.as_str().unwrap());
    assert_eq!(reply.send().body, "ana!?");
}
