//! The files of a project as people write them: what a deployment takes, what it leaves out, and what the function
//! reads.

use serde_json::json;

use crate::support::{Sandbox, Serve, Server, function};

struct Project {
    sandbox: Sandbox,
    server: Server,
}

impl Project {
    fn start() -> Self {
        let sandbox = Sandbox::new();
        let server = Serve::new(&sandbox).start();
        Self { sandbox, server }
    }

    /// Deploys the folder. Returns the result, which has the token.
    fn deploy(&self, slug: &str) -> serde_json::Value {
        let outcome = self
            .sandbox
            .jelou(&format!("deploy {slug} --function {slug} -y --json"))
            .run();
        assert_eq!(outcome.code, 0, "{outcome}");
        outcome.json()["data"].clone()
    }

    fn answer(&self, slug: &str, deployed: &serde_json::Value) -> String {
        let token = deployed["token"].as_str().unwrap();
        let (status, body) = self.server.call(slug, Some(token), "{}");
        assert_eq!(status, 200, "{body}");
        body
    }
}

fn paths(files: &serde_json::Value) -> Vec<&str> {
    let files = files.as_array().unwrap();
    files
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect()
}

#[test]
fn a_downloaded_deployment_is_not_deployed() {
    let project = Project::start();
    let source = function("() => \"uno\"");
    project
        .sandbox
        .file(
            "todo/jelou.json",
            r#"{"function": "todo", "assets": ["**"]}"#,
        )
        .file("todo/index.ts", source);
    let first = project.deploy("todo");
    let id = first["deploymentId"].as_str().unwrap();
    let folder = project.sandbox.project().join("todo");
    let binary = project.sandbox.binary();
    let script = format!(
        "cd {} && {} deployments download todo --json",
        folder.display(),
        binary.display()
    );
    let downloaded = project.sandbox.shell(&script);
    assert_eq!(downloaded.code, 0, "{downloaded}");
    assert!(folder.join(id).join("index.ts").is_file());
    assert_eq!(project.deploy("todo")["alreadyLive"], true);
}

#[test]
fn every_file_can_be_an_asset() {
    let project = Project::start();
    let source = function(
        "async () => [await Deno.readTextFile(\"./index.js\"), Deno.readTextFileSync(\"./package.json\")].map((text) => text.slice(0, 9))",
    );
    project
        .sandbox
        .file(
            "todo/jelou.json",
            r#"{"function": "todo", "entrypoint": "index.js", "assets": ["**"]}"#,
        )
        .file("todo/package.json", "{\"a\": \"b\"}")
        .file("todo/index.js", source);
    let deployed = project.deploy("todo");
    for _ in 0..2 {
        assert_eq!(
            project.answer("todo", &deployed),
            r#"["import { ","{\"a\": \"b\""]"#
        );
    }
}

#[test]
fn assets_are_read_by_path() {
    let project = Project::start();
    let source = function(
        "async () => ({\n\
           text: await Deno.readTextFile(new URL(\"./templates/correo.html\", import.meta.url)),\n\
           node: readFileSync(\"./templates/correo.html\", \"utf8\"),\n\
           bytes: [...Deno.readFileSync(\"templates/logo.png\")],\n\
           names: [...Deno.readDirSync(\"templates\")].map((entry) => entry.name).sort(),\n\
           saludo,\n\
         })",
    );
    project
        .sandbox
        .file(
            "correo/jelou.json",
            r#"{"function": "correo", "assets": ["templates"]}"#,
        )
        .file(
            "correo/index.ts",
            format!(
                "import {{ readFileSync }} from \"node:fs\";\nimport {{ saludo }} from \"./lib/saludo.ts\";\n{source}"
            ),
        )
        .file(
            "correo/lib/saludo.ts",
            "export const saludo = Deno.readTextFileSync(new URL(\"./saludo.txt\", import.meta.url));\n",
        )
        .file("correo/lib/saludo.txt", "hola")
        .file("correo/templates/correo.html", "<p>ñ</p>")
        .file("correo/templates/logo.png", [0x89, b'P', 0, 0xff])
        .file("correo/LICENSE", "");
    let deployed = project.deploy("correo");
    assert_eq!(
        project.answer("correo", &deployed),
        r#"{"text":"<p>ñ</p>","node":"<p>ñ</p>","bytes":[137,80,0,255],"names":["correo.html","logo.png"],"saludo":"hola"}"#
    );
    let kinds: Vec<_> = deployed["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            format!(
                "{} {}",
                file["path"].as_str().unwrap(),
                file["kind"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "index.ts module",
            "lib/saludo.ts module",
            "lib/saludo.txt asset",
            "templates/correo.html asset",
            "templates/logo.png asset",
        ]
    );
}

/// A file that the code mentions, but that is neither imported nor declared.
#[test]
fn a_file_that_is_not_declared() {
    let project = Project::start();
    let source = function("() => readFileSync(join(\".\", \"datos\", \"precios.csv\"), \"utf8\")");
    project
        .sandbox
        .file(
            "precios/index.ts",
            format!(
                "import {{ readFileSync }} from \"node:fs\";\nimport {{ join }} from \"node:path\";\n{source}"
            ),
        )
        .file("precios/datos/precios.csv", "a,b");
    let deployed = project.deploy("precios");
    assert_eq!(
        deployed["warnings"],
        json!([
            "`datos/precios.csv` was left out, although `index.ts` mentions it. If the function reads this file, add it to jelou.json: \"assets\": [\"datos/precios.csv\"]"
        ])
    );
}

/// Text of every kind, as editors on every system write it, and names with accents, spaces and emoji.
#[test]
fn modules_with_any_name() {
    let project = Project::start();
    let source = function("() => [saludo, texto, tabla, viejo, marca, ramo, módulo, común]");
    project
        .sandbox
        .file(
            "nombres/index.ts",
            format!(
                "import {{ saludo }} from \"./función.ts\";\n\
                 import texto from \"./lib/un texto.txt\" with {{ type: \"text\" }};\n\
                 import tabla from \"./tabla 😀.json\" with {{ type: \"json\" }};\n\
                 import {{ viejo }} from \"./Índice/viejo.mjs\";\n\
                 import {{ marca }} from \"./marca.ts\";\n\
                 import {{ ramo }} from \"./100%.ts\";\n\
                 import {{ módulo }} from \"./modulo.mts\";\n\
                 import {{ común }} from \"./comun.cts\";\n{source}"
            ),
        )
        // The form of the name on macOS.
        .file(
            "nombres/funcio\u{301}n.ts",
            "export const saludo = \"hola\";\r\n",
        )
        .file("nombres/lib/un texto.txt", "uno\r\ndos")
        .file("nombres/tabla 😀.json", "[1]")
        .file("nombres/Índice/viejo.mjs", "export const viejo = 2;")
        .file(
            "nombres/marca.ts",
            "\u{feff}export const marca: string = \"bom\";",
        )
        .file("nombres/100%.ts", "export const ramo = 3;")
        .file("nombres/modulo.mts", "export const módulo: number = 4;")
        .file("nombres/comun.cts", "exports.común = 5 as number;")
        .file("nombres/índice/VIEJO.mjs", "syntax error");
    let deployed = project.deploy("nombres");
    assert_eq!(
        project.answer("nombres", &deployed),
        r#"["hola","uno\r\ndos",[1],2,"bom",3,4,5]"#
    );
    assert_eq!(
        paths(&deployed["files"]),
        [
            "100%.ts",
            "comun.cts",
            "función.ts",
            "index.ts",
            "lib/un texto.txt",
            "marca.ts",
            "modulo.mts",
            "tabla 😀.json",
            "Índice/viejo.mjs",
        ]
    );
}

/// The next deploy of a project shows every import that is wrong, at its place in a file with any name.
#[test]
fn all_problems_at_once() {
    let project = Project::start();
    project
        .sandbox
        .file(
            "malo/index.ts",
            "import \"./función.ts\";\nimport \"./falta.ts\";\nimport \"lodash\";\n",
        )
        .file("malo/función.ts", "import \"./otra falta.ts\";\n")
        .file("malo/sin uso.ts", "import \"./tampoco.ts\"; syntax error\n");
    let outcome = project
        .sandbox
        .jelou("deploy malo --function malo -y --human")
        .run();
    assert_eq!(outcome.code, 7, "{outcome}");
    for line in [
        "3 problems:",
        "`index.ts:2:8` imports `./falta.ts`, which is not among the files",
        "`index.ts:3:8` imports `lodash`",
        "`función.ts:1:8` imports `./otra falta.ts`, which is not among the files",
    ] {
        assert!(outcome.to_string().contains(line), "{line}: {outcome}");
    }
    assert!(!outcome.to_string().contains("tampoco"), "{outcome}");
}

/// Code in another encoding: the message says so, and only if something imports the file.
#[test]
fn code_that_is_not_utf_8() {
    let project = Project::start();
    project
        .sandbox
        .file("latino/index.ts", function("() => 1"))
        .file("latino/viejo.ts", b"export const a = \"ni\xf1o\";\n");
    let deployed = project.deploy("latino");
    assert_eq!(project.answer("latino", &deployed), "1");

    let utf_16: Vec<u8> = "\u{feff}export {};"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    project
        .sandbox
        .file(
            "latino/index.ts",
            format!(
                "import \"./viejo.ts\";\nimport \"./ventanas.ts\";\n{}",
                function("() => 1")
            ),
        )
        .file("latino/ventanas.ts", utf_16);
    let outcome = project
        .sandbox
        .jelou("deploy latino --function latino -y --replace --human")
        .run();
    assert_eq!(outcome.code, 7, "{outcome}");
    for line in [
        "`viejo.ts` is not UTF-8 text (line 1)",
        "`ventanas.ts` is UTF-16",
    ] {
        assert!(outcome.to_string().contains(line), "{line}: {outcome}");
    }
}

/// 30 MB in many files, most of them used.
#[test]
fn a_project_of_many_large_files() {
    let project = Project::start();
    let line = format!("// {}\n", "x".repeat(97));
    let imports: Vec<_> = (0..150)
        .map(|number| format!("import \"./lib/f{number}.ts\";\n"))
        .collect();
    for number in 0..150 {
        let code = format!("{}export const f{number} = {number};\n", line.repeat(2000));
        project
            .sandbox
            .file(&format!("grande/lib/f{number}.ts"), code);
    }
    project
        .sandbox
        .file(
            "grande/jelou.json",
            r#"{"function": "grande", "assets": ["*.bin"]}"#,
        )
        .file("grande/datos.bin", vec![0xff; 9 << 20])
        .file(
            "grande/index.ts",
            format!(
                "{}{}",
                imports.concat(),
                function("() => Deno.statSync(\"datos.bin\").size")
            ),
        );
    let deployed = project.deploy("grande");
    assert_eq!(project.answer("grande", &deployed), (9 << 20).to_string());
    assert_eq!(paths(&deployed["files"]).len(), 152);
}

/// Every extension of code, JSON with comments in the configuration, and imports of JSON, text, bytes and WebAssembly.
#[test]
fn every_kind_of_module() {
    // A module that exports `answer`, a function that returns 42.
    const WASM: &[u8] = b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x03\x02\x01\0\x07\x0a\x01\x06answer\0\0\x0a\x06\x01\x04\0\x41\x2a\x0b";
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let config = "{\n  // How JSX is compiled\n  \"compilerOptions\": { \"jsx\": \"react\", \"jsxFactory\": \"h\", },\n}\n";
    let h = "export const h = (tag: string, props: any, ...inner: any[]): string => `<${tag}${props?.id ?? \"\"}>${inner.join(\"\")}`;\n";
    let source = r#"
import { tsx } from "./a.tsx";
import { jsx } from "./b.jsx";
import { mjs } from "./c.mjs";
import cjs from "./d.cjs";
import { cts } from "./e.cts";
import data from "./data/f.json" with { type: "json" };
import text from "./data/g.txt" with { type: "text" };
import bytes from "./data/h.bin" with { type: "bytes" };
import { answer } from "./data/i.wasm";

Deno.serve(() => Response.json({ tsx, jsx, mjs, cjs: cjs.value, cts, data, text, bytes: [...bytes], wasm: answer() }));
"#;
    sandbox
        .file(
            "mi-funcion/jelou.json",
            r#"{"function": "mi-funcion", "entrypoint": "main.mts"}"#,
        )
        .file("mi-funcion/deno.jsonc", config)
        .file("mi-funcion/main.mts", source)
        .file("mi-funcion/h.ts", h)
        .file(
            "mi-funcion/a.tsx",
            "import { h } from \"./h.ts\";\nexport const tsx: string = <b id=\"1\">x</b>;\n",
        )
        .file(
            "mi-funcion/b.jsx",
            "import { h } from \"./h.ts\";\nexport const jsx = <i>{\"y\"}</i>;\n",
        )
        .file(
            "mi-funcion/c.mjs",
            "export const mjs = import.meta.url.endsWith(\"/c.mjs\");\n",
        )
        .file(
            "mi-funcion/d.cjs",
            "const { sep } = require(\"path\");\nmodule.exports = { value: sep };\n",
        )
        .file("mi-funcion/e.cts", "export const cts: number = 5;\n")
        .file("mi-funcion/data/f.json", "{\"a\": 1}")
        .file("mi-funcion/data/g.txt", "a text\n")
        .file("mi-funcion/data/h.bin", [0, 255, 10])
        .file("mi-funcion/data/i.wasm", WASM);
    let outcome = sandbox.jelou("deploy mi-funcion -y --json").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let data = &outcome.json()["data"];
    assert_eq!(data["warnings"], json!([]));
    let token = data["token"].as_str().unwrap();
    let reply = server.request("mi-funcion").get("/").token(token).send();
    assert_eq!(
        reply.json(),
        json!({
            "tsx": "<b1>x", "jsx": "<i>y", "mjs": true, "cjs": "/", "cts": 5, "data": { "a": 1 },
            "text": "a text\n", "bytes": [0, 255, 10], "wasm": 42,
        })
    );
}
