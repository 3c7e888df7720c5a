//! Answers to callers: the exact answers of the platform, the conversion of a handler's result, and the headers of
//! every response.

use serde_json::json;

use crate::support::{Reply, TestServer, eventually, logged};

const TOOLS: &str = r#"export default app({ tools: {
  sendEmail: define({
    description: "Sends", input: z.object({ email: z.string().email() }), config: { methods: ["POST"] },
    handler: () => ({ sent: true }),
  }),
  fail: define({ description: "Fails", handler: () => { throw new Error("told to the developer alone") } }),
  slow: define({ description: "Hangs", config: { timeout: 200 }, handler: () => new Promise(() => {}) }),
  loop: define({ description: "Calls itself", handler: async (_input, ctx) =>
    await fetch("ORIGIN/loop", { headers: { "X-Jelou-Token": ctx.query.token } }) }),
} });"#;

/// Checks that the answer contains nothing of the function, and that a web page can read it.
pub(crate) fn assert_platforms_answer(reply: &Reply, status: u16, body: &str) {
    assert_eq!((reply.status, reply.body.as_str()), (status, body));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_carries_the_headers_of_every_response(reply);
}

fn assert_carries_the_headers_of_every_response(reply: &Reply) {
    let id = reply.header("x-request-id").unwrap();
    assert_eq!(id.len(), 36, "{id}");
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(reply.header("x-frame-options"), Some("DENY"));
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
}

#[test]
fn the_platforms_answers() {
    let server = TestServer::start_with(|config| {
        config.limits.max_body_bytes = 1000;
        config.limits.max_hops = 2;
    });
    let source = TOOLS.replace("ORIGIN", &server.origin("answers"));
    let token = server.deploy("answers", &source);
    let call = |path: &str| server.call("answers", path).token(&token);
    let send = |body: &str| {
        call("/send-email")
            .header("content-type", "application/json")
            .body(body)
    };
    let invalid = r#"{"error":"Validation failed","details":[{"path":["email"],"message":"Invalid email","code":"invalid_string"}]}"#;
    let invalid_json = r#"{"error":"Invalid JSON","details":[{"path":[],"message":"The body is not JSON: it ends too early: } is missing (line 1, column 2)","code":"custom"}]}"#;
    let not_found =
        r#"{"error":"Not found","availableRoutes":["/send-email","/fail","/slow","/loop"]}"#;
    for (call, status, body) in [
        (send(r#"{"email":"x"}"#), 400, invalid),
        (send("{"), 400, invalid_json),
        (
            server.call("answers", "/send-email").body("{}"),
            401,
            r#"{"error":"Unauthorized"}"#,
        ),
        (call("/nowhere"), 404, not_found),
        (
            server.call("nobody", "/"),
            404,
            r#"{"error":"Function not found"}"#,
        ),
        (
            call("/send-email"),
            405,
            r#"{"error":"Method not allowed"}"#,
        ),
        (
            send(&"1".repeat(1001)),
            413,
            r#"{"error":"Payload too large"}"#,
        ),
        (call("/fail"), 500, r#"{"error":"Internal function error"}"#),
        (call("/slow"), 504, r#"{"error":"Function timed out"}"#),
        (
            call(&format!("/loop?token={token}")),
            508,
            r#"{"error":"Loop detected"}"#,
        ),
    ] {
        assert_platforms_answer(&call.send(), status, body);
    }
    let valid = send(r#"{"email":"ana@example.com"}"#).send();
    assert_platforms_answer(&valid, 200, r#"{"sent":true}"#);
    assert_eq!(
        call("/send-email").send().header("allow"),
        Some("POST, OPTIONS")
    );
    assert!(logged(&["answers", "told to the developer alone"]));
}

#[test]
fn health_tells_what_there_is() {
    let server = TestServer::start();
    server.deploy(
        "one",
        r#"export default define({ name: "greet", description: "Greets", handler: () => 1 });"#,
    );
    server.deploy(
        "some",
        r#"export default app({ tools: {
          sendEmail: define({ description: "Sends", handler: () => 1 }),
          readInbox: define({ name: "inbox", description: "Reads", config: { mcp: false }, handler: () => 1 }),
        } });"#,
    );
    let health = |slug: &str| server.call(slug, "/__health").send();
    assert_platforms_answer(
        &health("one"),
        200,
        r#"{"status":"ok","mode":"define","tool":{"name":"greet","description":"Greets"}}"#,
    );
    assert_platforms_answer(
        &health("some"),
        200,
        r#"{"status":"ok","mode":"app","tools":[{"name":"sendEmail","description":"Sends"},{"name":"inbox","description":"Reads"}]}"#,
    );
}

#[test]
fn results_become_responses() {
    let server = TestServer::start();
    server.deploy(
        "results",
        r#"const results = {
          plain: () => [1, { a: null }],
          nothing: () => undefined,
          none: () => null,
          built: () => response.status(201).header("Location", "/7").json({ id: 7 }),
          web: () => new Response("short and stout", { status: 418, headers: { "X-Own": "yes" } }),
        };
        export default define({ description: "Results", config: { public: true, path: "/:kind" },
          handler: (_input, ctx) => results[ctx.params.kind]() });"#,
    );
    let result = |kind: &str| {
        let reply = server.call("results", &format!("/{kind}")).send();
        assert_carries_the_headers_of_every_response(&reply);
        reply
    };
    assert_eq!(result("plain").body, r#"[1,{"a":null}]"#);
    for kind in ["nothing", "none"] {
        let reply = result(kind);
        assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    }
    let built = result("built");
    assert_eq!((built.status, built.body.as_str()), (201, r#"{"id":7}"#));
    assert_eq!(built.header("location"), Some("/7"));
    let web = result("web");
    assert_eq!((web.status, web.body.as_str()), (418, "short and stout"));
    assert_eq!(web.header("x-own"), Some("yes"));
}

#[test]
fn a_request_has_one_id() {
    let server = TestServer::start();
    server.deploy(
        "ids",
        r#"export default define({ description: "Ids", config: { public: true },
          handler: (_input, ctx) => { ctx.log("of this request"); return ctx.requestId; } });"#,
    );
    let reply = server.call("ids", "/").send();
    let id = reply.header("x-request-id").unwrap();
    assert_eq!(reply.json(), json!(id));
    eventually("the line of the request", || {
        // The line may still be on its way from the process to the log. It arrives before the answer to another
        // request.
        server.call("ids", "/").send();
        logged(&["ids", id, "of this request"]).then_some(())
    });
}

#[test]
fn a_function_takes_any_path_and_method_unless_it_says_which() {
    let server = TestServer::start();
    server.deploy(
        "any",
        r#"export default define({ description: "Any", config: { public: true },
          handler: (_input, ctx) => `${ctx.method} ${ctx.path}` });"#,
    );
    let call = |method, path: &str| server.call("any", path).method(method).send();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let expected = json!(format!("{method} /a/b"));
        assert_eq!(call(method, "/a/b").json(), expected);
    }
    assert_eq!(call("GET", "/").json(), json!("GET /"));
    let allow = Some("GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS");
    assert_eq!(call("OPTIONS", "/a/b").header("allow"), allow);
    assert_eq!(call("BREW", "/").status, 405);
}
