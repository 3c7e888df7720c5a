//! Secrets in `process.env` and `Deno.env`, at the import of a deploy and in calls.

use serde_json::json;

use crate::support::{Sandbox, Server};

/// A function that creates a client at the top of its module, as SDKs require.
const CLIENT: &str = r#"import { define } from "@jelou/functions";
import { env } from "node:process";

const database = new URL(process.env.DATABASE_URL!);

export default define({
  description: "Client",
  handler: (_input, ctx) => [database.host, env.DATABASE_URL, Deno.env.get("DATABASE_URL"), ctx.env.get("DATABASE_URL")],
});
"#;

#[test]
fn a_client_at_the_top_of_a_module() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.function("mi-funcion", CLIENT);
    let deploy = || sandbox.jelou("deploy mi-funcion -y --human").run();
    let missing = deploy();
    assert_eq!(missing.code, 7, "{missing}");
    let told = missing.to_string();
    for part in [
        "The module cannot be imported: Invalid URL: 'undefined'",
        "It has read secrets that are not set:",
        "DATABASE_URL, at index.ts:4:",
        "To set them: jelou secrets set mi-funcion --create DATABASE_URL=...",
    ] {
        assert!(told.contains(part), "{told}");
    }

    let set = |host: &str| {
        let value = format!("postgres://{host}/db");
        let line = format!("secrets set mi-funcion DATABASE_URL={value} --create");
        let outcome = sandbox.jelou(&line).run();
        assert_eq!(outcome.code, 0, "{outcome}");
        json!([host, value, value, value]).to_string()
    };
    let expected = set("db.internal");
    let token = sandbox.deploy("mi-funcion", CLIENT);
    assert_eq!(
        server.call("mi-funcion", Some(&token), "{}"),
        (200, expected)
    );
    // A change takes effect with the next call.
    let expected = set("other.internal");
    assert_eq!(
        server.call("mi-funcion", Some(&token), "{}"),
        (200, expected)
    );
}

/// A secret that the import reads appears neither in `/openapi.json`, which is public, nor in the messages of a deploy.
#[test]
fn a_secret_does_not_leave_the_import() {
    let sandbox = Sandbox::new();
    let _server = Server::start(&sandbox);
    let set = sandbox
        .jelou("secrets set mi-funcion API_KEY=hunter2-hunter2 MODE=on --create")
        .run();
    assert_eq!(set.code, 0, "{set}");
    let deploy = |source: &str| {
        sandbox.function("mi-funcion", source);
        sandbox.jelou("deploy mi-funcion -y --human").run()
    };
    let described = deploy(
        "import { define } from \"@jelou/functions\";\n\
         export default define({ description: `Uses ${process.env.API_KEY}`, handler() {} });\n",
    );
    assert_eq!(described.code, 7, "{described}");
    let told = described.to_string();
    assert!(
        told.contains("the manifest contains the value of the secret API_KEY, in `description`"),
        "{told}"
    );
    let thrown = deploy("throw new Error(`bad key: ${process.env.API_KEY}`);\n");
    assert_eq!(thrown.code, 7, "{thrown}");
    let told = thrown.to_string();
    assert!(told.contains("bad key: [secret API_KEY]"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    let short = deploy(
        "import { define } from \"@jelou/functions\";\n\
         export default define({ description: `Mode ${process.env.MODE}`, handler() {} });\n",
    );
    assert_eq!(short.code, 0, "{short}");
}

#[test]
fn the_time_zone_is_a_secret() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let source = "import { define } from \"@jelou/functions\";\n\
                  export default define({ description: \"Hour\", handler: () => new Date(0).getHours() });\n";
    let token = sandbox.deploy("mi-funcion", source);
    let hour = || server.call("mi-funcion", Some(&token), "{}").1;
    assert_eq!(hour(), "0");
    let set = sandbox
        .jelou("secrets set mi-funcion TZ=America/Guayaquil")
        .run();
    assert_eq!(set.code, 0, "{set}");
    assert_eq!(hour(), "19");
}
