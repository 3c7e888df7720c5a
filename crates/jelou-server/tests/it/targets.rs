//! Hosts, paths and queries: as received, and as functions see them.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::support::{Answer, ECHO, TestServer};

#[test]
fn hosts() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    let get = |target: &str, host: &str| -> Answer {
        let host = format!("Host: {host}");
        server.wire().request(&format!("GET {target}"), &[&host])
    };
    for host in [
        "echo.fn.localhost",
        "echo.fn.localhost:1",
        "ECHO.fn.LocalHost",
        "echo.fn.localhost.",
        "echo.fn.localhost.:80",
    ] {
        let answer = get("/a", host);
        assert_eq!(answer.status, 200, "{host}");
        assert_eq!(answer.json()["headers"]["host"], host);
    }
    for host in [
        "nobody.fn.localhost",
        "a.echo.fn.localhost",
        ".fn.localhost",
    ] {
        let answer = get("/a", host);
        assert_eq!(answer.status, 404, "{host}");
        assert_eq!(answer.json(), json!({ "error": "Function not found" }));
    }
    // The host in the request target takes precedence, also in the function.
    let absolute = get("http://echo.fn.localhost/a?b", "nobody.fn.localhost");
    assert_eq!(absolute.json()["headers"]["host"], "echo.fn.localhost");
    assert_eq!(absolute.json()["path"], "/a");
    let nobody = get("http://nobody.fn.localhost/a", "echo.fn.localhost");
    assert_eq!(nobody.status, 404);
    // Addresses a function by path, for tools that cannot resolve the host names.
    let by_path = get("/fn/echo/a/b?c=1", server.address());
    assert_eq!(by_path.json()["path"], "/a/b");
    assert_eq!(by_path.json()["query"], json!({ "c": "1" }));
    assert_eq!(get("/fn/echo", server.address()).json()["path"], "/");
}

/// Two public routes and a private route of one web application, which routes by `request.url`.
const SITE: &str = r#"
const site = (tool) => (_input, ctx, request) => {
  const url = new URL(request.url);
  const params = {};
  for (const name of url.searchParams.keys()) {
    const all = url.searchParams.getAll(name);
    params[name] = all.length > 1 ? all : all[0];
  }
  return {
    tool, path: ctx.path, pathname: url.pathname, isNormal: url.href === request.url,
    query: ctx.query, params, secret: url.pathname.startsWith("/admin"),
  };
};
const methods = ["GET", "POST"];
export default app({ description: "Site", tools: {
  open: define({ description: "Open", config: { path: "/public/*", methods, public: true }, handler: site("open") }),
  health: define({ description: "Health", config: { path: "/health", methods, public: true }, handler: site("health") }),
  closed: define({ description: "Closed", config: { path: "*", methods }, handler: site("closed") }),
} });"#;

/// Ways through the gateway: plain, with a hop-by-hop header, and over HTTP to the worker like a `WebSocket`.
const WAYS: [&[&str]; 3] = [
    &[],
    &["TE: trailers"],
    &[
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ],
];

/// A request for a function, in each form that names the function.
fn forms(server: &TestServer, slug: &str, target: &str) -> [(String, String); 3] {
    let host = server.host(slug);
    [
        (target.to_owned(), host.clone()),
        (format!("/fn/{slug}{target}"), server.address().to_owned()),
        (
            format!("http://{host}{target}"),
            "elsewhere.example".to_owned(),
        ),
    ]
}

#[test]
fn no_spelling_of_a_path_gets_past_the_token() {
    let server = TestServer::start();
    let token = server.deploy("site", SITE);
    let token = format!("X-Jelou-Token: {token}");
    for target in [
        "/public/../admin/secret",
        "/public/./../admin/secret",
        "/public/%2e%2e/admin/secret",
        "/public/%2E./admin/secret",
        "/public/.%2e/admin/secret",
        "/public/a/../../admin/secret",
        "/public/..\\admin/secret",
        "/public\\..\\admin\\secret",
        "/public/..",
        "/health/../admin",
        "/../site/admin",
        "/../../v1/functions",
        "/.",
    ] {
        for (target, host) in forms(&server, "site", target) {
            for way in WAYS {
                let host = format!("Host: {host}");
                let headers = [&[host.as_str(), &token], way].concat();
                let answer = server.wire().request(&format!("GET {target}"), &headers);
                assert_eq!(answer.status, 400, "{target}: {answer:?}");
                assert_eq!(answer.json()["error"], "Bad request", "{target}");
                assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
                assert!(answer.header("x-request-id").is_some());
            }
        }
    }
    let host = format!("Host: {}", server.host("site"));
    let answer = server.wire().request("GET /public/../admin", &[&host]);
    let message =
        "the path has a `.` or `..` segment (`%2e` is a dot): send the path that is meant";
    let expected = json!({ "error": "Bad request", "message": message });
    assert_eq!(answer.json(), expected);
    let scoped = json!({ "name": "scoped", "scopes": ["tool:open"] });
    let scoped = format!(
        "X-Jelou-Token: {}",
        server.create_token("site", scoped).token
    );
    for (target, status) in [
        ("/public/../admin/secret", 400),
        ("/public/%2e%2e/admin/secret", 400),
        ("/admin/secret", 403),
    ] {
        let answer = server
            .wire()
            .request(&format!("GET {target}"), &[&host, &scoped]);
        assert_eq!(answer.status, status, "{target}: {answer:?}");
    }
    for line in [
        "OPTIONS *",
        "CONNECT site.fn.localhost:80",
        "GET http://me@site.fn.localhost/public/",
    ] {
        let answer = server.wire().request(line, &[&host]);
        assert_eq!(answer.status, 400, "{line}");
    }
    // For a function that does not exist, the path is not checked.
    let nobody = server
        .wire()
        .request("GET /../a", &["Host: nobody.fn.localhost"]);
    assert_eq!(nobody.status, 404);
}

#[test]
fn paths_are_read_once() {
    let server = TestServer::start();
    let token = server.deploy("site", SITE);
    let token = format!("X-Jelou-Token: {token}");
    for (target, tool, path) in [
        // Normalized to the spelling of the matching route.
        ("/health/", "health", "/health"),
        ("//health", "health", "/health"),
        ("/%68ealth", "health", "/health"),
        ("//public//x", "open", "/public//x"),
        ("/%70ublic/%61", "open", "/public/%61"),
        // Unchanged.
        ("/public", "open", "/public"),
        ("/public/", "open", "/public/"),
        ("/public/%2f..%2fadmin", "open", "/public/%2f..%2fadmin"),
        (
            "/public/%252e%252e/admin",
            "open",
            "/public/%252e%252e/admin",
        ),
        ("/a%2Fb", "closed", "/a%2Fb"),
        ("/...", "closed", "/..."),
        ("//a//b/", "closed", "//a//b/"),
        ("//other.fn.localhost/a", "closed", "//other.fn.localhost/a"),
        (
            "/a;b=c,d:e@f!$&'()*+|[]",
            "closed",
            "/a;b=c,d:e@f!$&'()*+|[]",
        ),
        ("/%00", "closed", "/%00"),
        ("/%", "closed", "/%"),
        ("/Health", "closed", "/Health"),
        // Encoded as in a browser.
        ("/año/{x}", "closed", "/a%C3%B1o/%7Bx%7D"),
        ("/public/^\"", "open", "/public/%5E%22"),
        // Characters that a request target may not contain.
        ("/public/`", "", ""),
        ("/public/<a>", "", ""),
        // A fragment is not part of a target or a path.
        ("/public/a#/../b", "open", "/public/a"),
    ] {
        for (target, host) in forms(&server, "site", target) {
            for way in WAYS {
                let host = format!("Host: {host}");
                let headers = [&[host.as_str(), &token], way].concat();
                let answer = server.wire().request(&format!("GET {target}"), &headers);
                if tool.is_empty() {
                    assert_eq!(answer.status, 400, "{target}");
                    continue;
                }
                assert_eq!(answer.status, 200, "{target}: {answer:?}");
                let seen = answer.json();
                let expected = [tool, path, path].map(serde_json::Value::from);
                let seen = ["tool", "path", "pathname"].map(|name| seen[name].clone());
                assert_eq!(seen, expected, "{target}");
            }
        }
    }
}

#[test]
fn queries_are_read_once() {
    let server = TestServer::start();
    server.deploy("site", SITE);
    let host = format!("Host: {}", server.host("site"));
    for query in [
        "a=1&a=2&b=%20+&c==&&d?e/f",
        "?a=1",
        "??a",
        "a?=1",
        "a=/../b\\c&%2e%2e",
        "q=José&q='`{}|^",
        "a=%ff&%=%zz",
        "a=1#b=2",
        "",
    ] {
        for way in WAYS {
            let headers = [&[host.as_str()], way].concat();
            let line = format!("GET /public/?{query}");
            let answer = server.wire().request(&line, &headers);
            assert_eq!(answer.status, 200, "{query}: {answer:?}");
            let seen = answer.json();
            assert_eq!(seen["query"], seen["params"], "{query}");
            assert_eq!(seen["isNormal"], true, "{query}");
        }
    }
}

/// Generates targets from pieces that two parsers may read differently.
fn target() -> impl Strategy<Value = String> {
    let pieces = vec![
        "/", "/", "//", ".", "..", "%2e", "%2E", "%2f", "%5c", "\\", "?", "&", "=", "#", "%",
        "%25", "ñ", ";", ":", "@", "'", "\"", "{", "|", "^", "[", "%C3%B1", "%ff", "C:", "*", "a",
        "admin", "public", "/public/", "/health", "%70ublic", "http://x",
    ];
    proptest::collection::vec(select(pieces), 0..8)
        .prop_map(|pieces| format!("/{}", pieces.concat()))
}

#[test]
fn everybody_reads_one_path() {
    let server = TestServer::start();
    let token = server.deploy("site", SITE);
    let token = format!("X-Jelou-Token: {token}");
    let cases = (target(), 0..3_usize, 0..WAYS.len());
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&cases, |(target, form, way)| {
        let (target, host) = forms(&server, "site", &target)[form].clone();
        let (line, host) = (format!("GET {target}"), format!("Host: {host}"));
        let without = [&[host.as_str()], WAYS[way]].concat();
        let with = [&[host.as_str(), &token], WAYS[way]].concat();
        let answer = server.wire().request(&line, &with);
        let refused = server.wire().request(&line, &without);
        if answer.status == 400 {
            prop_assert_eq!(refused.status, 400);
            return Ok(());
        }
        prop_assert_eq!(answer.status, 200);
        let seen = answer.json();
        prop_assert_eq!(&seen["path"], &seen["pathname"]);
        prop_assert_eq!(&seen["query"], &seen["params"]);
        prop_assert_eq!(&seen["isNormal"], true);
        let path = seen["path"].as_str().unwrap();
        let tool = match path {
            "/health" => "health",
            _ if path == "/public" || path.starts_with("/public/") => "open",
            _ => "closed",
        };
        prop_assert_eq!(&seen["tool"], tool);
        prop_assert_eq!(refused.status, if tool == "closed" { 401 } else { 200 });
        Ok(())
    });
    result.unwrap();
}

#[test]
fn arguments_of_tools_are_no_way_up() {
    let server = TestServer::start();
    server.deploy(
        "files",
        r#"export default app({ description: "Files", config: { public: true }, tools: {
          read: define({ description: "Reads", config: { path: "/files/:name" }, input: z.object({ name: z.string() }),
            handler: (_input, ctx, request) => ({ path: ctx.path, pathname: new URL(request.url).pathname }) }),
        } });"#,
    );
    let call = |name: &str| {
        let params = json!({ "name": "read", "arguments": { "name": name } });
        let message =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let reply = server
            .call("files", "/mcp")
            .json(&message)
            .header("accept", "application/json")
            .send();
        let result = reply.json()["result"].clone();
        (
            result["isError"] == true,
            result["content"][0]["text"].as_str().unwrap().to_owned(),
        )
    };
    for name in ["..", "."] {
        let (failed, text) = call(name);
        assert!(failed && text.contains("Must not be"), "{text}");
    }
    for name in ["../a", "%2e%2e", "a\\..", "..."] {
        let (failed, text) = call(name);
        let seen: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(!failed, "{text}");
        assert_eq!(seen["path"], seen["pathname"], "{name}");
        assert!(
            seen["path"].as_str().unwrap().starts_with("/files/"),
            "{seen}"
        );
    }
}

#[test]
fn a_path_leads_to_one_tool_however_it_is_written() {
    let server = TestServer::start();
    server.deploy(
        "notes",
        r#"export default app({ description: "Notes", config: { public: true }, tools: {
          getNote: define({ description: "Reads", config: { path: "/notes/:id", methods: ["GET"] },
            handler: (_input, ctx) => ({ tool: "get", params: ctx.params }) }),
          sendEmail: define({ description: "Sends", handler: () => ({ tool: "send" }) }),
        } });"#,
    );
    let get = |path: &str| server.call("notes", path).send();
    let id = |path: &str| get(path).json()["params"]["id"].clone();
    assert_eq!(id("/notes/a%2Fb"), "a/b");
    assert_eq!(id("/notes/caf%C3%A9/"), "café");
    assert_eq!(get("/notes/a/b").status, 404);
    assert_eq!(get("/send%2Demail").json()["tool"], "send");
    let nothing = get("/nothing");
    assert_eq!(nothing.status, 404);
    assert_eq!(
        nothing.json(),
        json!({ "error": "Not found", "availableRoutes": ["/notes/:id", "/send-email"] })
    );
}
