//! HEAD, OPTIONS, and methods that a route does not accept.

use serde_json::json;

use crate::support::{ECHO, TestServer};

const NOTES: &str = r#"export default app({ description: "Notes", config: { public: true }, tools: {
  read: define({ description: "Reads", config: { path: "/notes/:id", methods: ["GET"] }, handler: () => ({ tool: "read" }) }),
  write: define({ description: "Writes", config: { path: "/notes/:id", methods: ["PUT", "DELETE"] },
    handler: () => ({ tool: "write" }) }),
  own: define({ description: "Own", config: { path: "/own", methods: ["OPTIONS"] }, handler: () => ({ tool: "own" }) }),
  hidden: define({ description: "Hidden", config: { path: "/hidden", methods: ["POST"], public: false },
    handler: () => ({ tool: "hidden" }) }),
} });"#;

#[test]
fn head_is_get_without_a_body() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    let call = || server.call("echo", "/a?b=c");
    let get = call().send();
    let head = call().method("HEAD").send();
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for name in [
        "content-type",
        "access-control-allow-origin",
        "x-frame-options",
    ] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert!(head.header("x-request-id").is_some());
    // The next request on the connection is parsed correctly.
    let host = format!("Host: {}", server.host("echo"));
    let mut wire = server.wire();
    for _ in 0..2 {
        assert_eq!(wire.request("HEAD /a", &[&host]).status, 200);
        assert_eq!(wire.request("GET /a", &[&host]).json()["method"], "GET");
    }
    let nobody = server.call("nobody", "/").method("HEAD").send();
    assert_eq!((nobody.status, nobody.body.as_str()), (404, ""));
}

#[test]
fn tools_may_share_a_path() {
    let server = TestServer::start();
    let token = server.deploy("notes", NOTES);
    let call = |method| server.call("notes", "/notes/7").method(method).send();
    assert_eq!(call("GET").json()["tool"], "read");
    assert_eq!(call("DELETE").json()["tool"], "write");
    assert_eq!(call("HEAD").status, 200);
    let patch = call("PATCH");
    assert_eq!(patch.status, 405);
    assert_eq!(patch.json(), json!({ "error": "Method not allowed" }));
    let allow = Some("GET, PUT, DELETE, HEAD, OPTIONS");
    assert_eq!(patch.header("allow"), allow);
    assert_eq!(call("BREW").status, 405);
    let nothing = server.call("notes", "/nothing").token(&token).send();
    assert_eq!(
        nothing.json()["availableRoutes"],
        json!(["/notes/:id", "/own", "/hidden"])
    );
}

#[test]
fn options_answers_with_the_methods() {
    let server = TestServer::start();
    let token = server.deploy("notes", NOTES);
    let options = |path: &str| server.call("notes", path).method("OPTIONS");
    let notes = options("/notes/7").send();
    assert_eq!((notes.status, notes.body.as_str()), (204, ""));
    let allow = Some("GET, PUT, DELETE, HEAD, OPTIONS");
    assert_eq!(notes.header("allow"), allow);
    assert_eq!(options("/own").send().json()["tool"], "own");
    assert_eq!(options("/nothing").send().status, 401);
    assert_eq!(options("/nothing").token(&token).send().status, 404);
    assert_eq!(options("/hidden").send().status, 401);
    let hidden = options("/hidden").token(&token).send();
    assert_eq!(hidden.header("allow"), Some("POST, OPTIONS"));
    let health = options("/__health").send();
    assert_eq!(health.status, 204);
    assert_eq!(health.header("allow"), Some("GET, HEAD, OPTIONS"));
}

#[test]
fn a_caller_without_a_token_learns_nothing_of_routes() {
    let server = TestServer::start();
    let token = server.deploy("notes", NOTES);
    let call = |path: &str| server.call("notes", path);
    for path in ["/hidden", "/nothing", "/hidden/x"] {
        let refusal = call(path).send();
        assert_eq!(refusal.status, 401);
        assert_eq!(refusal.body, r#"{"error":"Unauthorized"}"#);
    }
    assert_eq!(call("/hidden").token(&token).send().status, 405);
    assert_eq!(call("/nothing").token(&token).send().status, 404);
}
