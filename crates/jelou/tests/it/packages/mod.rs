//! npm packages are part of the bundle: a request downloads nothing. Needs the npm registry.

pub(crate) mod case;
mod compatibility;
mod uploads;

use crate::support::{DataFolder, Sandbox, Serve, function};

#[test]
fn a_package_outlives_the_cache_that_it_came_from() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).with_registry().start();
    sandbox.file(
        "mi-funcion/deno.json",
        r#"{"imports": {"dayjs": "npm:dayjs@1.11.13"}}"#,
    );
    let source = function("() => ({ year: dayjs('2026-04-07').year() })");
    let token = sandbox.deploy(
        "mi-funcion",
        &format!("import dayjs from \"dayjs\";\n{source}"),
    );
    let answer = (200, r#"{"year":2026}"#.to_owned());
    assert_eq!(server.call("mi-funcion", Some(&token), "{}"), answer);

    let data = server.stop();
    let packages = cache(&data);
    assert!(holds_dayjs(&packages));
    std::fs::remove_dir_all(&packages).unwrap();
    let server = Serve::new(&sandbox).on(&data).start();
    assert_eq!(server.call("mi-funcion", Some(&token), "{}"), answer);
    assert!(!holds_dayjs(&packages));
}

/// Covers a file that only its owner may read (`combined-stream`, a dependency of `axios`), and a source map that names
/// its sources by URL (`domutils`).
#[test]
fn packages_as_they_are_published() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).with_registry().start();
    sandbox.file(
        "mi-funcion/deno.jsonc",
        "{\n  // Packages\n  \"imports\": {\n    \"axios\": \"npm:axios@1.7.9\",\n    \"domutils\": \"npm:domutils@3.2.2\",\n    \"hash\": \"node:crypto\",\n  },\n}\n",
    );
    let source = function(
        "() => ({ axios: typeof axios.get, text: textContent([]), hash: typeof createHash })",
    );
    let token = sandbox.deploy(
        "mi-funcion",
        &format!(
            "import axios from \"axios\";\nimport {{ textContent }} from \"domutils\";\nimport {{ createHash }} from \"hash\";\n{source}"
        ),
    );
    let answer = r#"{"axios":"function","text":"","hash":"function"}"#.to_owned();
    assert_eq!(server.call("mi-funcion", Some(&token), "{}"), (200, answer));
}

/// An axios error contains the whole request. Here egress refuses the request, and the handler does not catch the
/// error.
#[test]
fn errors_of_axios_are_logged_without_credentials() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).with_registry().start();
    sandbox.file(
        "mi-funcion/deno.json",
        r#"{"imports": {"axios": "npm:axios@1.7.9"}}"#,
    );
    let source = function(
        r#"async ({ way }) => {
          const secret = "s3cr3t-value";
          const url = "http://10.0.0.5/pedidos";
          if (way === 0) await axios.get(url, { headers: { Authorization: "Bearer " + secret } });
          if (way === 1) await axios.post(url, {}, { auth: { username: "ana", password: secret } });
          if (way === 2) await axios.create({ headers: { "X-Api-Key": secret, Cookie: "sid=" + secret } }).get(url);
          if (way === 3) await axios.get("http://ana:" + secret + "@10.0.0.5/pedidos");
        }"#,
    );
    let source = format!("import axios from \"axios\";\n{source}");
    let token = sandbox.deploy("mi-funcion", &source);
    for way in 0..4 {
        let body = format!("{{\"way\": {way}}}");
        let status = server.call("mi-funcion", Some(&token), &body).0;
        assert_eq!(status, 500, "{way}");
    }
    let log = server.stop().log();
    assert!(log.matches("AxiosError").count() >= 4, "{log}");
    assert!(!log.contains("s3cr3t"), "{log}");
}

/// ES modules of packages create their own `require` for `CommonJS` files.
#[test]
fn a_module_may_make_its_own_require() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).start();
    sandbox
        .file("mi-funcion/lib/doble.cjs", "module.exports = (n) => n * 2;")
        .file("mi-funcion/datos.json", r#"{"n": 21}"#)
        .file(
            "mi-funcion/own.ts",
            "import * as module from \"node:module\";\nconst require$1 = module.createRequire(import.meta.url);\n\
             export const doble = require$1(\"./lib/doble.cjs\");\n",
        );
    let source = function("() => doble(require('./datos.json').n)");
    let token = sandbox.deploy(
        "mi-funcion",
        &format!(
            "import {{ createRequire }} from \"node:module\";\nconst require = createRequire(import.meta.url);\n\
             import {{ doble }} from \"./own.ts\";\n{source}"
        ),
    );
    assert_eq!(
        server.call("mi-funcion", Some(&token), "{}"),
        (200, "42".to_owned())
    );
}

fn cache(data: &DataFolder) -> std::path::PathBuf {
    data.path().join("cache/deno/npm")
}

/// Whether the cache contains the package. The cache has one folder per registry.
fn holds_dayjs(packages: &std::path::Path) -> bool {
    std::fs::read_dir(packages)
        .into_iter()
        .flatten()
        .flatten()
        .any(|registry| registry.path().join("dayjs").is_dir())
}

/// Fonts that a package reads from its own folder, `CommonJS` that requires a module of Node, and a name for the
/// address.
#[test]
fn packages_read_the_files_beside_them() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).with_registry().start();
    sandbox.file(
        "mi-funcion/package.json",
        r#"{"dependencies": {"pdfkit": "0.15.2"}}"#,
    );
    let source = function(
        "async () => { const pdf = new PDF(); pdf.text('hola'); pdf.end(); let bytes = 0; \
         for await (const part of pdf) bytes += part.length; return { isLong: bytes > 500, own: __filename.endsWith('/function/index.ts') }; }",
    );
    let token = sandbox.deploy(
        "mi-funcion",
        &format!("import PDF from \"pdfkit\";\n{source}"),
    );
    let answer = r#"{"isLong":true,"own":true}"#.to_owned();
    assert_eq!(server.call("mi-funcion", Some(&token), "{}"), (200, answer));
}
