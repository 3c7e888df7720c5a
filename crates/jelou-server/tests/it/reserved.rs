//! The platform's reserved paths in every spelling, and the paths that MCP clients try.

use serde_json::json;

use crate::support::{Call, ECHO, TestServer};

const SPELLINGS: [&str; 6] = ["/mcp", "/mcp/", "//mcp", "/MCP", "/%6dcp", "/mcp//"];

#[test]
fn no_spelling_of_mcp_starts_a_handler() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    for path in SPELLINGS {
        let call = server.call("echo", path).json(&list);
        let reply = call.header("accept", "application/json").send();
        assert_eq!(reply.status, 200, "{path}");
        assert!(
            reply.json()["result"]["tools"].is_array(),
            "{path}: {reply:?}"
        );
    }
    // Without MCP, no spelling reaches the function either.
    server.deploy(
        "none",
        &ECHO.replace("public: true", "public: true, mcp: false"),
    );
    for path in SPELLINGS {
        let reply = server.call("none", path).json(&list).send();
        assert_eq!(reply.status, 404, "{path}");
    }
    for path in ["/mcp2", "/mcp/sse", "/a/mcp"] {
        let reply = server.call("echo", path).json(&list).send();
        assert_eq!(reply.json()["path"], path);
    }
}

#[test]
fn other_spellings_of_static_routes() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    for path in ["/__health", "/__health/", "//__HEALTH"] {
        let reply = server.call("echo", path).send();
        assert_eq!(reply.json()["status"], "ok", "{path}");
    }
    for path in ["/openapi.json", "/openapi.json/", "/OpenAPI.json"] {
        let reply = server.call("echo", path).send();
        assert_eq!(reply.json()["openapi"], "3.1.0", "{path}");
    }
}

#[test]
fn options_says_what_mcp_takes() {
    let server = TestServer::start();
    let private = ECHO.replace("public: true", "public: false");
    let token = server.deploy("private", &private);
    let options = || server.call("private", "/mcp").method("OPTIONS");
    assert_eq!(options().send().status, 401);
    let reply = options().token(&token).send();
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("allow"), Some("POST, OPTIONS"));
}

#[test]
fn there_is_no_authorization_server() {
    let server = TestServer::start();
    server.deploy("open", ECHO);
    server.deploy("closed", &ECHO.replace("public: true", "public: false"));
    let probes = [
        ("GET", "/.well-known/oauth-protected-resource"),
        ("GET", "/.well-known/oauth-protected-resource/mcp"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "//.well-known/openid-configuration"),
        ("POST", "/register"),
        ("POST", "/register/"),
    ];
    for (slug, routes) in [("open", json!(["*"])), ("closed", json!([]))] {
        for (method, path) in probes {
            let reply = server.call(slug, path).method(method).send();
            assert_eq!(reply.status, 404, "{slug} {path}");
            let expected = json!({ "error": "Not found", "availableRoutes": routes });
            assert_eq!(reply.json(), expected, "{slug} {path}");
            assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        }
    }
    // The function gets all other paths.
    for path in ["/register/me", "/a/.well-known/b", "/well-known"] {
        assert_eq!(server.call("open", path).send().json()["path"], path);
        assert_eq!(server.call("closed", path).send().status, 401);
    }
    // A function without MCP has no MCP clients, so it gets these paths itself.
    server.deploy(
        "site",
        &ECHO.replace("public: true", "public: true, mcp: false"),
    );
    let reply = server.call("site", "/.well-known/security.txt").send();
    assert_eq!(reply.status, 200);
}

#[test]
fn a_route_that_names_a_probed_path_is_a_route() {
    let server = TestServer::start();
    server.deploy(
        "named",
        r#"export default app({ description: "Named", config: { public: true }, tools: {
          all: define({ description: "All", config: { path: "*" }, handler: () => ({ tool: "all" }) }),
          keys: define({ description: "Keys", config: { path: "/.well-known/*", methods: ["GET"] },
            handler: () => ({ tool: "keys" }) }),
          register: define({ description: "Registers", handler: () => ({ tool: "register" }) }),
        } });"#,
    );
    let keys = server.call("named", "/.well-known/jwks.json").send();
    assert_eq!(keys.json()["tool"], "keys");
    let register = server.call("named", "/register").json(&json!({})).send();
    assert_eq!(register.json()["tool"], "register");
}

#[test]
fn every_listener_has_one_path_for_health_checks() {
    let api = "127.0.0.1:0".parse().unwrap();
    let server = TestServer::start_with(|config| config.api_listen = Some(api));
    server.deploy("echo", ECHO);
    let (_, functions) = server.functions().rsplit_once(':').unwrap();
    let functions = format!("127.0.0.1:{functions}");
    assert_ne!(functions, server.address());
    for address in [functions.as_str(), server.address()] {
        for host in [address, "balancer.example", "10.0.0.7:80"] {
            let host = format!("Host: {host}");
            let answer = crate::support::Wire::connect(address).request("GET /v1/health", &[&host]);
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (200, r#"{"status":"ok"}"#)
            );
        }
        // HTTP/1.0 without `Host`, and HEAD.
        let mut wire = crate::support::Wire::connect(address);
        wire.send("GET /v1/health HTTP/1.0\r\n\r\n");
        assert_eq!(wire.head().status, 200, "{address}");
        let host = format!("Host: {address}");
        let mut wire = crate::support::Wire::connect(address);
        assert_eq!(wire.request("HEAD /v1/health", &[&host]).status, 200);
    }
    // A function can use the health path itself. The listener of functions serves no other path of the management API.
    let mut wire = crate::support::Wire::connect(&functions);
    let echo = wire.request("GET /v1/health", &["Host: echo.fn.localhost"]);
    assert_eq!(echo.json()["path"], "/v1/health");
    let host = format!("Host: {functions}");
    assert_eq!(wire.request("GET /v1/whoami", &[&host]).status, 404);
    assert_eq!(wire.request("POST /v1/health", &[&host]).status, 405);
}

#[test]
fn balancers_ask_any_host_but_those_of_functions() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    for host in ["10.0.0.1:4400", "balancer.example.com", "localhost"] {
        let reply = Call::new(server.address(), host, "/readyz").send();
        assert_eq!((reply.status, &*reply.body), (200, r#"{"status":"ready"}"#));
        let refused = Call::new(server.address(), host, "/readyz").body("");
        assert_eq!(refused.send().status, 405);
    }
    let reply = server.call("echo", "/readyz").send();
    assert_eq!(reply.json()["path"], "/readyz");
}
