//! Every template of `jelou init` deploys with its types checked, and answers. Needs the npm registry.

use serde_json::json;

use crate::support::{Reply, Sandbox, Serve, Server, deno};

fn start(sandbox: &Sandbox) -> Server {
    Serve::new(sandbox).with_registry().start()
}

/// Starts a project, and deploys it. Returns its token.
fn deployed(sandbox: &Sandbox, template: &str) -> String {
    let init = sandbox
        .jelou(&format!("init mi-{template} --template {template}"))
        .run();
    assert_eq!(init.code, 0, "{init}");
    let outcome = sandbox
        .jelou(&format!("deploy mi-{template} -y --check --json"))
        .run();
    assert_eq!(outcome.code, 0, "{template}: {outcome}");
    let data = &outcome.json()["data"];
    // A new project causes no warnings.
    let warnings: Vec<_> = data["warnings"].as_array().unwrap().iter().collect();
    let is_known = template == "fetch";
    assert!(warnings.is_empty() || is_known, "{template}: {warnings:?}");
    data["token"].as_str().unwrap().to_owned()
}

fn get(server: &Server, slug: &str, token: &str, path: &str) -> Reply {
    server.request(slug).get(path).token(token).send()
}

fn post(server: &Server, slug: &str, token: &str, path: &str, body: &str) -> Reply {
    server
        .request(slug)
        .path(path)
        .token(token)
        .body(body)
        .send()
}

#[test]
fn handlers_of_the_web() {
    let sandbox = Sandbox::new();
    let server = start(&sandbox);
    let token = deployed(&sandbox, "hono");
    let reply = get(&server, "mi-hono", &token, "/pedidos/7");
    assert_eq!(reply.json(), json!({ "pedido": "7" }));
    let reply = post(&server, "mi-hono", &token, "/pedidos", r#"{"a":1}"#);
    assert_eq!(
        (reply.status, reply.json()),
        (201, json!({ "recibido": { "a": 1 } }))
    );

    let token = deployed(&sandbox, "fetch");
    assert_eq!(get(&server, "mi-fetch", &token, "/").body, "Hola");
    let set = sandbox.jelou("secrets set mi-fetch SALUDO=Buenas").run();
    assert_eq!(set.code, 0, "{set}");
    assert_eq!(get(&server, "mi-fetch", &token, "/").body, "Buenas");
    assert_eq!(get(&server, "mi-fetch", &token, "/x").status, 404);

    let token = deployed(&sandbox, "supabase");
    let reply = post(&server, "mi-supabase", &token, "/", r#"{"nombre":"Ana"}"#);
    assert_eq!(reply.json(), json!({ "mensaje": "Hola, Ana" }));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
}

#[test]
fn definitions() {
    let sandbox = Sandbox::new();
    let server = start(&sandbox);
    deployed(&sandbox, "webhook");
    let set = sandbox
        .jelou("secrets set mi-webhook WEBHOOK_SECRET=un-secreto")
        .run();
    assert_eq!(set.code, 0, "{set}");
    // openssl dgst -sha256 -hmac un-secreto, of this body
    let body = r#"{"evento":"pago"}"#;
    let signature = signature(&sandbox, body);
    let call = |signature: &str| {
        let request = server.request("mi-webhook").body(body);
        request.header("x-hub-signature-256", signature).send()
    };
    assert_eq!(call(&signature).json(), json!({ "recibido": "pago" }));
    assert_eq!(call(&signature.replace("sha256=", "sha256=0")).status, 401);

    let token = deployed(&sandbox, "mcp");
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "buscarPedido", "arguments": { "numero": "P-1042" } } });
    let reply = post(&server, "mi-mcp", &token, "/mcp", &message.to_string()).json();
    assert!(reply["result"].to_string().contains("en camino"), "{reply}");

    let token = deployed(&sandbox, "cron");
    let reply = post(&server, "mi-cron", &token, "/", "{}");
    assert_eq!(
        reply.json(),
        json!({ "reporte": "listo", "origen": "http" })
    );
}

fn signature(sandbox: &Sandbox, body: &str) -> String {
    let script =
        format!("printf %s '{body}' | openssl dgst -sha256 -hmac un-secreto -r | cut -d ' ' -f 1");
    let outcome = sandbox.shell(&script);
    format!("sha256={}", outcome.stdout().trim())
}

#[test]
fn templates_are_formatted_and_do_not_overwrite() {
    let sandbox = Sandbox::new();
    let templates = ["hono", "fetch", "supabase", "webhook", "mcp", "cron"];
    for template in templates {
        let init = sandbox
            .jelou(&format!("init {template} --template {template}"))
            .run();
        assert_eq!(init.code, 0, "{init}");
        let again = sandbox
            .jelou(&format!("init {template} --template {template}"))
            .run();
        assert_eq!(again.code, 5, "{again}");
    }
    let deno = deno();
    let checked = sandbox.shell(&format!(
        "DENO_DIR=$HOME/deno {} fmt --check --ignore='**/.jelou/**' {}",
        deno.display(),
        templates.join(" ")
    ));
    assert_eq!(checked.code, 0, "{checked}");
    let link = sandbox.jelou("init x --mode link --template hono").run();
    assert_eq!(link.code, 7, "{link}");
    assert!(
        sandbox
            .read("supabase/jelou.json")
            .contains("functions/hola/index.ts")
    );
}
