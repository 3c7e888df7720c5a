//! The protocol rules of `/mcp`. Whole conversations with real clients are tested in `tests/mcp`.
#![expect(
    clippy::needless_pass_by_value,
    reason = "what a test sends is written where it is sent"
)]

use serde_json::{Value, json};

use crate::support::{Call, Reply, TestServer, eventually, logged};

const MIXED: &str = r#"export default app({
  description: "Two tools",
  tools: {
    open: define({ description: "Open", config: { public: true }, handler: () => ({ open: true }) }),
    closed: define({ description: "Closed", handler: () => ({ closed: true }) }),
  },
});"#;
const PRIVATE: &str = r#"export default define({
  name: "echo", description: "Echoes", input: z.object({ text: z.string() }), handler: (input) => input,
});"#;

/// A tool that sets every field of its description.
const DESCRIBED: &str = r#"export default app({ config: { public: true }, tools: {
  findOrder: define({
    name: "find_order", description: "Finds an order",
    annotations: { title: "Find an order", readOnlyHint: true },
    input: z.object({ id: z.string().min(2).describe("Like P-1") }),
    output: z.object({ state: z.string() }),
    handler: ({ id }) => {
      if (id === "no") throw new Error("a secret of the developer");
      return id === "raw" ? { content: [{ type: "text", text: "a block" }] } : { state: "sent" };
    },
  }),
  hidden: define({ description: "Hidden", config: { mcp: false }, handler: () => 1 }),
} });"#;

fn message(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn post(server: &TestServer, slug: &str, message: &Value) -> Call {
    server.call(slug, "/mcp").json(message)
}

fn list(server: &TestServer, slug: &str) -> Call {
    post(server, slug, &message("tools/list", json!({})))
}

fn call_tool(server: &TestServer, slug: &str, name: &str, arguments: Value) -> Call {
    let params = json!({ "name": name, "arguments": arguments });
    post(server, slug, &message("tools/call", params))
}

/// A request of revision 2026-07-28 with all required fields.
fn modern(server: &TestServer, slug: &str, method: &str, mut params: Value) -> Call {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let mut call = post(server, slug, &message(method, params.clone()))
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method);
    if let Some(name) = params["name"].as_str() {
        call = call.header("mcp-name", name);
    }
    call
}

fn names(reply: &Reply) -> Vec<String> {
    let tools = reply.json()["result"]["tools"].clone();
    let tools = tools.as_array().unwrap_or_else(|| panic!("{reply:?}"));
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

fn assert_unauthorized(reply: &Reply) {
    assert_eq!(reply.status, 401, "{reply:?}");
    assert_eq!(reply.body, r#"{"error":"Unauthorized"}"#);
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(!challenge.contains("Bearer"), "{challenge}");
}

#[test]
fn a_private_function_tells_nothing_without_its_token() {
    let server = TestServer::start();
    let token = server.deploy("private", PRIVATE);
    let other = server.deploy("other", PRIVATE);
    let list = || list(&server, "private");
    for refused in [
        list(),
        list().token("jfn_rt_nonsense"),
        list().token(&other),
        list().token(&token).token(&token),
        list().header("authorization", &format!("Bearer {token}")),
        list().header("origin", "http://evil.example.com"),
        server.call("private", "/mcp"),
        server.call("private", &format!("/mcp?x-jelou-token={token}")),
        server.call("private", "/mcp").method("DELETE"),
        call_tool(&server, "private", "nothing", json!({})),
    ] {
        assert_unauthorized(&refused.send());
    }
    assert_eq!(names(&list().token(&token).send()), ["echo"]);
}

#[test]
fn without_a_token_only_what_is_public_is_there() {
    let server = TestServer::start();
    let token = server.deploy("mixed", MIXED);
    let list = || list(&server, "mixed");
    let call = |name: &str| call_tool(&server, "mixed", name, json!({}));
    assert_eq!(names(&list().send()), ["open"]);
    assert_eq!(names(&list().token(&token).send()), ["open", "closed"]);
    assert_unauthorized(&list().token("jfn_rt_nonsense").send());

    let open = call("open").send().json();
    assert_eq!(open["result"]["structuredContent"], json!({ "open": true }));
    assert_unauthorized(&call("closed").send());
    assert_unauthorized(&call("unknown").send());
    let closed = call("closed").token(&token).send().json();
    assert_eq!(
        closed["result"]["structuredContent"],
        json!({ "closed": true })
    );
    let unknown = call("unknown").token(&token).send();
    assert_eq!(unknown.status, 200);
    assert_eq!(unknown.json()["error"]["code"], -32602);

    let scope = |call: Call| call.send().json()["result"]["cacheScope"].clone();
    let modern_list = || modern(&server, "mixed", "tools/list", json!({}));
    assert_eq!(scope(modern_list()), "private");
    assert_eq!(scope(modern_list().token(&token)), "private");
}

#[test]
fn where_no_tool_is_for_mcp_there_is_none() {
    let server = TestServer::start();
    let source = r#"export default define({
      description: "No tool", config: { mcp: false }, handler: () => 1 });"#;
    let token = server.deploy("none", source);
    assert_unauthorized(&list(&server, "none").send());
    let reply = list(&server, "none").token(&token).send();
    assert_eq!(reply.status, 404);
    assert_eq!(reply.json()["error"], "Not found");
}

#[test]
fn only_post_is_answered() {
    let server = TestServer::start();
    let token = server.deploy("private", PRIVATE);
    for method in ["GET", "HEAD", "DELETE", "PUT", "PATCH"] {
        let call = server.call("private", "/mcp").method(method).token(&token);
        let reply = call.header("accept", "text/event-stream").send();
        assert_eq!(reply.status, 405, "{method}");
        assert_eq!(reply.header("allow"), Some("POST, OPTIONS"));
    }
}

#[test]
fn pages_of_others_are_refused() {
    let server = TestServer::start_with(|config| {
        config.mcp.allowed_origins = vec!["https://inspector.example.com".to_owned()];
    });
    let source = r#"export default app({
      config: { public: true, cors: { origin: ["*", "https://app.example.com"] } },
      tools: { t: define({ description: "T", handler: () => 1 }) },
    });"#;
    server.deploy("pages", source);
    let own = server.origin("pages");
    let from = |origin: &str| list(&server, "pages").header("origin", origin).send();
    for allowed in [
        own.as_str(),
        "http://localhost:6274",
        "http://127.0.0.1:3000",
        "https://app.example.com",
        "https://inspector.example.com",
    ] {
        assert_eq!(from(allowed).status, 200, "{allowed}");
    }
    for foreign in [
        "https://evil.example.com",
        "https://app.example.com.evil.example.com",
        "http://app.example.com",
        "null",
        "*",
    ] {
        let reply = from(foreign);
        assert_eq!(reply.status, 403, "{foreign}");
        let body = reply.json();
        assert_eq!(body["error"]["code"], -32600);
        assert_eq!(body.get("id"), None);
    }
    let preflight = |origin: &str| {
        server
            .call("pages", "/mcp")
            .method("OPTIONS")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "mcp-method,x-jelou-token")
            .send()
    };
    let allowed = preflight("https://inspector.example.com");
    assert_eq!(allowed.status, 204);
    assert_eq!(
        allowed.header("access-control-allow-headers"),
        Some("mcp-method,x-jelou-token")
    );
    assert_eq!(preflight("https://evil.example.com").status, 403);
}

#[test]
fn what_is_no_single_message_is_refused() {
    let server = TestServer::start_with(|config| config.limits.max_body_bytes = 2000);
    let token = server.deploy("private", PRIVATE);
    let call = || server.call("private", "/mcp").token(&token);
    let json = || call().header("content-type", "application/json");
    let ping = message("ping", json!({})).to_string();
    for (call, status, code) in [
        (json().body("{"), 400, -32700),
        (json().body("[]"), 400, -32600),
        (json().body(format!("[{ping}]")), 400, -32600),
        (
            json().body(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
            400,
            -32600,
        ),
        (
            call().header("content-type", "text/plain").body(&ping),
            415,
            -32600,
        ),
        (call().body(&ping), 415, -32600),
        (
            json().header("accept", "text/event-stream").body(&ping),
            406,
            -32600,
        ),
    ] {
        let reply = call.send();
        assert_eq!(reply.status, status, "{reply:?}");
        assert_eq!(reply.json()["error"]["code"], code, "{reply:?}");
    }
    let large = json().body(" ".repeat(3000)).send();
    assert_eq!(large.status, 413);
    assert_eq!(large.body, r#"{"error":"Payload too large"}"#);
}

#[test]
fn the_old_era_begins_with_a_handshake() {
    let server = TestServer::start();
    let token = server.deploy("mixed", MIXED);
    let initialize = |version: &str| {
        let params = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": {} });
        post(&server, "mixed", &message("initialize", params))
            .token(&token)
            .send()
    };
    for (wanted, given) in [
        ("2025-11-25", "2025-11-25"),
        ("2025-06-18", "2025-06-18"),
        ("2025-03-26", "2025-03-26"),
        ("2024-11-05", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
    ] {
        let reply = initialize(wanted);
        assert_eq!(reply.header("mcp-session-id"), None);
        let result = reply.json()["result"].clone();
        assert_eq!(result["protocolVersion"], given, "{wanted}");
        assert_eq!(result["capabilities"], json!({ "tools": {} }));
        assert_eq!(result["serverInfo"]["name"], "mixed");
        assert_eq!(result["instructions"], "Two tools");
    }
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let reply = post(&server, "mixed", &initialized).token(&token).send();
    assert_eq!((reply.status, reply.body.as_str()), (202, ""));
    let legacy = |method: &str, params: Value| {
        let call = post(&server, "mixed", &message(method, params)).token(&token);
        call.header("mcp-protocol-version", "2025-11-25").send()
    };
    assert_eq!(legacy("ping", json!({})).json()["result"], json!({}));
    let unknown = legacy("resources/list", json!({}));
    assert_eq!(
        (unknown.status, unknown.json()["error"]["code"].clone()),
        (200, json!(-32601))
    );
    let cursor = legacy("tools/list", json!({ "cursor": "x" }));
    assert_eq!(cursor.json()["error"]["code"], -32602);
    let list = legacy("tools/list", json!({})).json();
    assert_eq!(list["result"].as_object().unwrap().len(), 1);
    let version = list_with_version(&server, &token, "1999-01-01");
    assert_eq!(version.status, 400);
    assert_eq!(version.json()["error"]["data"]["requested"], "1999-01-01");
}

fn list_with_version(server: &TestServer, token: &str, version: &str) -> Reply {
    let call = list(server, "mixed").token(token);
    call.header("mcp-protocol-version", version).send()
}

#[test]
fn the_new_era_needs_no_handshake() {
    let server = TestServer::start();
    let token = server.deploy("mixed", MIXED);
    let ask = |method: &str, params: Value| {
        modern(&server, "mixed", method, params)
            .token(&token)
            .send()
    };
    let discovery = ask("server/discover", json!({})).json()["result"].clone();
    assert_eq!(discovery["resultType"], "complete");
    assert_eq!(
        discovery["supportedVersions"],
        json!(["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"])
    );
    let server_info = &discovery["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!(server_info["name"], "mixed");
    let called = ask("tools/call", json!({ "name": "closed" })).json()["result"].clone();
    assert_eq!(called["resultType"], "complete");
    assert_eq!(called["structuredContent"], json!({ "closed": true }));
    for gone in ["initialize", "ping", "subscriptions/listen"] {
        let reply = ask(gone, json!({}));
        assert_eq!(reply.status, 404, "{gone}");
        assert_eq!(reply.json()["error"]["code"], -32601);
    }
}

/// A call over MCP is the same as a call over HTTP: the function sees no difference.
#[test]
fn the_function_sees_an_ordinary_request() {
    let server = TestServer::start();
    let source = r#"export default define({
      description: "Shows", config: { path: "/shop/:id" },
      handler: (input, ctx, request) => ({
        input, id: ctx.requestId, params: ctx.params, method: ctx.method, path: ctx.path,
        url: request.url, headers: Object.fromEntries(request.headers),
      }),
    });"#;
    let token = server.deploy("seen", source);
    let call = modern(
        &server,
        "seen",
        "tools/call",
        json!({ "name": "seen", "arguments": { "id": "ñ 1", "x": 1 } }),
    );
    let reply = call
        .token(&token)
        .header("x-jelou-identity", "forged")
        .header("x-custom", "stays")
        .header("accept", "application/json, text/event-stream")
        .send();
    let seen = reply.json()["result"]["structuredContent"].clone();
    assert_eq!(seen["input"], json!({ "x": 1 }), "{reply:?}");
    assert_eq!(seen["params"], json!({ "id": "ñ 1" }));
    assert_eq!(seen["method"], "POST");
    assert_eq!(seen["path"], "/shop/%C3%B1%201");
    assert_eq!(
        seen["url"],
        format!("{}/shop/%C3%B1%201", server.origin("seen"))
    );
    assert_eq!(seen["id"].as_str(), reply.header("x-request-id"));
    let headers = seen["headers"].as_object().unwrap();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["x-custom"], "stays");
    for name in headers.keys() {
        assert!(
            !name.starts_with("x-jelou-") && !name.starts_with("mcp-"),
            "{name}"
        );
    }
}

#[test]
fn a_tool_is_listed_with_all_that_it_says() {
    let server = TestServer::start();
    server.deploy("described", DESCRIBED);
    let expected = json!([{
        "name": "find_order",
        "title": "Find an order",
        "description": "Finds an order",
        "inputSchema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": { "id": { "type": "string", "minLength": 2, "description": "Like P-1" } },
            "required": ["id"],
        },
        "outputSchema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": { "state": { "type": "string" } },
            "required": ["state"],
        },
        "annotations": { "title": "Find an order", "readOnlyHint": true },
    }]);
    let old = list(&server, "described").send().json()["result"].clone();
    assert_eq!(old, json!({ "tools": expected }));
    let call = modern(&server, "described", "tools/list", json!({}));
    let new = call.send().json()["result"].clone();
    assert_eq!(new["tools"], expected);
    assert_eq!(new["resultType"], "complete");
    assert!(new["ttlMs"].is_u64(), "{new}");
    assert_eq!(new["cacheScope"], "public");
}

#[test]
fn results_and_errors_are_a_tools_results() {
    let server = TestServer::start();
    server.deploy("described", DESCRIBED);
    let call = |id: &str| {
        let reply = call_tool(&server, "described", "find_order", json!({ "id": id })).send();
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["result"].clone()
    };
    let text = |text: &str| json!([{ "type": "text", "text": text }]);
    let result = json!({
        "content": text(r#"{"state":"sent"}"#),
        "structuredContent": { "state": "sent" },
        "isError": false,
    });
    assert_eq!(call("P-1"), result);
    let invalid = "Validation failed\n- id: String must contain at least 2 character(s)";
    let failed = "Internal function error";
    for (id, message) in [("P", invalid), ("no", failed)] {
        assert_eq!(
            call(id),
            json!({ "content": text(message), "isError": true })
        );
    }
    assert_eq!(call("raw")["content"], text("a block"));
}

#[test]
fn a_deploy_shows_at_once() {
    let server = TestServer::start();
    let token = server.deploy("changing", PRIVATE);
    let names = || names(&list(&server, "changing").token(&token).send());
    assert_eq!(names(), ["echo"]);
    server.deploy("changing", &PRIVATE.replace("echo", "renamed"));
    assert_eq!(names(), ["renamed"]);
}

/// An MCP function may call another MCP function, and a loop of such calls must end.
#[test]
fn a_loop_of_calls_over_mcp_ends() {
    let server = TestServer::start_with(|config| config.limits.max_hops = 3);
    let source = format!(
        r#"export default define({{
          description: "Calls itself", config: {{ public: true }},
          handler: async () => {{
            const answer = await fetch("{}/mcp", {{
              method: "POST", headers: {{ "content-type": "application/json" }},
              body: JSON.stringify({{ jsonrpc: "2.0", id: 1, method: "tools/call", params: {{ name: "loop" }} }}),
            }});
            return {{ status: answer.status, body: await answer.json() }};
          }},
        }});"#,
        server.origin("loop")
    );
    server.deploy("loop", &source);
    let reply = call_tool(&server, "loop", "loop", json!({})).send();
    assert!(reply.body.contains("Loop detected"), "{}", reply.body);
}

#[test]
fn results_have_a_limit() {
    let server = TestServer::start_with(|config| config.limits.max_body_bytes = 1000);
    let source = r#"export default define({
      name: "large", description: "Large", config: { public: true }, handler: () => "x".repeat(2000) });"#;
    server.deploy("large", source);
    let result = call_tool(&server, "large", "large", json!({}))
        .send()
        .json()["result"]
        .clone();
    assert_eq!(result["isError"], true);
    assert_eq!(
        result["content"][0]["text"],
        "The result is over the limit of 1000 bytes (limits.max_body_bytes, a server setting)"
    );
}

/// Inputs whose schemas have a composition at their root, or no properties.
const ROOTS: &str = r#"export default app({ config: { public: true }, tools: {
  union: define({ description: "x", handler: (input) => input, input: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("a"), x: z.string() }), z.object({ kind: z.literal("b"), y: z.number() }) ]) }),
  both: define({ description: "x", handler: (input) => input,
    input: z.object({ a: z.string() }).and(z.object({ b: z.string() })) }),
  nullable: define({ description: "x", handler: (input) => input, input: z.object({ a: z.string() }).nullable() }),
  text: define({ description: "x", handler: (input) => ({ input }), input: z.union([z.string(), z.number()]) }),
  record: define({ description: "x", handler: (input) => input, input: z.record(z.string(), z.number()) }),
  any: define({ description: "x", handler: (input) => input, input: z.any() }),
  none: define({ description: "x", handler: (input) => input }),
  either: define({ description: "x", handler: (input) => input,
    input: z.strictObject({ a: z.string() }).or(z.strictObject({ b: z.number() })) }),
  later: define({ description: "x", handler: (input) => input, input: z.lazy(() => z.object({ a: z.string() })) }),
  prepared: define({ description: "x", handler: (input) => input,
    input: z.preprocess((value) => value, z.object({ a: z.string() })) }),
  list: define({ description: "x", handler: (input) => ({ input }), input: z.tuple([z.string(), z.int()]) }),
  unknown: define({ description: "x", handler: (input) => input, input: z.unknown() }),
  loose: define({ description: "x", handler: (input) => input, input: z.looseObject({}) }),
} });"#;

#[test]
fn roots_are_objects_without_composition_that_can_be_called() {
    let server = TestServer::start();
    server.deploy("roots", ROOTS);
    let tools = list(&server, "roots").send().json()["result"]["tools"].clone();
    for tool in tools.as_array().unwrap() {
        let schema = &tool["inputSchema"];
        assert_eq!(schema["type"], "object", "{tool}");
        assert!(schema["properties"].is_object(), "{tool}");
        for keyword in ["anyOf", "oneOf", "allOf", "not", "enum", "const", "$ref"] {
            assert!(schema.get(keyword).is_none(), "{keyword}: {tool}");
        }
    }
    for (name, arguments, result) in [
        (
            "union",
            json!({ "kind": "b", "y": 1 }),
            json!({ "kind": "b", "y": 1 }),
        ),
        (
            "both",
            json!({ "a": "1", "b": "2" }),
            json!({ "a": "1", "b": "2" }),
        ),
        ("nullable", json!({ "a": "1" }), json!({ "a": "1" })),
        ("text", json!({ "input": "x" }), json!({ "input": "x" })),
        ("record", json!({ "a": 1 }), json!({ "a": 1 })),
        ("any", Value::Null, json!({})),
        ("none", Value::Null, json!({})),
        ("either", json!({ "b": 1 }), json!({ "b": 1 })),
        ("later", json!({ "a": "1" }), json!({ "a": "1" })),
        ("prepared", json!({ "a": "1" }), json!({ "a": "1" })),
        (
            "list",
            json!({ "input": ["x", 1] }),
            json!({ "input": ["x", 1] }),
        ),
        ("unknown", Value::Null, json!({})),
        ("loose", json!({ "b": [1] }), json!({ "b": [1] })),
    ] {
        let reply = call_tool(&server, "roots", name, arguments).send();
        assert_eq!(
            reply.json()["result"]["structuredContent"],
            result,
            "{name}: {reply:?}"
        );
    }
    // The text names the argument and what was expected, even if the arguments are not the input itself.
    for (name, arguments, issue) in [
        (
            "union",
            json!({ "kind": "b", "y": "no" }),
            "y: Expected number, received string",
        ),
        (
            "both",
            json!({ "a": "1", "b": 2 }),
            "b: Expected string, received number",
        ),
        ("text", json!({}), "input: Required"),
        (
            "text",
            json!({ "input": true }),
            "input: Invalid input, expected {\"type\":[\"string\",\"number\"]}",
        ),
        (
            "text",
            json!({ "texto": "x" }),
            "input: Invalid input, expected {\"type\":[\"string\",\"number\"]}",
        ),
    ] {
        let wrong = call_tool(&server, "roots", name, arguments).send();
        let text = wrong.json()["result"]["content"][0]["text"].clone();
        assert_eq!(text, format!("Validation failed\n- {issue}"), "{name}");
    }
}

/// Results that plain JSON cannot express.
const KINDS: &str = r#"export default app({ config: { public: true }, tools: {
  map: define({ description: "x", handler: () => new Map([["a", 1]]) }),
  stream: define({ description: "x", handler: async function* () { yield "one "; yield "two"; } }),
  lines: define({ description: "x", handler: function* () { yield { a: 1 }; yield { a: 2 }; } }),
  image: define({ description: "x", handler: () => new Blob(["png"], { type: "image/png" }) }),
} });"#;

#[test]
fn results_that_json_would_empty_are_content_or_errors() {
    let server = TestServer::start();
    server.deploy("kinds", KINDS);
    let result =
        |name: &str| call_tool(&server, "kinds", name, json!({})).send().json()["result"].clone();
    let map = result("map");
    assert_eq!(map["isError"], true, "{map}");
    assert_eq!(result("stream")["content"][0]["text"], "one two");
    assert_eq!(
        result("lines")["content"][0]["text"],
        "{\"a\":1}\n{\"a\":2}\n"
    );
    let image = json!([{ "type": "image", "data": "cG5n", "mimeType": "image/png" }]);
    assert_eq!(result("image")["content"], image);
}

/// One tool waits until it is aborted, and another tool reports this.
const WAITS: &str = r#"let started = 0, aborted = 0;
export default app({ config: { public: true }, tools: {
  wait: define({ description: "x", config: { timeout: 120000 }, handler: (_input, _ctx, request) => new Promise(() => {
    started++;
    request.signal.addEventListener("abort", () => aborted++);
  }) }),
  drip: define({ description: "x", config: { timeout: 120000 }, handler: async function* (_input, _ctx, request) {
    request.signal.addEventListener("abort", () => aborted++);
    yield "begun";
    started++;
    await new Promise(() => {});
  } }),
  state: define({ description: "x", handler: () => ({ started, aborted }) }),
} });"#;

#[test]
fn a_cancelled_call_is_aborted() {
    let server = TestServer::start();
    server.deploy("waits", WAITS);
    let state = || {
        let reply = call_tool(&server, "waits", "state", json!({})).send();
        reply.json()["result"]["structuredContent"].clone()
    };
    let wait_for = |expected: Value| {
        while state() != expected {
            std::thread::yield_now();
        }
    };
    let cancel = |id: Value| {
        let params = json!({ "requestId": id, "reason": "enough" });
        let message =
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
        assert_eq!(post(&server, "waits", &message).send().status, 202);
    };
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut message = message("tools/call", json!({ "name": "wait", "arguments": {} }));
            message["id"] = json!("seven");
            post(&server, "waits", &message).send()
        });
        wait_for(json!({ "started": 1, "aborted": 0 }));
        // The id of another request, and an unknown id.
        cancel(json!(7));
        cancel(json!("eight"));
        assert_eq!(state(), json!({ "started": 1, "aborted": 0 }));
        cancel(json!("seven"));
        wait_for(json!({ "started": 1, "aborted": 1 }));
        let reply = waiting.join().unwrap().json();
        assert_eq!(reply["id"], "seven");
        assert_eq!(reply["result"]["isError"], true, "{reply}");
    });
    // A call that has ended, and ids that no call can have.
    for id in [json!("seven"), Value::Null, json!({}), json!(1.5)] {
        cancel(id);
    }
    assert_eq!(state(), json!({ "started": 1, "aborted": 1 }));
    // Numbers, ids that only look alike, and a tool that has begun to stream.
    for (count, name, id, other) in [
        (2, "wait", json!(0), json!("0")),
        (3, "wait", json!("0"), json!(0)),
        (4, "drip", json!(-7), json!("-7")),
    ] {
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let mut message = message("tools/call", json!({ "name": name, "arguments": {} }));
                message["id"] = id.clone();
                post(&server, "waits", &message).send()
            });
            wait_for(json!({ "started": count, "aborted": count - 1 }));
            cancel(other);
            assert_eq!(
                state(),
                json!({ "started": count, "aborted": count - 1 }),
                "{id}"
            );
            cancel(id.clone());
            wait_for(json!({ "started": count, "aborted": count }));
            let reply = waiting.join().unwrap().json();
            let (answered, is_error) = (&reply["id"], &reply["result"]["isError"]);
            assert_eq!((answered, is_error), (&id, &json!(true)), "{reply}");
        });
    }
}

#[test]
fn large_messages_share_the_memory_of_bodies() {
    let server = TestServer::start_with(|config| config.limits.max_body_wait_ms = 50);
    let source = r#"const { promise, resolve } = Promise.withResolvers();
      export default app({ config: { public: true }, tools: {
        wait: define({ name: "wait", description: "Waits", input: z.object({ text: z.string() }),
          handler: async () => { globalThis.waits = true; await promise; return {}; } }),
        go: define({ name: "go", description: "Goes", handler: () => { resolve(); return {}; } }),
        asked: define({ name: "asked", description: "Tells", handler: () => ({ waits: globalThis.waits ?? false }) }),
      } });"#;
    server.deploy("patient", source);
    let large = json!({ "text": "x".repeat(9 * 1024 * 1024) });
    let call = |name: &str, arguments: &Value| {
        call_tool(&server, "patient", name, arguments.clone()).send()
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| call("wait", &large).status);
        eventually("the first message to be in the function", || {
            call("asked", &json!({}))
                .body
                .contains("true")
                .then_some(())
        });
        assert_eq!(call("wait", &large).status, 503);
        assert!(logged(&["patient", "limits.max_body_memory_mib"]));
        assert_eq!(call("go", &json!({})).status, 200);
        assert_eq!(first.join().unwrap(), 200);
    });
    // JSON that needs far more memory than its size when it is parsed.
    let dense = json!({ "text": vec![json!({}); 100_000] });
    assert_eq!(call("wait", &dense).status, 413);
}

#[test]
fn large_results_share_the_memory_of_the_server() {
    let server = TestServer::start_with(|config| {
        config.limits.max_body_wait_ms = 100;
        // One result of 9 MB.
        config.limits.max_mcp_memory_mib = 100;
    });
    // Numbers would take many times the memory of their text if they were parsed.
    let source = r#"const numbers = Array(4_500_000).fill(0);
      export default app({ config: { public: true }, tools: {
        numbers: define({ name: "numbers", description: "Many", handler: () => ({ numbers }) }),
        text: define({ name: "text", description: "Long", handler: () => "x".repeat(9_000_000) }),
        stream: define({ name: "stream", description: "Streams", handler: async function* () {
          for (let part = 0; part < 90; part++) yield "x".repeat(100_000);
        } }),
        small: define({ name: "small", description: "Short", handler: () => ({ ok: true }) }),
      } });"#;
    for slug in ["plenty", "other"] {
        server.deploy(slug, source);
    }
    let call = |slug: &str, name: &str| call_tool(&server, slug, name, json!({})).send().json();
    for (name, bytes) in [
        ("numbers", 9_000_000),
        ("text", 9_000_000),
        ("stream", 9_000_000),
    ] {
        let result = call("plenty", name);
        let text = result["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.len() >= bytes, "{name}: {}", text.len());
        assert_eq!(result["result"]["isError"], false, "{name}");
    }

    // The result for a caller who does not read stays in memory.
    let mut unread = server.wire();
    let message = message("tools/call", json!({ "name": "numbers", "arguments": {} })).to_string();
    let host = server.host("plenty");
    unread.send(format!(
        "POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nAccept: application/json\r\n\
         Content-Length: {}\r\n\r\n{message}",
        message.len()
    ));
    let refused = eventually("the refusal of a second large result", || {
        let result = call("other", "text")["result"].clone();
        (result["isError"] == true).then_some(result)
    });
    assert_eq!(refused["content"][0]["text"], "Function unavailable");
    assert!(logged(&["other", "limits.max_mcp_memory_mib"]));
    assert_eq!(call("other", "small")["result"]["isError"], false);
    drop(unread);
    eventually("the memory of the caller who went away", || {
        (call("other", "stream")["result"]["isError"] == false).then_some(())
    });
}
