//! Functions with schemas of other libraries than the SDK's: deployed, called with valid and invalid input, and
//! described for OpenAPI and MCP. Needs the npm registry.

use serde_json::{Value, json};

use crate::support::{Sandbox, Serve, Server};

struct Library {
    slug: &'static str,
    /// The package's entry in `deno.json`.
    package: (&'static str, &'static str),
    import: &'static str,
    /// An object with an e-mail address `correo`, an optional number `edad`, and a date `desde`.
    schema: &'static str,
    /// The expected details for `{"correo": "ana", "edad": "x"}`.
    details: Value,
}

fn libraries() -> [Library; 3] {
    [
        Library {
            slug: "con-zod-3",
            package: ("zod", "npm:zod@3.25.76"),
            import: r#"import { z } from "zod";"#,
            schema: "z.object({ correo: z.string().email(), edad: z.number().optional(), desde: z.date().optional() })",
            details: json!([
                { "path": ["correo"], "message": "Invalid email", "code": "invalid_string" },
                { "path": ["edad"], "message": "Expected number, received string", "code": "invalid_type" },
            ]),
        },
        Library {
            slug: "con-valibot",
            package: ("valibot", "npm:valibot@1.5.0"),
            import: r#"import * as v from "valibot";"#,
            schema: "v.object({ correo: v.pipe(v.string(), v.email()), edad: v.optional(v.number()), desde: v.optional(v.date()) })",
            details: json!([
                { "path": ["correo"], "message": "Invalid email: Received \"ana\"", "code": "custom" },
                { "path": ["edad"], "message": "Invalid type: Expected number but received \"x\"", "code": "custom" },
            ]),
        },
        Library {
            slug: "con-arktype",
            package: ("arktype", "npm:arktype@2.2.9"),
            import: r#"import { type } from "arktype";"#,
            schema: r#"type({ correo: "string.email", "edad?": "number", "desde?": "Date" })"#,
            details: json!([
                { "path": ["correo"], "message": "correo must be an email address (was \"ana\")", "code": "pattern" },
                { "path": ["edad"], "message": "edad must be a number (was a string)", "code": "domain" },
            ]),
        },
    ]
}

#[test]
fn schemas_of_other_libraries() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).with_registry().start();
    for library in libraries() {
        let token = deploy(&sandbox, &library);
        validates(&server, &token, &library);
        describes(&server, &token, library.slug);
    }
}

fn deploy(sandbox: &Sandbox, library: &Library) -> String {
    let Library { slug, import, .. } = library;
    let (name, version) = library.package;
    let imports = json!({ "imports": { name: version } });
    sandbox
        .file(&format!("{slug}/deno.json"), imports.to_string())
        .function(
            slug,
            &format!(
                "import {{ define }} from \"@jelou/functions\";\n{import}\n\n\
                 export default define({{ name: \"registrar\", description: \"Registra\", input: {}, \
                 handler: (input) => input }});\n",
                library.schema
            ),
        );
    let outcome = sandbox.jelou(&format!("deploy {slug} -y --json")).run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let data = outcome.json()["data"].clone();
    // JSON Schema cannot express a date.
    let warnings = data["warnings"].to_string();
    assert!(warnings.contains("date-time"), "{slug}: {warnings}");
    data["token"].as_str().unwrap().to_owned()
}

fn validates(server: &Server, token: &str, library: &Library) {
    let call = |body: &str| server.call(library.slug, Some(token), body);
    let valid = r#"{"correo":"ana@example.com","edad":30}"#;
    assert_eq!(call(valid), (200, valid.to_owned()));
    let (status, body) = call(r#"{"correo":"ana","edad":"x"}"#);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, body),
        (
            400,
            json!({ "error": "Validation failed", "details": library.details })
        )
    );
}

fn describes(server: &Server, token: &str, slug: &str) {
    let document = server.request(slug).get("/openapi.json").send().json();
    let in_openapi = &document["components"]["schemas"]["registrar_input"];
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let list = server.request(slug).path("/mcp").token(token).body(list);
    let tools = list.send().json()["result"]["tools"].clone();
    let in_mcp = &tools[0]["inputSchema"];
    for schema in [in_openapi, in_mcp] {
        assert_eq!(schema["type"], "object", "{slug}: {schema}");
        assert_eq!(schema["required"], json!(["correo"]), "{slug}");
        let properties = &schema["properties"];
        assert_eq!(properties["correo"]["format"], "email", "{slug}: {schema}");
        assert_eq!(properties["edad"]["type"], "number", "{slug}");
        assert_eq!(properties["desde"]["format"], "date-time", "{slug}");
    }
}
