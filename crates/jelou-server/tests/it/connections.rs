//! The limits of connections: their number, slow heads, callers who do not read, and callers who close one direction.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{TestServer, Wire, eventually, logged};

const SLOW: &str = r#"export default define({ description: "Waits", config: { public: true, path: "/:what" },
  handler: async (_input, ctx, request) => {
    if (ctx.params.what === "large") return "x".repeat(8_000_000);
    if (ctx.params.what === "forever") await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    if (ctx.params.what === "slow") await new Promise((resolve) => setTimeout(resolve, 300));
    return { what: ctx.params.what };
  } });"#;

fn get(server: &TestServer, wire: &mut Wire, path: &str) {
    let host = server.host("slow");
    wire.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
}

#[test]
fn connections_over_the_limit_are_refused_with_the_reason() {
    let server = TestServer::start_with(|config| config.connections.max = Some(20));
    server.deploy("slow", SLOW);
    // The client of the deploy keeps connections open.
    let mut open = Vec::new();
    let refused = loop {
        let mut wire = server.wire();
        get(&server, &mut wire, "/a");
        let answer = wire.answer();
        if answer.status != 200 {
            break answer;
        }
        open.push(wire);
        assert!(open.len() <= 20);
    };
    assert!(open.len() >= 15, "{}", open.len());
    assert_eq!(refused.status, 503);
    assert_eq!(refused.body, r#"{"error":"Too many connections"}"#);
    assert_eq!(refused.header("connection"), Some("close"));
    assert!(refused.header("retry-after").is_some());
    assert!(logged(&[
        "connection refused",
        "20 connections are open (connections.max, a server setting)"
    ]));
    // Open connections continue. When one of them ends, another one can be opened.
    get(&server, &mut open[0], "/b");
    assert_eq!(open[0].answer().status, 200);
    open.truncate(1);
    eventually("a free place", || {
        let mut wire = server.wire();
        get(&server, &mut wire, "/c");
        (wire.answer().status == 200).then_some(())
    });
}

#[test]
fn an_address_has_its_own_limit_of_connections() {
    let server = TestServer::start_with(|config| {
        config.connections.max_per_address = 3;
        config.trusted_proxies = serde_json::from_value(json!(["127.0.0.1"])).unwrap();
    });
    server.deploy("slow", SLOW);
    let connect = |address: &str| {
        let mut wire = server.wire();
        wire.send(format!("PROXY TCP4 {address} 127.0.0.1 12345 80\r\n"));
        get(&server, &mut wire, "/a");
        let answer = wire.answer();
        (wire, answer)
    };
    let mut open: Vec<_> = (0..3).map(|_| connect("192.0.2.7").0).collect();
    let (_, refused) = connect("192.0.2.7");
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.body,
        r#"{"error":"Too many connections from this address"}"#
    );
    assert!(logged(&[
        "3 connections of 192.0.2.7 are open (connections.max_per_address, a server setting)"
    ]));
    assert_eq!(connect("192.0.2.8").1.status, 200);
    // Connections of a proxy that sends no caller's address are not limited, because they have many callers.
    let unnamed: Vec<_> = (0..5)
        .map(|_| {
            let mut wire = server.wire();
            get(&server, &mut wire, "/a");
            (wire.answer().status, wire)
        })
        .collect();
    assert!(unnamed.iter().all(|(status, _)| *status == 200));
    open.pop();
    eventually("a free place", || {
        (connect("192.0.2.7").1.status == 200).then_some(())
    });
}

#[test]
fn a_head_has_a_time_limit_from_its_first_byte() {
    let limit = Duration::from_millis(500);
    let server = TestServer::start_with(|config| config.connections.head_timeout_ms = 500);
    server.deploy("slow", SLOW);
    let host = server.host("slow");
    let began = Instant::now();
    let mut slow: Vec<_> = (0..200)
        .map(|number| {
            let mut wire = server.wire();
            if number % 2 == 0 {
                // The limit applies to every request head of a connection.
                get(&server, &mut wire, "/a");
                assert_eq!(wire.answer().status, 200);
            }
            wire.send(format!("GET /slow HTTP/1.1\r\nHost: {host}\r\nX-"));
            wire
        })
        .collect();
    // Other callers are not affected.
    let mut other = server.wire();
    get(&server, &mut other, "/a");
    assert_eq!(other.answer().status, 200);
    for wire in &mut slow {
        assert_eq!(wire.rest(), "");
    }
    assert!(began.elapsed() >= limit);
    // The limit of heads applies neither to an idle connection nor to a call.
    eventually("three times the limit", || {
        (began.elapsed() > 3 * limit).then_some(())
    });
    get(&server, &mut other, "/slow");
    assert_eq!(other.answer().status, 200);
}

#[test]
fn a_caller_who_does_not_read_loses_the_connection() {
    let server = TestServer::start_with(|config| config.connections.write_timeout_ms = 300);
    server.deploy("slow", SLOW);
    let mut wires: Vec<_> = (0..3).map(|_| server.wire()).collect();
    for wire in &mut wires {
        // More than fits into the buffers of the sockets.
        for _ in 0..3 {
            get(&server, wire, "/large");
        }
    }
    let mut reader = server.wire();
    get(&server, &mut reader, "/large");
    assert_eq!(reader.answer().body.len(), 8_000_002);
    // The server closes connections whose callers do not read, so the last response is incomplete.
    let began = Instant::now();
    eventually("several times the limit", || {
        (began.elapsed() > Duration::from_secs(2)).then_some(())
    });
    for wire in &mut wires {
        assert!(wire.rest().len() < 24_000_000);
    }
}

#[test]
fn a_caller_who_has_stopped_sending_gets_its_answer() {
    let server =
        TestServer::start_with(|config| config.connections.half_closed_timeout_ms = 60_000);
    server.deploy("slow", SLOW);
    for path in ["/a", "/slow", "/large"] {
        let mut wire = server.wire();
        get(&server, &mut wire, path);
        wire.end();
        assert_eq!(wire.answer().status, 200, "{path}");
        assert_eq!(wire.rest(), "", "{path}");
    }
    // Requests that were sent together are all answered.
    let mut wire = server.wire();
    for _ in 0..3 {
        get(&server, &mut wire, "/slow");
    }
    wire.end();
    for _ in 0..3 {
        assert_eq!(wire.answer().status, 200);
    }
    assert_eq!(wire.rest(), "");
}

#[test]
fn a_call_of_a_caller_who_has_gone_ends_after_the_limit() {
    let server = TestServer::start_with(|config| {
        config.connections.half_closed_timeout_ms = 200;
        config.limits.max_concurrent_requests = 2;
        config.limits.max_processes_per_function = Some(1);
    });
    server.deploy("slow", SLOW);
    let began = Instant::now();
    for _ in 0..2 {
        let mut wire = server.wire();
        get(&server, &mut wire, "/forever");
    }
    // No more connections are allowed until the calls are cancelled.
    let mut wire = server.wire();
    get(&server, &mut wire, "/a");
    assert_eq!(wire.answer().status, 200);
    assert!(began.elapsed() < Duration::from_secs(20));
}
