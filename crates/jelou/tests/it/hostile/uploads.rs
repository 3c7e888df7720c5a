//! Hostile uploads. Each is refused with a reason that reveals no foreign data, and the live deployment stays
//! unchanged.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Failures, Hostile, Stage, hostile};
use crate::support::{Reply, Sandbox, eventually};

const WELL: Hostile = hostile!("well");

/// Texts that must not appear anywhere: the content of a file of the host, and the machine's token for its registry.
const SECRET: &str = "c0ffee-is-in-the-host-file";
const REGISTRY_TOKEN: &str = "npm_c0ffee1sTheRegistryToken";

struct Upload {
    name: &'static str,
    files: Vec<(String, String)>,
    entrypoint: Option<&'static str>,
    /// Whether the deploy also checks types.
    check: bool,
    status: u16,
    /// A part of the expected reason.
    reason: &'static str,
}

impl Upload {
    fn new(name: &'static str, code: &str, reason: &'static str) -> Self {
        Self {
            name,
            files: vec![("index.ts".to_owned(), module(code))],
            entrypoint: None,
            check: false,
            status: 422,
            reason,
        }
    }

    fn file(mut self, path: &str, content: impl Into<String>) -> Self {
        self.files.push((path.to_owned(), content.into()));
        self
    }

    /// Adds a line at the start of the first file.
    fn headed(mut self, line: &str) -> Self {
        self.files[0].1.insert_str(0, &format!("{line}\n"));
        self
    }

    fn checked(mut self) -> Self {
        self.check = true;
        self
    }

    /// Converts the upload to JavaScript.
    fn plain(mut self) -> Self {
        let (path, content) = &mut self.files[0];
        "index.js".clone_into(path);
        *content = content.replace("(globalThis as any)", "globalThis");
        self.entrypoint = Some("index.js");
        self
    }

    /// Expects that the server accepts the upload.
    fn taken(mut self) -> Self {
        self.status = 201;
        self
    }

    fn body(&self) -> Value {
        let files: Vec<_> = self
            .files
            .iter()
            .map(|(path, content)| json!({ "path": path, "content": content }))
            .collect();
        json!({ "files": files, "entrypoint": self.entrypoint, "check": self.check })
    }
}

/// A function that returns the value of `got`, if the code defines it.
fn module(code: &str) -> String {
    format!(
        "import {{ define }} from \"@jelou/functions\";\n{code}\n\
         export default define({{\n  description: \"Harm\",\n  config: {{ public: true }},\n  \
         handler: () => String((globalThis as any).got ?? \"nothing\"),\n}});\n"
    )
}

const OUTSIDE: &str = "outside the upload";
const FAILED: &str = "";

/// Attempts to make the build read a file of the host.
fn reading(host: &Path) -> Vec<Upload> {
    let host = host.to_str().unwrap();
    let climbing = format!("../../../../../../../../../..{host}");
    let import = |path: &str, kind: &str| {
        format!(
            "import got from \"{path}\" with {{ type: \"{kind}\" }};\n(globalThis as any).got = got;"
        )
    };
    // The bundler can compute these specifiers, but the import graph does not contain them.
    let folded = |path: &str, kind: &str| {
        format!(
            "const enum Place {{ Host = \"{path}\" }}\n\
             (globalThis as any).got = (await import(Place.Host, {{ with: {{ type: \"{kind}\" }} }})).default;"
        )
    };
    let chosen = format!(
        "(globalThis as any).got = (await import(Math.random() > 2 ? \"./own.ts\" : \"{host}\", {{ with: {{ type: \"text\" }} }})).default;"
    );
    vec![
        Upload::new("text", &import(host, "text"), OUTSIDE),
        Upload::new("bytes", &import(host, "bytes"), FAILED),
        Upload::new("JSON", &import(host, "json"), OUTSIDE),
        Upload::new("code", &format!("import \"{host}\";"), OUTSIDE),
        Upload::new("climbing", &import(&climbing, "text"), OUTSIDE),
        Upload::new("a file URL", &import(&format!("file://{host}"), "text"), OUTSIDE),
        Upload::new("a file URL with a host", &import(&format!("file://localhost{host}"), "text"), OUTSIDE),
        Upload::new("encoded dots", &import("./%2e%2e/deno.json", "json"), OUTSIDE),
        Upload::new("an encoded slash", &import("./..%2fdeno.json", "json"), OUTSIDE),
        Upload::new("its own configuration", &import("../deno.json", "json"), OUTSIDE),
        Upload::new("the environment", &import("/proc/self/environ", "text"), OUTSIDE),
        Upload::new("the registry's key", &import("../home/.npmrc", "text"), OUTSIDE),
        Upload::new("folded text", &folded(host, "text"), FAILED),
        Upload::new("folded bytes", &folded(host, "bytes"), FAILED),
        Upload::new("folded JSON", &folded(&format!("{host}.json"), "json"), FAILED),
        Upload::new("folded code", &folded(&format!("{host}.js"), "text"), FAILED),
        Upload::new("folded environment", &folded("/proc/self/environ", "bytes"), FAILED),
        Upload::new("folded hosts", &folded("/etc/hosts", "bytes"), "is not a valid module type"),
        Upload::new("folded key", &folded("../home/.npmrc", "bytes"), "is not a valid module type"),
        Upload::new("folded key as text", &folded("../home/.npmrc", "text"), "cannot be imported at run time"),
        Upload::new("chosen", &chosen, FAILED).file("own.ts", ""),
        Upload::new("required", &format!("(globalThis as any).got = require(\"{host}.json\");"), OUTSIDE).plain(),
        Upload::new("a reference", "", OUTSIDE)
            .headed(&format!("/// <reference path=\"{host}\" />"))
            .checked(),
        Upload::new("a type", &format!("type Got = import(\"{host}\").Got;"), OUTSIDE).checked(),
        Upload::new("types of its own", "", OUTSIDE)
            .headed(&format!("// @ts-self-types=\"{host}\""))
            .plain()
            .checked(),
        Upload::new("types for another", &format!("// @deno-types=\"{host}\"\nimport \"./own.js\";"), OUTSIDE)
            .file("own.js", "")
            .checked(),
        Upload::new("mapped", &import("host", "text"), "allowed are `npm:`")
            .file("deno.json", format!("{{\"imports\":{{\"host\":\"{host}\"}}}}")),
        Upload::new("mapped to a folder", &import("x/../../home/.npmrc", "text"), "does not map")
            .file("deno.json", r#"{"imports":{"x/":"./"}}"#),
        Upload::new("mapped in a scope", &import("host", "text"), "host")
            .file("deno.json", format!("{{\"scopes\":{{\"./\":{{\"host\":\"{host}\"}}}}}}")),
        Upload::new("a package in a file", &format!("import \"npm:x@file:{host}\";"), "Invalid package specifier"),
        Upload::new("a package by its path", &format!("import \"npm:../..{host}\";"), FAILED),
        Upload::new("read at once", &format!("(globalThis as any).got = Deno.readTextFileSync(\"{host}\");"), "functions see only their own files"),
        Upload::new("asked for", "if ((await Deno.permissions.request({ name: \"read\" })).state === \"granted\") throw new Error(\"granted\");", "")
            .taken(),
    ]
}

/// Modules whose import never ends.
fn endless() -> Vec<Upload> {
    vec![
        Upload::new("a loop", "while (true);", "(limits.startup_timeout_ms = "),
        Upload::new(
            "a wait",
            "await new Promise(() => {});",
            "(limits.startup_timeout_ms = ",
        ),
    ]
}

/// Attempts to keep the build busy or to misuse it.
fn others() -> Vec<Upload> {
    let cycle = |mut upload: Upload| {
        for number in 0..18 {
            let next = (number + 1) % 18;
            upload = upload.file(
                &format!("f{number}.ts"),
                format!("import {{ f{next} }} from \"./f{next}.ts\";\nexport const f{number} = () => f{next};"),
            );
        }
        upload
    };
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}{}", open.repeat(depth), close.repeat(depth))
    };
    vec![
        Upload::new("an end", "Deno.exit(0);", "a function cannot end its process"),
        Upload::new("a heap", "const all = [];\nwhile (true) all.push(new Array(1000).fill(all.length));", "the process ended while it imported"),
        Upload::new("a flood of lines", "for (let line = 0; line < 50_000; line++) console.log(\"line\", line);", "").taken(),
        Upload::new("a fetch", "await fetch(\"http://127.0.0.1:9999/\");", "there is no network while a deploy imports the module"),
        Upload::new("a fetch of a name", "await fetch(\"http://example.com/\");", "there is no network while a deploy imports the module"),
        Upload::new("a call of a function", "await fetch(\"http://well.fn.localhost/\");", "functions cannot be called from here"),
        Upload::new("a server", "Deno.listen({ port: 0 });", "does not listen on a port by itself"),
        Upload::new("a program", "new Deno.Command(\"/bin/sh\").spawn();", "functions cannot start other programs"),
        Upload::new("remote code", "import \"https://example.com/x.ts\";", "egress.module_hosts"),
        Upload::new("remote code of this machine", "import \"http://127.0.0.1:9999/x.ts\";", "is not protected by TLS"),
        Upload::new("a package at an address", "import \"npm:x@http://127.0.0.1:9999/x.tgz\";", "Invalid package specifier"),
        Upload::new("nested JSON", "import got from \"./deep.json\" with { type: \"json\" };\n(globalThis as any).got = got;", FAILED)
            .file("deep.json", nested("[", "]", 125_000)),
        Upload::new("nested code", &format!("(globalThis as any).got = {};", nested("[", "]", 100_000)), "the build ended with"),
        Upload::new("cycles of imports", "import { f0 } from \"./f0.ts\";\n(globalThis as any).got = typeof f0;", "").taken(),
        Upload::new("a configuration of its own", "", "").file("package.json", r#"{"name":"x","scripts":{"postinstall":"touch /tmp/jelou-hostile-install"},"dependencies":{"x":"file:/etc"}}"#).taken(),
        Upload::new("a workspace", "", "").file("deno.json", r#"{"workspace":["/etc"],"nodeModulesDir":"auto","imports":{}}"#).taken(),
        Upload::new("a configuration that is none", "", "cannot be read").file("deno.json", "{"),
        Upload::new("a nested configuration", "", "cannot be read").file("deno.json", nested("[", "]", 100_000)),
        Upload::new("a nested part of a configuration", "", "Maximum nesting depth").file("deno.json", format!("{{\"x\":{}}}", nested("[", "]", 100_000))),
        Upload::new("nested objects of a configuration", "", "Maximum nesting depth").file("deno.json", nested("{\"x\":", "}", 30_000)),
        Upload::new("a byte order mark", "", "").file("mark.ts", "\u{feff}export {};").taken(),
        Upload::new("half a character", "(globalThis as any).got = \"\\ud800\".length;", "").taken(),
        Upload::new("a name that climbs", "", "it contains `.` or `..`").file("../x.ts", ""),
        Upload::new("a name from the root", "", "absolute").file("/etc/cron.d/x.ts", ""),
        Upload::new("a name with an escape", "", "it contains a control character").file("a\u{1b}[2J.ts", ""),
        Upload::new("a name with a null", "", "it contains a control character").file("a\0.ts", ""),
        Upload::new("a name from right to left", "", "it contains an invisible character").file("a\u{202e}st.ts", ""),
        Upload::new("a hidden name", "", "hidden files").file(".npmrc.txt", "registry=http://127.0.0.1:9999"),
        Upload::new("a name of a package", "", "not deployed").file("node_modules/x/index.ts", ""),
        Upload::new("a name that is too long", "", "longer than 255 bytes").file(&format!("{}.ts", "a".repeat(300)), ""),
        Upload::new("a file that is a folder", "", "is both a file and a folder").file("a.ts", "").file("a.ts/b.ts", ""),
        Upload::new("a file twice", "", "is in the upload twice").file("a.ts", "").file("a.ts", ""),
        Upload::new("a program as a file", "", "").file("run.sh", "id").taken(),
    ]
    .into_iter()
    .map(|upload| match upload.name {
        "cycles of imports" => cycle(upload),
        _ => upload,
    })
    .collect()
}

fn assert_clean(reply: &Reply, told: &str) {
    for secret in [SECRET, REGISTRY_TOKEN, "root:x:0:0"] {
        assert!(!reply.body.contains(secret), "{told}");
    }
}

struct Host {
    /// Kept until the server ends, because it contains the files of the host.
    folder: tempfile::TempDir,
    stage: Stage,
}

impl Host {
    fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), readable).unwrap();
        std::fs::write(folder.path().join("host"), SECRET).unwrap();
        std::fs::write(
            folder.path().join("host.js"),
            format!("export default \"{SECRET}\";"),
        )
        .unwrap();
        std::fs::write(
            folder.path().join("host.json"),
            format!("{{\"secret\":\"{SECRET}\"}}"),
        )
        .unwrap();
        let sandbox = Sandbox::new();
        let npmrc = format!("//packages.example/:_authToken={REGISTRY_TOKEN}\n");
        std::fs::write(sandbox.home().join(".npmrc"), npmrc).unwrap();
        let stage = Stage::start_in(sandbox, settings);
        stage.deploy_all(&[WELL]);
        Self { folder, stage }
    }

    fn check(&self, upload: &Upload) {
        let reply = self.stage.upload("harm", &upload.body());
        let told = format!("{}: {reply:?}", upload.name);
        assert_clean(&reply, &told);
        assert_eq!(reply.status, upload.status, "{told}");
        if upload.status == 201 {
            // If the upload is accepted, the function's answer contains no foreign data either.
            let reply = self.stage.server.request("harm").send();
            assert_clean(&reply, &told);
            return;
        }
        let reason = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(reason.contains(upload.reason), "{told}");
        assert!(!reason.is_empty() && reason.len() < 4000, "{told}");
        let at_fault = "internal error; the log of the server";
        assert!(!reason.contains(at_fault), "{told}");
    }

    /// The live function is unchanged, no secret was stored, and no process or build folder remains.
    fn assert_well(&self) {
        assert_eq!(self.stage.call(WELL, &json!({})).body, "\"well\"");
        let data = self.stage.server.data.path();
        let mut kept = String::new();
        for artifact in std::fs::read_dir(data.join("artifacts")).unwrap() {
            kept += &std::fs::read_to_string(artifact.unwrap().path()).unwrap();
        }
        let _ = write!(kept, "{}", self.stage.server.data.log());
        for secret in [SECRET, REGISTRY_TOKEN, "root:x:0:0"] {
            assert!(!kept.contains(secret), "{secret}");
        }
        let builds: Vec<_> = std::fs::read_dir(data.join("run"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name.to_string_lossy().starts_with("build-"))
            .collect();
        assert!(builds.is_empty(), "{builds:?}");
        let mut processes = self.stage.server.data.processes();
        processes.retain(|process| process.command_line.contains("esbuild"));
        assert!(processes.is_empty(), "{processes:?}");
    }
}

#[test]
fn files_of_the_host() {
    // First with the sandbox, then with only the checks of the build.
    let checks_types = ("LIMITS__BUILD_TIMEOUT_MS", "600000");
    for settings in [
        &[checks_types][..],
        &[checks_types, ("SANDBOX__MODE", "off")],
    ] {
        let host = Host::start(settings);
        let failures = Failures::default();
        for upload in reading(&host.folder.path().join("host")) {
            let case = format!("{settings:?} {}", upload.name);
            failures.catch(&case, || host.check(&upload));
        }
        host.assert_well();
    }
}

#[test]
fn time_of_an_import() {
    let host = Host::start(&[("LIMITS__STARTUP_TIMEOUT_MS", "8000")]);
    let failures = Failures::default();
    for upload in endless() {
        failures.catch(upload.name, || host.check(&upload));
    }
    host.assert_well();
}

#[test]
fn memory_and_names() {
    let host = Host::start(&[
        ("LIMITS__STARTUP_TIMEOUT_MS", "20000"),
        ("LIMITS__MAX_HEAP_MIB", "48"),
        ("LIMITS__MAX_BODY_BYTES", "3900000"),
        ("LIMITS__MAX_MEMORY_MIB", "96"),
    ]);
    let failures = Failures::default();
    for upload in others() {
        failures.catch(upload.name, || host.check(&upload));
    }
    host.assert_well();
    assert!(!Path::new("/tmp/jelou-hostile-install").exists());
}

#[test]
fn time_of_a_build() {
    let stage = Stage::start(&[("LIMITS__BUILD_TIMEOUT_MS", "1")]);
    let files = json!([{ "path": "index.ts", "content": WELL.source }]);
    let reply = stage.upload("well", &json!({ "files": files }));
    assert_eq!(reply.status, 422, "{reply:?}");
    let reason = "the build did not finish within 1 ms (limits.build_timeout_ms, a server setting)";
    assert!(reply.body.contains(reason), "{reply:?}");
}

#[test]
fn sizes() {
    let host = Host::start(&[
        ("LIMITS__MAX_BUNDLE_BYTES", "100000"),
        ("LIMITS__MAX_UPLOAD_FILES", "20"),
        ("LIMITS__MAX_UPLOAD_FILE_BYTES", "262144"),
        ("LIMITS__MAX_UPLOAD_BYTES", "1048576"),
    ]);
    let send = |body: &Value| host.stage.upload("harm", body);
    let file = |path: &str, bytes: usize| json!({ "path": path, "content": "x".repeat(bytes) });
    let text = "const text = `".to_owned()
        + &"x".repeat(150_000)
        + "`;\n(globalThis as any).got = text.length;";
    let large = Upload::new(
        "a bundle over the limit",
        &text,
        "the limit is 100000 bytes (limits.max_bundle_bytes, a server setting)",
    );
    host.check(&large);

    let many: Vec<_> = (0..21)
        .map(|number| file(&format!("f{number}.ts"), 1))
        .collect();
    let cases = [
        (json!({ "files": many }), "the limit is 20"),
        (
            json!({ "files": [file("index.ts", 300_000)] }),
            "limits.max_upload_file_bytes",
        ),
        (
            json!({ "files": (0..5).map(|n| file(&format!("f{n}.ts"), 250_000)).collect::<Vec<_>>() }),
            "limits.max_upload_bytes",
        ),
        (json!({ "files": [] }), "no files"),
    ];
    for (body, reason) in cases {
        let reply = send(&body);
        assert_eq!(reply.status, 422, "{reply:?}");
        assert!(reply.body.contains(reason), "{reply:?}");
    }
    // The server does not read a too large body to its end. It decompresses no body, regardless of its headers.
    let huge = host
        .stage
        .management("/v1/functions/harm/deployments")
        .body(&"x".repeat(9 * 1024 * 1024));
    // If sending takes longer than the server reads, the client gets no answer.
    let huge = eventually("an answer to a large body", || huge.try_send().ok());
    assert_eq!(huge.status, 413, "{huge:?}");
    for encoding in ["gzip", "br", "zstd"] {
        let reply = host
            .stage
            .management("/v1/functions/harm/deployments")
            .header("content-encoding", encoding)
            .body("{}")
            .send();
        assert!(
            matches!(reply.status, 400 | 415 | 422),
            "{encoding}: {reply:?}"
        );
    }
    // Bodies that are not JSON or not valid text.
    for body in ["", "[", "\"\\ud800\"", &"[".repeat(100_000)] {
        let reply = host
            .stage
            .management("/v1/functions/harm/deployments")
            .body(body)
            .send();
        assert!(matches!(reply.status, 400 | 415 | 422), "{reply:?}");
    }
    host.assert_well();
}
