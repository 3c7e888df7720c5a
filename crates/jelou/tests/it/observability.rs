//! The server's log for operators: the span of a call, the counters, and the database statements.

use std::sync::Arc;
use std::time::Instant;

use crate::support::{Call, DataFolder, Sandbox, Serve, function, mistyped};

#[test]
fn a_failed_call_is_logged_in_its_span_and_counted() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .env("JELOU_LOG", "info,jelou_server=debug")
        .start();
    let token = sandbox.deploy("fine", &function("() => \"ok\""));
    assert_eq!(server.call("fine", Some(&token), "{}").0, 200);
    assert_eq!(server.call("fine", None, "{}").0, 401);
    assert_eq!(server.call("nobody", None, "{}").0, 404);

    let never = function("() => new Promise(() => {}),\n  config: { timeout: 100 }");
    let token = sandbox.deploy("broken", &never);
    let reply = server.request("broken").token(&token).body("{}").send();
    assert_eq!(reply.status, 504, "{reply:?}");
    let request_id = reply.header("x-request-id").unwrap().to_owned();

    let log = server.stop().log();
    let line = log
        .lines()
        .find(|line| line.contains("call failed"))
        .unwrap_or_else(|| panic!("{log}"));
    for part in [
        "call{function=broken deployment=dep_",
        &format!("request_id={request_id}}}"),
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(
        log.contains("calls since the start succeeded=1 refused=2 failed=1"),
        "{log}"
    );
}

/// One log line answers "Why do I get a 401?". The response has the id to find it.
#[test]
fn a_refused_request_is_logged_with_its_reason() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).start();
    let token = sandbox.deploy("fine", &function("() => \"ok\""));
    let other = sandbox.deploy("other", &function("() => \"ok\""));
    let create = |flags: &str| {
        let outcome = sandbox
            .jelou(&format!("tokens create fine --json {flags}"))
            .run();
        assert_eq!(outcome.code, 0, "{outcome}");
        let data = outcome.json()["data"].clone();
        let field = |name: &str| data[name].as_str().unwrap().to_owned();
        (field("token"), field("id"))
    };
    let (revoked, revoked_id) = create("--name gone");
    let outcome = sandbox.jelou("tokens revoke fine gone -y").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let (elsewhere, elsewhere_id) = create("--name elsewhere --cidr 192.0.2.0/24");
    let (for_mcp, for_mcp_id) = create("--name agents --scope mcp");
    let outcome = sandbox.jelou("functions create --slug empty --json").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let access = server.access_token.clone().unwrap();
    let mistyped = mistyped(&token);
    let unknown = jelou_token::RuntimeToken::mint().unwrap();

    let mut expected = Vec::new();
    let mut refused = |status: u16, call: Call, reason: &str, token: &str| {
        let reply = call.body("{}").send();
        assert_eq!(reply.status, status, "{reason}: {reply:?}");
        let id = reply.header("x-request-id").unwrap().to_owned();
        expected.push((id, reason.to_owned(), token.to_owned()));
    };
    let to_fine = || server.request("fine");
    refused(401, to_fine(), "no X-Jelou-Token header", "");
    let bearer = to_fine().header("authorization", &format!("Bearer {token}"));
    refused(401, bearer, "Authorization is not read", "");
    let twice = to_fine().token(&token).token(&token);
    refused(401, twice, "more than one X-Jelou-Token header", "");
    refused(401, to_fine().token(&access), "an access token", "");
    refused(401, to_fine().token(&mistyped), "checksum is wrong", "");
    refused(401, to_fine().token(unknown.expose()), "no such token", "");
    refused(
        401,
        to_fine().token(&other),
        "a token of another function",
        "tok_",
    );
    refused(
        401,
        to_fine().token(&revoked),
        "the token was revoked at 20",
        &revoked_id,
    );
    let mcp = to_fine().path("/mcp").token(&revoked);
    refused(401, mcp, "the token was revoked at 20", &revoked_id);
    refused(
        403,
        to_fine().token(&elsewhere),
        "networks do not contain",
        &elsewhere_id,
    );
    refused(
        403,
        to_fine().token(&for_mcp),
        "scopes do not allow",
        &for_mcp_id,
    );
    let nobody = server.request("nobody").token(&token);
    refused(404, nobody, "no function is called `nobody`", "");
    let by_path = |path: &str| Call::new(server.address(), server.address()).path(path);
    let mistyped_path = by_path("/fn/fien/x?y=1");
    refused(404, mistyped_path, "no function is called `fien`", "");
    let hostile = by_path("/fn/a\"b%0Ac/");
    refused(404, hostile, "no function is called `a\\\"b%0Ac`", "");
    let endless = by_path(&format!("/fn/{}", "x".repeat(5000)));
    let cut = format!("no function is called `{}...`", "x".repeat(200));
    refused(404, endless, &cut, "");
    let tunnel = Call::new(server.address(), "abc.tunnel.example").path("/fn/fine/");
    refused(404, tunnel, "no deployed function has this host", "");
    let empty = server.request("empty");
    refused(404, empty, "the function has no deployment", "");

    let log = server.stop().log();
    for (id, reason, token_id) in expected {
        let line = log
            .lines()
            .find(|line| line.contains("request refused") && line.contains(&id))
            .unwrap_or_else(|| panic!("{reason}: no line with {id} in {log}"));
        assert!(line.contains(&reason), "{reason} is not in {line}");
        assert!(line.contains("address=\"127.0.0.1\""), "{line}");
        assert!(line.contains(&token_id), "{token_id} is not in {line}");
    }
    for secret in [
        &token, &other, &revoked, &elsewhere, &for_mcp, &access, &mistyped,
    ] {
        assert!(!log.contains(secret.as_str()));
    }
}

#[test]
fn a_token_in_the_wrong_place_is_named() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).start();
    let token = sandbox.deploy("fine", &function("() => \"ok\""));
    let header = "; the token in the header `NAME` is not read";
    let more = "the header has more than the token: no `Bearer`, no quotes";
    let mut expected = Vec::new();
    for (path, name, value, reason) in [
        ("/", "x_jelou_token", "TOKEN", header),
        ("/", "x-api-key", "TOKEN", header),
        ("/", "cookie", "session=TOKEN", header),
        (
            "/?token=TOKEN",
            "x-other",
            "",
            "; the token in the query is not read",
        ),
        ("/", "x-jelou-token", "Bearer TOKEN", more),
        ("/", "x-jelou-token", "\"TOKEN\"", more),
        ("/", "x-jelou-token", "token TOKEN", more),
        ("/", "x-jelou-token", "", "X-Jelou-Token header is empty"),
    ] {
        let [path, value] = [path, value].map(|text| text.replace("TOKEN", &token));
        let call = server.request("fine").path(&path).header(name, &value);
        let reply = call.body("{}").send();
        assert_eq!(reply.status, 401, "{reason}: {reply:?}");
        let id = reply.header("x-request-id").unwrap().to_owned();
        expected.push((id, reason.replace("NAME", name)));
    }
    let log = server.stop().log();
    for (id, reason) in expected {
        let line = log.lines().find(|line| line.contains(&id)).unwrap();
        assert!(line.contains(&reason), "{reason} is not in {line}");
    }
    assert!(!log.contains(&token));
}

/// The line contains the exceeded limit, the size of the body, and who set the limit.
#[test]
fn a_body_over_the_limit_is_logged_with_its_size() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .env("JELOU_LIMITS__MAX_BODY_BYTES", "1000000")
        .start();
    let token = sandbox.deploy("fine", &function("() => \"ok\""));
    let limit = "over limits.max_body_bytes = 1000000, a server setting";
    let mut expected = Vec::new();
    for (path, body, reason) in [
        ("/", "1".repeat(1_000_001), "the body has 1000001 bytes"),
        ("/mcp", "1".repeat(1_000_002), "the body has 1000002 bytes"),
        (
            "/",
            "[".repeat(999_999),
            "(limits.max_body_memory_mib = 102, 80 % of limits.max_heap_mib = 128, a server setting)",
        ),
    ] {
        let request = server.request("fine").path(path).token(&token);
        let reply = request
            .header("accept", "application/json")
            .body(&body)
            .send();
        assert_eq!(reply.status, 413, "{reply:?}");
        let id = reply.header("x-request-id").unwrap().to_owned();
        expected.push((id, reason));
    }
    let log = server.stop().log();
    // The function was reading the body.
    assert!(!log.contains("BadResource"), "{log}");
    for (id, reason) in expected {
        // The function may have seen a truncated body, and logged that too.
        let refused = |line: &&str| line.contains(&id) && line.contains("request refused");
        let lines: Vec<_> = log.lines().filter(refused).collect();
        let [line] = lines[..] else {
            panic!("{reason}: not one line with {id} in {log}");
        };
        assert!(line.contains(reason), "{reason} is not in {line}");
        let by_size = reason.starts_with("the body has");
        assert!(!by_size || line.contains(limit), "{line}");
    }
}

#[test]
fn a_refused_change_is_logged_with_its_author() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).start();
    let admin = server.access_token.clone().unwrap();
    let outcome = sandbox
        .jelou("access-tokens create --name reader --scope functions:read --json")
        .run();
    let reader = outcome.json()["data"]["token"].as_str().unwrap().to_owned();
    let secret = "a-secret-value";
    let body = format!("{{\"name\":\"{secret}\",\"nothing\":1}}");
    let mut expected = Vec::new();
    for (call, status, parts) in [
        (
            server.manage(&reader, "/v1/functions/x/tokens").body(&body),
            403,
            ["FORBIDDEN", "access_token=\"reader\"", "method=\"POST\""],
        ),
        (
            server
                .manage(&admin, "/v1/functions/nobody")
                .get("/v1/functions/nobody"),
            404,
            ["NOT_FOUND", "path=\"/v1/functions/nobody\"", "nobody"],
        ),
        (
            server.manage(&admin, "/v1/nothing"),
            404,
            ["NOT_FOUND", "no such route", "path=\"/v1/nothing\""],
        ),
        (
            server.manage(&admin, "/v1/functions/x/tokens").body("{"),
            400,
            [
                "VALIDATION_ERROR",
                "path=\"/v1/functions/x/tokens\"",
                "address=\"127.0.0.1\"",
            ],
        ),
        (
            server.manage("nothing", "/v1/functions"),
            401,
            ["AUTH_ERROR", "not valid", "path=\"/v1/functions\""],
        ),
    ] {
        let reply = call.send();
        assert_eq!(reply.status, status, "{reply:?}");
        let id = reply.json()["requestId"].as_str().unwrap().to_owned();
        expected.push((id, parts));
    }
    let log = server.stop().log();
    for (id, parts) in expected {
        let line = log
            .lines()
            .find(|line| line.contains("management request refused") && line.contains(&id))
            .unwrap_or_else(|| panic!("no line with {id} in {log}"));
        for part in parts {
            assert!(line.contains(part), "{part} is not in {line}");
        }
    }
    for value in [&admin, &reader, secret] {
        assert!(!log.contains(value), "{value} is in {log}");
    }
}

#[test]
fn refusals_are_counted_when_there_are_too_many_to_log() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).start();
    sandbox.deploy("fine", &function("() => \"ok\""));
    let start = Instant::now();
    for _ in 0..100 {
        assert_eq!(server.call("fine", None, "{}").0, 401);
    }
    let seconds = usize::try_from(start.elapsed().as_secs()).unwrap();
    let log = server.stop().log();
    let lines = log
        .lines()
        .filter(|line| line.contains("request refused"))
        .count();
    assert!(
        (20..=20 * (seconds + 2)).contains(&lines),
        "{lines} lines in {seconds} s"
    );
}

#[test]
fn a_list_takes_the_same_statements_for_any_number_of_items() {
    let sandbox = Sandbox::new();
    let data = Arc::new(DataFolder::new());
    let server = Serve::new(&sandbox).on(&data).start();
    for slug in ["a", "b", "c", "d"] {
        for line in [
            format!("functions create --slug {slug} --json"),
            format!("tokens create {slug} --name one --json"),
            format!("tokens create {slug} --name two --json"),
        ] {
            let outcome = sandbox.jelou(&line).run();
            assert_eq!(outcome.code, 0, "{outcome}");
        }
    }
    server.stop();

    let idle = selects(&sandbox, &data, "", 0);
    // Functions need one statement. Tokens need a second statement, which finds the function's id.
    for (command, statements) in [("functions list --json", 1), ("tokens list a --json", 2)] {
        let listed = selects(&sandbox, &data, command, 5);
        assert_eq!(listed - idle, 5 * statements, "{command}");
    }
}

/// Counts the `SELECT` statements of a server from its start to its end, while a command runs `times` times.
fn selects(sandbox: &Sandbox, data: &Arc<DataFolder>, command: &str, times: usize) -> usize {
    let before = data.log().len();
    let server = Serve::new(sandbox)
        .on(data)
        .env("JELOU_LOG", "sqlx::query=debug")
        .start();
    for _ in 0..times {
        let outcome = sandbox.jelou(command).run();
        assert_eq!(outcome.code, 0, "{outcome}");
    }
    server.stop();
    data.log()[before..]
        .lines()
        .filter(|line| line.contains("summary=\"SELECT"))
        .count()
}

#[test]
fn the_access_log_has_a_line_of_json_for_each_request() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .env("JELOU_LOG__ACCESS", "true")
        .env("JELOU_LOG__FORMAT", "json")
        .env("JELOU_LOGS__MAX_CALLS_PER_SECOND", "1")
        .start();
    let token = sandbox.deploy("fine", &function("() => \"ok\""));
    for _ in 0..10 {
        assert_eq!(server.call("fine", Some(&token), "{}").0, 200);
    }
    let path = format!("/x?key={token}");
    let reply = server.request("fine").path(&path).send();
    assert_eq!(reply.status, 401, "{reply:?}");
    let refused = reply.header("x-request-id").unwrap().to_owned();
    assert_eq!(server.call("nobody", None, "{}").0, 404);
    let log = server.stop().log();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    let (access, own): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| line["log"] == "access");
    let of = |function: &'static str| {
        access
            .iter()
            .filter(move |line| line["function"] == function)
    };
    // Includes calls that have no record.
    assert_eq!(of("fine").count(), 11, "{access:?}");
    let line = of("fine")
        .find(|line| line["requestId"] == refused.as_str())
        .unwrap();
    assert_eq!(line["status"], 401);
    assert_eq!(line["path"], "/x");
    assert_eq!(line["error"], "unauthorized");
    assert_eq!(line["address"], "127.0.0.1");
    let first = of("fine").next().unwrap();
    assert!(
        first["token"].as_str().unwrap().starts_with("tok_"),
        "{first}"
    );
    assert!(
        first["durationMs"].as_f64().unwrap() > 0.0 && first["bytesOut"] == 4,
        "{first}"
    );
    let deploy = "/v1/functions/fine/deployments";
    assert!(
        access
            .iter()
            .any(|line| line["path"] == deploy && line["status"] == 201),
        "{access:?}"
    );
    let nobody = access
        .iter()
        .find(|line| line["status"] == 404 && line["method"] == "POST");
    assert!(
        nobody.unwrap()["host"]
            .as_str()
            .unwrap()
            .starts_with("nobody."),
        "{nobody:?}"
    );
    assert!(
        own.iter().any(|line| line["message"] == "shutting down"),
        "{own:?}"
    );
    assert!(
        own.iter()
            .all(|line| line["level"].is_string() && line["timestamp"].is_string())
    );
    assert!(!log.contains(&token), "{log}");
}
