//! Answers that need only the function's manifest start no process, for any caller.

use serde_json::json;

use crate::support::{Call, Sandbox, Serve, eventually};

const SOURCE: &str = r#"import { define, z } from "@jelou/functions";

export default define({
  name: "greet",
  description: "Greets",
  input: z.object({ name: z.string() }),
  config: { methods: ["POST"], path: "/greet" },
  handler: ({ name }) => ({ text: `Hi, ${name}` }),
});
"#;

#[test]
fn what_is_answered_without_the_function_starts_no_process() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .env("JELOU_LIMITS__BLANK_WORKERS", "0")
        .env("JELOU_LIMITS__MAX_BLANK_WORKERS", "0")
        .start();
    let token = sandbox.deploy("mi-funcion", SOURCE);
    eventually("the end of the process that looked at the function", || {
        server.data.workers().is_empty().then_some(())
    });

    let create = |flags: &str| {
        let created = sandbox.jelou(&format!("tokens create mi-funcion {flags} --json"));
        let token = created.run().json()["data"]["token"].clone();
        token.as_str().unwrap().to_owned()
    };
    let scoped = create("--name scoped --scope tool:another");
    let from_elsewhere = create("--name elsewhere --cidr 192.0.2.0/24");
    let used_up = create("--name used-up --rate 1/d");

    let request = || server.request("mi-funcion");
    let get = |path: &str| request().get(path);
    let preflight = |path: &str| {
        get(path)
            .method("OPTIONS")
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "POST")
    };
    let mcp = |method: &str, params: serde_json::Value| {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        request()
            .path("/mcp")
            .token(&token)
            .body(&message.to_string())
    };
    let modern = |method: &str| {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        mcp(method, json!({ "_meta": meta }))
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method)
    };
    let handshake = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    });
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet"}}"#;
    let without_function: Vec<(Call, u16)> = vec![
        (get("/__health"), 200),
        (get("/__health").method("HEAD"), 200),
        (get("/__health").method("OPTIONS"), 204),
        (request().path("/__health"), 405),
        (get("/openapi.json"), 200),
        (get("/openapi.json").method("HEAD"), 200),
        (get("/openapi.json").method("OPTIONS"), 204),
        (preflight("/greet"), 204),
        (preflight("/mcp"), 403),
        (get("/greet").method("OPTIONS").token(&token), 204),
        (request().path("/greet"), 401),
        (get("/greet").token(&token), 405),
        (get("/nowhere").token(&token), 404),
        (get("/mcp").token(&token), 405),
        (mcp("initialize", handshake), 200),
        (mcp("ping", json!({})), 200),
        (mcp("tools/list", json!({})), 200),
        (mcp("tools/call", json!({ "name": "unknown" })), 200),
        (modern("server/discover"), 200),
        (modern("tools/list"), 200),
        (request().path("/greet").token(&scoped), 403),
        (request().path("/mcp").token(&scoped).body(call), 403),
        (request().path("/greet").token(&from_elsewhere), 403),
        (get("/nowhere").token(&used_up), 404),
        (request().path("/greet").token(&used_up), 429),
    ];
    for (call, status) in without_function {
        let reply = call.send();
        assert_eq!(reply.status, status, "{reply:?}");
        let workers = server.data.workers();
        assert!(workers.is_empty(), "{workers:?} after {reply:?}");
    }

    let call = mcp(
        "tools/call",
        json!({ "name": "greet", "arguments": { "name": "Ana" } }),
    );
    assert!(call.send().body.contains("Hi, Ana"));
    assert_eq!(server.data.workers().len(), 1);
}
