//! What browsers are told, by the rules of the tool that is asked for.

use crate::support::{Call, Reply, TestServer};

const TOOLS: &str = r#"export default app({ description: "Tools", config: { public: true }, tools: {
  open: define({ description: "Open", config: { path: "/open", methods: ["GET", "POST"] }, handler: () => ({}) }),
  closed: define({ description: "Closed", config: { path: "/closed", cors: false }, handler: () => ({}) }),
  own: define({ description: "Own", config: { path: "/own", methods: ["GET", "OPTIONS"], cors: false },
    handler: () => response.status(200).header("Access-Control-Allow-Origin", "https://own.example.com").json({}) }),
  read: define({ description: "Read", config: { path: "/shared", methods: ["GET"] }, handler: () => ({}) }),
  write: define({ description: "Write", config: { path: "/shared", methods: ["PUT"],
    cors: { origin: ["https://app.example.com"], headers: ["X-Own"], credentials: true, maxAge: 7 } },
    handler: () => ({}) }),
} });"#;

const APP: &str = "https://app.example.com";

fn preflight(call: Call, method: &str, origin: &str) -> Reply {
    call.method("OPTIONS")
        .header("origin", origin)
        .header("access-control-request-method", method)
        .send()
}

fn allowed(reply: &Reply) -> [Option<&str>; 4] {
    ["origin", "methods", "headers", "credentials"]
        .map(|what| reply.header(&format!("access-control-allow-{what}")))
}

#[test]
fn each_tool_has_its_own_rules() {
    let server = TestServer::start();
    server.deploy("tools", TOOLS);
    let tool = |path: &str| server.call("tools", path);

    let open = preflight(tool("/open"), "POST", APP);
    assert_eq!((open.status, open.body.as_str()), (204, ""));
    let methods = Some("GET, POST, HEAD, OPTIONS");
    let headers = Some("Content-Type, Authorization, X-Jelou-Token");
    assert_eq!(allowed(&open), [Some("*"), methods, headers, None]);
    assert_eq!(open.header("access-control-max-age"), Some("86400"));

    let write = preflight(tool("/shared"), "PUT", APP);
    let methods = Some("PUT, OPTIONS");
    assert_eq!(
        allowed(&write),
        [Some(APP), methods, Some("X-Own"), Some("true")]
    );
    assert_eq!(write.header("access-control-max-age"), Some("7"));
    assert_eq!(write.header("vary"), Some("Origin"));
    let stranger = preflight(tool("/shared"), "PUT", "https://evil.example.com");
    assert_eq!(stranger.header("access-control-allow-origin"), None);
    assert_eq!(stranger.header("access-control-allow-credentials"), None);
    let read = preflight(tool("/shared"), "GET", APP);
    assert_eq!(read.header("access-control-allow-origin"), Some("*"));

    // What the platform answers in a tool's place can be read where the tool's own answers can.
    let patch = tool("/shared").method("PATCH").header("origin", APP).send();
    assert_eq!(patch.status, 405);
    assert_eq!(patch.header("access-control-allow-origin"), Some("*"));
    let put = tool("/shared").method("PUT").header("origin", APP).send();
    assert_eq!(put.status, 200);
    assert_eq!(put.header("access-control-allow-origin"), Some(APP));
    assert_eq!(
        put.header("access-control-expose-headers"),
        Some("X-Request-Id")
    );
}

#[test]
fn rules_can_be_off() {
    let server = TestServer::start();
    server.deploy("tools", TOOLS);
    let closed = preflight(server.call("tools", "/closed"), "POST", APP);
    assert_eq!(closed.status, 204);
    assert_eq!(allowed(&closed), [None; 4]);
    let closed = server.call("tools", "/closed").header("origin", APP).send();
    assert_eq!(closed.status, 200);
    assert_eq!(allowed(&closed), [None; 4]);
    assert_eq!(closed.header("vary"), None);
    // Then a function may have its own.
    let own = preflight(server.call("tools", "/own"), "GET", APP);
    let origin = own.header("access-control-allow-origin");
    assert_eq!(origin, Some("https://own.example.com"));
}
