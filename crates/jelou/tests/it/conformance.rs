//! The same requests to the same project, served by `jelou dev` and deployed: the responses must be equal.

use serde_json::Value;

use crate::support::{Call, Dev, Reply, Sandbox, Server};

const SOURCE: &str = r#"import { app, define, response, z } from "@jelou/functions";
const input = z.object({ nombre: z.string().min(2), edad: z.number().int().optional() });
export default app({
  description: "Conformance",
  tools: {
    eco: define({ description: "Echo", input, output: z.object({ eco: z.string() }), handler: (input) => ({ eco: input.nombre }) }),
    leer: define({ description: "Reads", config: { methods: ["GET"] }, input: z.object({ id: z.string() }), handler: (input) => input }),
    ruta: define({ description: "Path", config: { path: "/clientes/:id/*", methods: ["GET", "PUT"] }, handler: (_input, ctx) => ({ params: ctx.params, path: ctx.path, query: ctx.query, method: ctx.method }) }),
    secreto: define({ description: "Secret", handler: (_input, ctx) => [ctx.env.get("CLAVE"), process.env.CLAVE, ctx.env.has("NO")] }),
    memoria: define({ description: "Memory", handler: async (_input, ctx) => { const n = (await ctx.memory.getJson<number>("n") ?? 0) + 1; await ctx.memory.setJson("n", n, 60); return n; } }),
    web: define({ description: "Web", config: { methods: ["GET"] }, handler: () => new Response("hecho", { status: 201, headers: { "x-propia": "sí?".replace("í", "i"), "set-cookie": "a=1" } }) }),
    respuesta: define({ description: "Response", handler: () => response.json({ ok: false }, { status: 418 }) }),
    flujo: define({ description: "Stream", config: { methods: ["GET"] }, handler: async function* () { yield "uno\n"; yield "dos\n"; } }),
    nada: define({ description: "Nothing", handler: () => undefined }),
    mapa: define({ description: "Not JSON", handler: () => new Map() }),
    lanza: define({ description: "Throws", handler: () => { throw new Error("boom"); } }),
    lenta: define({ description: "Slow", config: { timeout: 300 }, handler: () => new Promise(() => {}) }),
    red: define({ description: "Network", handler: async () => { try { await fetch("http://127.0.0.1:9/"); return "open"; } catch (error) { return String(error); } } }),
    archivo: define({ description: "Files", handler: () => { try { return Deno.readTextFileSync("/etc/passwd"); } catch (error) { return String(error); } } }),
    abierta: define({ description: "Public", config: { public: true, cors: { origin: ["https://app.example.com"] } }, handler: () => "abierta" }),
  },
});
"#;

/// The answer without the values that differ between two requests or two servers: ids, dates, ports.
fn comparable(reply: &Reply, hosts: &[&str]) -> (u16, Vec<(String, String)>, String) {
    let mut headers: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id" | "etag"))
        .cloned()
        .collect();
    headers.sort();
    // Only in development, the answer contains what a handler threw.
    let mut body = reply.body.clone();
    if reply.status == 500
        && let Ok(Value::Object(mut fields)) = serde_json::from_str(&body)
    {
        fields.retain(|name, _| !matches!(name.as_str(), "thrown" | "place" | "frame"));
        body = Value::Object(fields).to_string();
        headers.retain(|(name, _)| name != "content-length");
    }
    for host in hosts {
        body = body.replace(host, "HOST");
        for (_, value) in &mut headers {
            *value = value.replace(host, "HOST");
        }
    }
    if let Some(start) = body.find("\"version\":\"dep_") {
        body.replace_range(
            start..start + "\"version\":\"dep_01m8mvdchrmysjczn924xxz6x7".len(),
            "",
        );
    }
    // The length of the host differs.
    if body.contains("HOST") {
        headers.retain(|(name, _)| name != "content-length");
    }
    (reply.status, headers, body)
}

type Request = fn(Call) -> Call;

const REQUESTS: &[(&str, Request)] = &[
    ("a call", |call| {
        call.path("/eco").body(r#"{"nombre":"Ana"}"#)
    }),
    ("an invalid input", |call| {
        call.path("/eco").body(r#"{"nombre":"A","edad":1.5}"#)
    }),
    ("broken JSON", |call| call.path("/eco").body("{\"nombre\":")),
    ("another content type", |call| {
        call.path("/eco")
            .header("content-type", "text/plain")
            .body("hola")
    }),
    ("a form", |call| call.path("/eco").body("")),
    ("a query", |call| call.get("/leer?id=7&id=8")),
    ("a query without its field", |call| call.get("/leer")),
    ("HEAD", |call| call.get("/leer?id=7").method("HEAD")),
    ("another method", |call| call.path("/leer")),
    ("an unknown path", |call| call.get("/no/existe")),
    ("a path with parameters", |call| {
        call.get("/clientes/a%20b/c/d?x=1&x=2")
    }),
    ("a secret", |call| call.path("/secreto")),
    ("memory", |call| call.path("/memoria")),
    ("memory again", |call| call.path("/memoria")),
    ("a web response", |call| call.get("/web")),
    ("a built response", |call| call.path("/respuesta")),
    ("a stream", |call| call.get("/flujo")),
    ("nothing", |call| call.path("/nada")),
    ("a value that JSON would empty", |call| call.path("/mapa")),
    ("a thrown error", |call| call.path("/lanza")),
    ("a timeout", |call| call.path("/lenta")),
    ("a private address", |call| call.path("/red")),
    ("a file of the machine", |call| call.path("/archivo")),
    ("a large body", |call| {
        call.path("/eco").body_bytes(&vec![b' '; 11 * 1024 * 1024])
    }),
    ("a wrong token", |call| {
        call.path("/eco").token("jfn_rt_wrong")
    }),
    ("a preflight", |call| {
        let call = call.path("/abierta").method("OPTIONS").body("");
        call.header("origin", "http://localhost:5173")
            .header("access-control-request-method", "POST")
    }),
    ("the health", |call| call.get("/__health")),
    ("the OpenAPI document", |call| call.get("/openapi.json")),
    ("MCP: tools", |call| {
        mcp(call, r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)
    }),
    ("MCP: a call", |call| {
        mcp(
            call,
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"eco","arguments":{"nombre":"Ana"}}}"#,
        )
    }),
    ("MCP: an invalid call", |call| {
        mcp(
            call,
            r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"eco","arguments":{}}}"#,
        )
    }),
    ("MCP: an unknown method", |call| {
        mcp(call, r#"{"jsonrpc":"2.0","id":4,"method":"nada"}"#)
    }),
];

fn mcp(call: Call, body: &str) -> Call {
    call.path("/mcp")
        .header("accept", "application/json, text/event-stream")
        .body(body)
}

#[test]
fn development_answers_like_production() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.file(".env", "CLAVE=p$s\n");
    sandbox.file("index.ts", SOURCE);
    sandbox.file("jelou.json", r#"{"function": "mi-funcion"}"#);
    let deployed = sandbox.jelou("deploy -y --json").run();
    assert_eq!(deployed.code, 0, "{deployed}");
    let token = deployed.json()["data"]["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let set = sandbox
        .jelou("secrets set mi-funcion --from-env .env")
        .run();
    assert_eq!(set.code, 0, "{set}");
    let dev = Dev::start(&sandbox, "--token");
    dev.event("loaded");
    let dev_token = dev.token.clone().unwrap();
    let dev_host = dev.address.replace("127.0.0.1", "localhost");
    let host = server.host("mi-funcion");
    let own_host = format!("mi-funcion.fn.{dev_host}");
    let mut differences = Vec::new();
    for (what, request) in REQUESTS {
        let with_token = |call: Call, token: &str| {
            let call = request(call);
            if *what == "a wrong token" {
                call
            } else {
                call.token(token)
            }
        };
        let own = with_token(dev.request(), &dev_token).send();
        let deployed = with_token(server.request("mi-funcion"), &token).send();
        let hosts = [&host, &own_host, &dev_host].map(String::as_str);
        let (own, deployed) = (comparable(&own, &hosts), comparable(&deployed, &hosts));
        if own != deployed {
            differences.push(format!(
                "{what}:\n  dev      {own:?}\n  deployed {deployed:?}"
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    server.stop();
}
