//! The use of tokens, as the owner of a function sees it.

use serde_json::{Value, json};

use crate::support::{TestServer, eventually};

const TOOLS: &str = r#"export default app({ tools: {
  send: define({ description: "Sends", handler: () => ({ sent: true }) }),
  fail: define({ description: "Fails", handler: () => { throw new Error("no"); } }),
} });"#;

fn usage(server: &TestServer, name: &str) -> Value {
    let (status, report) = server.manage(
        "GET",
        "/v1/functions/tools/token-usage?days=2",
        &Value::Null,
    );
    assert_eq!(status, 200, "{report}");
    let items = report["items"].as_array().unwrap();
    items
        .iter()
        .find(|item| item["name"] == name)
        .unwrap()
        .clone()
}

fn call(server: &TestServer, path: &str, token: &str) -> u16 {
    let call = server.call("tools", path).method("POST");
    call.token(token).send().status
}

#[test]
fn calls_errors_and_refusals_are_counted_for_each_token_and_day() {
    let server = TestServer::start();
    server.deploy("tools", TOOLS);
    let limits = json!({ "name": "ci", "scopes": ["tool:send", "tool:fail"], "quota": "6/day" });
    let ci = server.create_token("tools", limits).token;
    let other = server
        .create_token("tools", json!({ "name": "other" }))
        .token;
    for (path, status) in [
        ("/send", 200),
        ("/send", 200),
        ("/fail", 500),
        ("/nowhere", 403),
    ] {
        assert_eq!(call(&server, path, &ci), status, "{path}");
    }
    // A refused tool over MCP is a refusal, not a call.
    let mcp = |tool: &str| {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": tool, "arguments": {} } });
        server
            .call("tools", "/mcp")
            .token(&ci)
            .json(&message)
            .send()
            .status
    };
    assert_eq!((mcp("send"), mcp("unknown")), (200, 403));
    let path = "/v1/functions/tools/tokens/ci";
    server.manage("PATCH", path, &json!({ "disabled": true }));
    assert_eq!(call(&server, "/send", &ci), 401);
    server.manage("PATCH", path, &json!({ "disabled": false }));
    assert_eq!(call(&server, "/send", &other), 200);

    let check = |server: &TestServer| {
        let report = usage(server, "ci");
        let total = &report["total"];
        let counts = (&total["calls"], &total["errors"], &total["refused"]);
        assert_eq!(counts, (&4.into(), &1.into(), &3.into()), "{report}");
        assert!(total["p95Ms"].as_f64().unwrap() > 0.0, "{report}");
        assert_eq!(report["days"].as_array().unwrap().len(), 1, "{report}");
        assert_eq!(usage(server, "other")["total"]["calls"], 1);
        assert_eq!(usage(server, "default")["total"]["calls"], 0);
        let (_, token) = server.manage("GET", path, &Value::Null);
        assert_eq!(token["lastUsedFrom"], "local", "{token}");
    };
    check(&server);
    let server = server.restart(|config| config.tokens.record_addresses = true);
    check(&server);
    // The call counts whatever its result is: the process may start slowly on a busy machine.
    call(&server, "/send", &ci);
    let (_, token) = server.manage("GET", path, &Value::Null);
    assert_eq!(token["lastUsedFrom"], "127.0.0.1", "{token}");
    assert_eq!(usage(&server, "ci")["total"]["calls"], 5);
}

/// The owner finds the reason in the log of the function; the caller never gets it.
#[test]
fn the_log_of_the_function_has_the_reason_of_a_refusal() {
    let server = TestServer::start();
    server.deploy("tools", TOOLS);
    server.deploy("other", TOOLS);
    let create = |slug, token: Value| server.create_token(slug, token);
    let scoped = create(
        "tools",
        json!({ "name": "scoped", "scopes": ["tool:send"] }),
    );
    let quota = create("tools", json!({ "name": "quota", "quota": "1/day" }));
    let revoked = create("tools", json!({ "name": "revoked" }));
    let elsewhere = create("other", json!({ "name": "elsewhere" }));
    let path = format!("/v1/functions/tools/tokens/{}", revoked.details.id);
    server.manage("DELETE", &path, &Value::Null);
    assert_eq!(call(&server, "/send", &quota.token), 200);
    let mut damaged = scoped.token.clone();
    let last = damaged.pop().unwrap();
    damaged.push(if last == '0' { '1' } else { '0' });
    let tokens = [
        (&scoped.token, "/fail", 403, "scopes"),
        (&quota.token, "/send", 429, "quota of 1/day"),
        (&revoked.token, "/send", 401, "by the access token `"),
        (&elsewhere.token, "/send", 401, "another function"),
        (&damaged, "/send", 401, "checksum"),
    ];
    for (token, path, status, _) in tokens {
        assert_eq!(call(&server, path, token), status);
    }
    let records = || {
        let path = "/v1/functions/tools/logs?tail=1000";
        let reply = server
            .manage_text("GET", path)
            .lines()
            .filter(|line| line.contains("call.refused"))
            .map(str::to_owned)
            .collect::<Vec<_>>();
        (reply.len() >= tokens.len()).then_some(reply)
    };
    let records = eventually("a record of each refusal", records);
    for (_, _, status, reason) in tokens {
        let start = format!("{status} for ");
        assert!(
            records
                .iter()
                .any(|record| record.contains(&start) && record.contains(reason)),
            "{reason}: {records:#?}"
        );
    }
    for (token, ..) in tokens {
        assert!(!records.concat().contains(token.as_str()));
    }
}
