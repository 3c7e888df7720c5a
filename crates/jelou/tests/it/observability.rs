//! What the log of the server tells an operator: the span of a call, the counters, the statements of the database.

use std::sync::Arc;

use crate::support::{DataFolder, Sandbox, Serve, function};

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

    let token = sandbox.deploy("broken", &function("() => Deno.exit(1)"));
    let reply = server.request("broken").token(&token).body("{}").send();
    assert!(reply.status >= 500, "{reply:?}");
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
    // Functions in one statement; tokens after one that finds the id of the function.
    for (command, statements) in [("functions list --json", 1), ("tokens list a --json", 2)] {
        let listed = selects(&sandbox, &data, command, 5);
        assert_eq!(listed - idle, 5 * statements, "{command}");
    }
}

/// The `SELECT` statements of a server from start to end, during which a command runs `times` times.
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
