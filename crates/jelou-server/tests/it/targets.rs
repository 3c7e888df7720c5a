//! Hosts, paths and queries, as they come and as functions see them.

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
    // The host in the target is the one that counts, for the function as well.
    let absolute = get("http://echo.fn.localhost/a?b", "nobody.fn.localhost");
    assert_eq!(absolute.json()["headers"]["host"], "echo.fn.localhost");
    assert_eq!(absolute.json()["path"], "/a");
    let nobody = get("http://nobody.fn.localhost/a", "echo.fn.localhost");
    assert_eq!(nobody.status, 404);
    // By path, for tools that cannot resolve the names.
    let by_path = get("/fn/echo/a/b?c=1", server.address());
    assert_eq!(by_path.json()["path"], "/a/b");
    assert_eq!(by_path.json()["query"], json!({ "c": "1" }));
    assert_eq!(get("/fn/echo", server.address()).json()["path"], "/");
}

#[test]
fn paths_and_queries_are_left_as_they_are() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    let host = format!("Host: {}", server.host("echo"));
    for path in [
        "/a%2Fb",
        "/a%2fb/%2e%2e/c",
        "/a/../b/./c",
        "//a//b/",
        "/caf%C3%A9",
        "/a;b=c,d:e@f!$&'()*+",
        "/%00",
        "/%",
    ] {
        let answer = server.wire().request(&format!("GET {path}"), &[&host]);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.json()["path"], path);
    }
    let target = "/?a=1&a=2&b=%20+&c==&&d?e/f";
    let answer = server.wire().request(&format!("GET {target}"), &[&host]);
    let url = format!("{}{target}", server.origin("echo"));
    assert_eq!(answer.json()["url"], url);
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
