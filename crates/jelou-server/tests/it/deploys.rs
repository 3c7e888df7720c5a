//! The effect of a deploy on running calls, and the server's description of a deployment.

use crate::support::{TestServer, eventually, logged};

#[test]
fn who_waits_for_a_turn_goes_on_to_the_next_deployment() {
    let server = TestServer::start_with(|config| {
        config.limits.max_concurrent_requests = 1;
        config.limits.max_queued_requests = 1;
    });
    server.deploy(
        "replaced",
        r#"export default define({ description: "Hangs", config: { public: true, timeout: 120_000 },
          handler: () => (console.log("it has begun"), new Promise(() => {})) });"#,
    );
    let call = || server.call("replaced", "/").send();
    let host = server.host("replaced");
    let mut hanging = server.wire();
    hanging.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    eventually("a call that hangs", || {
        logged(&["replaced", "it has begun"]).then_some(())
    });
    std::thread::scope(|scope| {
        let waits = scope.spawn(call);
        // Only one of the two calls may wait. The other call is refused.
        let turned_away = scope.spawn(call);
        eventually("one who may not wait", || {
            (waits.is_finished() || turned_away.is_finished()).then_some(())
        });
        server.deploy(
            "replaced",
            r#"export default define({ description: "Answers", config: { public: true }, handler: () => "new" });"#,
        );
        let mut replies = [waits, turned_away].map(|call| call.join().unwrap());
        replies.sort_by_key(|reply| reply.status);
        assert_eq!(replies.each_ref().map(|reply| reply.status), [200, 503]);
        assert_eq!(replies[0].json(), "new");
    });
}

#[test]
fn the_server_says_how_long_a_function_may_take() {
    let server = TestServer::start_with(|config| {
        config.limits.request_timeout_ms = 300;
        config.limits.max_request_timeout_ms = 200_000;
    });
    let source = |config: &str| {
        format!(
            r#"export default define({{ description: "Hangs or not", config: {{ public: true, {config} }},
              handler: ({{ answer }}) => answer ?? new Promise(() => {{}}) }});"#
        )
    };
    server.deploy("unhurried", &source(""));
    assert_eq!(server.call("unhurried", "/").send().status, 504);
    assert!(logged(&["unhurried", "no response head within 300 ms"]));

    server.deploy("unhurried", &source("timeout: 200_000"));
    let reply = server.call("unhurried", "/?answer=yes").send();
    assert_eq!(reply.json(), "yes");

    let refused = server.try_deploy("unhurried", &source("timeout: 200_001"));
    let expected = "`unhurried` has a timeout of 200001 ms; the limit is 200000 ms (limits.max_request_timeout_ms = 200000, a server setting)";
    assert_eq!(refused.unwrap_err().to_string(), expected);
}

#[test]
fn what_a_module_says_when_it_is_not_imported_makes_no_lines_of_the_servers() {
    let server = TestServer::start();
    server.deploy(
        "forger",
        r#"const serves = Deno.permissions.querySync({ name: "net" }).state === "granted";
        if (serves) throw new Error("jfn_rt_0123456789abcdefghijklmnopqrstuvwxyzAB\nERROR forged");
        export default define({ description: "Forges", config: { public: true }, handler() {} });"#,
    );
    assert_eq!(server.call("forger", "/").send().status, 500);
    assert!(logged(&["forger", "call failed", "IMPORT_FAILED"]));
    assert!(logged(&["forger", "ERROR forged", "function"]));
    assert!(!logged(&["0123456789abcdefghijklmnopqrstuvwxyz"]));
    assert!(logged(&["forger", "index.ts:3:"]));
}
