//! Limits of a token: parts of its function, networks, and a rate.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use crate::answers::assert_platforms_answer;
use crate::http2::connect;
use crate::support::{Call, Reply, TestServer};

const TOOLS: &str = r#"export default app({ tools: {
  sendEmail: define({ description: "Sends", config: { methods: ["POST"] }, handler: () => ({ sent: true }) }),
  readInbox: define({ name: "inbox", description: "Reads", config: { methods: ["GET"] }, handler: () => [] }),
  open: define({ description: "Open", config: { public: true }, handler: () => ({ open: true }) }),
} });"#;
const FORBIDDEN: &str = r#"{"error":"Forbidden"}"#;
const TOO_MANY: &str = r#"{"error":"Too many requests"}"#;

/// The longest time that a test waits for a rate to allow or refuse a call.
const PATIENCE: Duration = Duration::from_secs(30);

fn create(server: &TestServer, token: Value) -> String {
    server.create_token("tools", token).token
}

fn send_email(server: &TestServer, token: &str) -> Call {
    server
        .call("tools", "/send-email")
        .method("POST")
        .token(token)
}

fn mcp(server: &TestServer, token: &str, method: &str, params: &Value) -> Call {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    server.call("tools", "/mcp").token(token).json(&message)
}

fn list_tools(server: &TestServer, token: &str) -> Call {
    mcp(server, token, "tools/list", &json!({}))
}

fn call_tool(server: &TestServer, token: &str, name: &str) -> Call {
    mcp(server, token, "tools/call", &json!({ "name": name }))
}

fn listed(reply: &Reply) -> Vec<String> {
    let tools = reply.json()["result"]["tools"].clone();
    let names = tools.as_array().unwrap().iter();
    names
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

fn assert_forbidden(call: &Call) {
    assert_platforms_answer(&call.send(), 403, FORBIDDEN);
}

/// Checks that the rate is used up. Returns the seconds until the next call is allowed.
fn assert_too_many(reply: &Reply) -> u64 {
    assert_platforms_answer(reply, 429, TOO_MANY);
    let wait = reply.header("retry-after").unwrap().parse().unwrap();
    assert!(wait >= 1, "{wait}");
    wait
}

fn send_until(call: &Call, status: u16) -> Reply {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let reply = call.send();
        if reply.status == status {
            return reply;
        }
        assert!(Instant::now() < deadline, "never {status}: {reply:?}");
    }
}

#[test]
fn a_token_is_for_the_parts_that_its_scopes_name() {
    let server = TestServer::start();
    server.deploy("tools", TOOLS);
    let token =
        |name: &str, scopes: &[&str]| create(&server, json!({ "name": name, "scopes": scopes }));
    let invoke = token("invoke", &["invoke"]);
    let mcp = token("mcp", &["mcp"]);
    let tool = token("tool", &["tool:sendEmail"]);
    let both = token("both", &["mcp", "tool:sendEmail"]);
    let call =
        |method, path: &str, token: &str| server.call("tools", path).method(method).token(token);

    for (method, path, expected) in [
        // The statuses are in the order of the tokens.
        ("POST", "/send-email", [200, 403, 200, 200]),
        ("GET", "/read-inbox", [200, 403, 403, 403]),
        // Only callers that may know the routes get 405 and 404.
        ("GET", "/send-email", [405, 403, 405, 405]),
        ("POST", "/read-inbox", [405, 403, 403, 403]),
        ("OPTIONS", "/send-email", [204, 403, 204, 204]),
        ("GET", "/nowhere", [404, 403, 403, 403]),
        // Paths that need no token ignore the limits of a token.
        ("GET", "/open", [200; 4]),
        ("GET", "/__health", [200; 4]),
        ("GET", "/openapi.json", [200; 4]),
        // 405 again, because it is a GET of `/mcp`.
        ("GET", "/mcp", [403, 405, 405, 405]),
    ] {
        let tokens = [&invoke, &mcp, &tool, &both];
        let statuses = tokens.map(|token| {
            let reply = call(method, path, token).send();
            if reply.status == 403 {
                assert_platforms_answer(&reply, 403, FORBIDDEN);
            }
            reply.status
        });
        assert_eq!(statuses, expected, "{method} {path}");
    }

    let every = ["sendEmail", "inbox", "open"];
    assert_forbidden(&list_tools(&server, &invoke));
    assert_eq!(listed(&list_tools(&server, &mcp).send()), every);
    assert_eq!(listed(&list_tools(&server, &tool).send()), ["sendEmail"]);
    assert_eq!(listed(&list_tools(&server, &both).send()), every);
    for (name, expected) in [
        ("sendEmail", [403, 200, 200]),
        ("inbox", [403, 200, 403]),
        ("unknown", [403, 200, 403]),
    ] {
        let statuses = [&invoke, &mcp, &tool].map(|token| {
            let reply = call_tool(&server, token, name).send();
            if reply.status == 403 {
                assert_platforms_answer(&reply, 403, FORBIDDEN);
            }
            reply.status
        });
        assert_eq!(statuses, expected, "{name}");
    }
    let sent = call_tool(&server, &tool, "sendEmail").send().json();
    assert_eq!(sent["result"]["structuredContent"], json!({ "sent": true }));
    let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {} });
    let hello = self::mcp(&server, &tool, "initialize", &hello).send();
    assert_eq!(hello.json()["result"]["protocolVersion"], "2025-11-25");

    // A token of another function gets 401, not 403.
    let elsewhere = server.deploy("other", TOOLS);
    for stranger in [elsewhere.as_str(), "jfn_rt_nonsense"] {
        let refused = call("GET", "/read-inbox", stranger).send();
        assert_platforms_answer(&refused, 401, r#"{"error":"Unauthorized"}"#);
    }
}

#[test]
fn the_lists_of_both_revisions_are_cut_to_the_scopes() {
    let server = TestServer::start();
    server.deploy("tools", TOOLS);
    let tool = create(
        &server,
        json!({ "name": "tool", "scopes": ["tool:inbox", "tool:gone"] }),
    );
    let params = json!({ "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    } });
    let list = mcp(&server, &tool, "tools/list", &params)
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/list");
    let reply = list.send();
    assert_eq!(listed(&reply), ["inbox"]);
    let result = &reply.json()["result"];
    assert_eq!(result["resultType"], "complete");
    assert_eq!(result["cacheScope"], "private");
    // The token may call the tool, but the tool does not exist.
    let gone = call_tool(&server, &tool, "gone").send();
    assert_eq!(gone.json()["error"]["code"], -32602);
}

#[test]
fn a_scope_of_a_tool_that_is_not_there_is_a_warning() {
    let server = TestServer::start();
    server.deploy("tools", TOOLS);
    let scopes = json!(["tool:sendEmail", "tool:sendEmial"]);
    let created = server.create_token("tools", json!({ "name": "typo", "scopes": scopes }));
    let [warning] = created.warnings.try_into().unwrap();
    for part in ["`tool:sendEmial`", "sendEmail, inbox, open"] {
        assert!(warning.contains(part), "{warning}");
    }
    let none = server.create_token("tools", json!({ "name": "none" }));
    assert!(none.warnings.is_empty());

    // The deploy that adds the tool also makes it available to the token.
    server.deploy("tools", &TOOLS.replace("sendEmail", "sendEmial"));
    let moved = server.call("tools", "/send-emial").method("POST");
    assert_eq!(moved.token(&created.token).send().status, 200);
}

#[test]
fn a_token_is_for_the_networks_of_its_list() {
    let server = TestServer::start_with(|config| {
        config.trusted_proxies = serde_json::from_value(json!(["127.0.0.0/8"])).unwrap();
    });
    server.deploy("tools", TOOLS);
    let cidrs = json!(["192.0.2.0/24", "2001:db8::/32"]);
    let limited = create(
        &server,
        json!({ "name": "limited", "cidrs": cidrs, "scopes": ["invoke"], "rate": "1/d" }),
    );
    let local = create(&server, json!({ "name": "local", "cidrs": ["127.0.0.1"] }));
    let from = |address: &str, call: &Call| call.clone().header("x-forwarded-for", address);

    for outside in ["192.0.3.1", "::ffff:192.0.3.1", "2001:db9::1", "nonsense"] {
        assert_forbidden(&from(outside, &send_email(&server, &limited)));
        assert_forbidden(&from(outside, &list_tools(&server, &limited)));
    }
    // The caller's address is the connection's own address, without a proxy.
    assert_forbidden(&send_email(&server, &limited));
    assert_eq!(send_email(&server, &local).send().status, 200);
    let inside = "::ffff:192.0.2.7";
    // The refused calls have not counted: the first allowed call finds the full rate.
    assert_eq!(
        from(inside, &send_email(&server, &limited)).send().status,
        200
    );
    let over = from("2001:db8:7::1", &send_email(&server, &limited)).send();
    assert!(assert_too_many(&over) > 3600);
    // The network and the scopes are checked before the rate.
    assert_forbidden(&send_email(&server, &limited));
    assert_forbidden(&from(inside, &list_tools(&server, &limited)));
    // Paths that need no token ignore the limits of a token.
    let open = server.call("tools", "/open").token(&limited);
    assert_eq!(open.send().status, 200);
}

#[test]
fn a_call_by_another_function_comes_from_no_network() {
    let server = TestServer::start();
    server.deploy("tools", TOOLS);
    let everywhere = json!({ "name": "everywhere", "cidrs": ["0.0.0.0/0", "::/0"] });
    let everywhere = create(&server, everywhere);
    let scoped = create(
        &server,
        json!({ "name": "scoped", "scopes": ["tool:sendEmail"] }),
    );
    let source = r#"export default define({ description: "Calls", config: { public: true },
      handler: async (_input, ctx) => {
        const called = await fetch("ORIGIN/send-email", { method: "POST", headers: { "X-Jelou-Token": ctx.query.token } });
        return { status: called.status, body: await called.json() };
      } });"#;
    server.deploy("caller", &source.replace("ORIGIN", &server.origin("tools")));
    let call = |token: &str| {
        let called = server.call("caller", &format!("/?token={token}")).send();
        called.json()
    };
    assert_eq!(send_email(&server, &everywhere).send().status, 200);
    let refused = json!({ "status": 403, "body": { "error": "Forbidden" } });
    assert_eq!(call(&everywhere), refused);
    assert_eq!(call(&scoped)["status"], 200);
}

#[test]
fn calls_at_the_same_time_are_counted_exactly() {
    const CALLS: usize = 10;
    let server = TestServer::start();
    let free = server.deploy("tools", TOOLS);
    let rate = format!("{CALLS}/d");
    let limited = create(&server, json!({ "name": "limited", "rate": rate }));
    let start = std::sync::Barrier::new(8);
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    let calls = (0..10).map(|_| send_email(&server, &limited).send());
                    calls.collect::<Vec<_>>()
                })
            })
            .collect();
        let replies = threads.into_iter().map(|thread| thread.join().unwrap());
        replies.flatten().collect()
    });
    let (passed, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!((passed.len(), refused.len()), (CALLS, 80 - CALLS));
    for reply in refused {
        let wait = assert_too_many(reply);
        assert!(wait <= 86_400 / CALLS as u64, "{wait}");
    }

    // Another token, a deploy or a change of the function's tokens does not reset the rate.
    assert_eq!(send_email(&server, &free).send().status, 200);
    create(&server, json!({ "name": "another", "rate": "5/s" }));
    server.deploy("tools", &TOOLS.replace("Sends", "Sends mail"));
    assert_too_many(&send_email(&server, &limited).send());
    let used = server.tokens("tools");
    let used = used.iter().find(|token| token.name.as_str() == "limited");
    assert!(used.unwrap().last_used_at.is_some());

    // The server counts the used calls only in memory, so a restart resets them.
    let server = server.restart(|_| {});
    assert_eq!(send_email(&server, &limited).send().status, 200);
}

#[test]
fn a_rate_allows_calls_again_as_time_passes() {
    let server = TestServer::start();
    server.deploy("tools", TOOLS);
    let limited = create(&server, json!({ "name": "limited", "rate": "1/s" }));
    let call = send_email(&server, &limited);
    assert_eq!(assert_too_many(&send_until(&call, 429)), 1);
    send_until(&call, 200);
    assert_eq!(assert_too_many(&send_until(&call, 429)), 1);
}

#[test]
fn every_message_of_mcp_counts_but_those_that_are_not_allowed() {
    let server = TestServer::start();
    server.deploy("tools", TOOLS);
    let limits = json!({ "name": "limited", "rate": "4/d", "scopes": ["tool:sendEmail"] });
    let limited = create(&server, limits);
    let ping = mcp(&server, &limited, "ping", &json!({}));
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let notification = server
        .call("tools", "/mcp")
        .token(&limited)
        .json(&notification);
    let forbidden = call_tool(&server, &limited, "inbox");
    for (call, status) in [
        (&ping, 200),
        (&forbidden, 403),
        (&notification, 202),
        (&list_tools(&server, &limited), 200),
        (&forbidden, 403),
        (&call_tool(&server, &limited, "sendEmail"), 200),
    ] {
        assert_eq!(call.send().status, status);
    }
    for over in [
        &ping,
        &call_tool(&server, &limited, "sendEmail"),
        &send_email(&server, &limited),
    ] {
        assert_too_many(&over.send());
    }
    assert_forbidden(&forbidden);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_over_http2() {
    let (server, scoped, elsewhere, limited) = tokio::task::block_in_place(|| {
        let server = TestServer::start();
        server.deploy("tools", TOOLS);
        let scoped = create(
            &server,
            json!({ "name": "scoped", "scopes": ["tool:inbox"] }),
        );
        let elsewhere = create(
            &server,
            json!({ "name": "elsewhere", "cidrs": ["192.0.2.0/24"] }),
        );
        let limited = create(&server, json!({ "name": "limited", "rate": "5/d" }));
        (server, scoped, elsewhere, limited)
    });
    let sender = connect(&server).await;
    let send = |token: &str| {
        let request = http::Request::builder()
            .version(http::Version::HTTP_2)
            .method("POST")
            .uri(format!("{}/send-email", server.origin("tools")))
            .header("x-jelou-token", token)
            .body(Full::<Bytes>::default())
            .unwrap();
        let mut sender = sender.clone();
        tokio::spawn(async move {
            let response = sender.send_request(request).await.unwrap();
            let (head, body) = response.into_parts();
            (head, body.collect().await.unwrap().to_bytes())
        })
    };
    for token in [&scoped, &elsewhere] {
        let (head, body) = send(token).await.unwrap();
        assert_eq!(
            (head.status.as_u16(), &body[..]),
            (403, FORBIDDEN.as_bytes())
        );
        assert!(head.headers.contains_key("x-request-id"));
        assert_eq!(head.headers["access-control-allow-origin"], "*");
    }
    // All calls are in flight at once.
    let calls: Vec<_> = (0..50).map(|_| send(&limited)).collect();
    let mut passed = 0;
    for call in calls {
        let (head, body) = call.await.unwrap();
        if head.status == 200 {
            passed += 1;
            continue;
        }
        assert_eq!(
            (head.status.as_u16(), &body[..]),
            (429, TOO_MANY.as_bytes())
        );
        assert!(
            head.headers["retry-after"]
                .to_str()
                .unwrap()
                .parse::<u64>()
                .unwrap()
                >= 1
        );
        assert_eq!(head.headers["x-frame-options"], "DENY");
    }
    assert_eq!(passed, 5);
    tokio::task::block_in_place(|| drop(server));
}
