//! What happens at the limits of time, number and size.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::answers::assert_platforms_answer;
use crate::support::{TestServer, eventually, logged};

#[test]
fn a_function_that_takes_too_long_is_told_to_stop() {
    let server = TestServer::start();
    server.deploy(
        "sleeper",
        r#"let aborted = 0;
        export default app({ config: { public: true }, tools: {
          sleep: define({ description: "Sleeps", config: { timeout: 200 },
            handler: (_input, _ctx, request) => new Promise(() => request.signal.onabort = () => aborted++) }),
          asked: define({ description: "Tells", handler: () => ({ aborted }) }),
        } });"#,
    );
    let call = |path: &str| server.call("sleeper", path).send();
    let aborted = || call("/asked").json()["aborted"].as_u64().unwrap();
    // Now there is a process: a call for which one starts may be over before the function has it.
    assert_eq!(aborted(), 0);
    let mut calls = 0;
    let told = eventually("a call that the function is told to stop", || {
        let before = Instant::now();
        let reply = call("/sleep");
        assert!(before.elapsed() >= Duration::from_millis(200));
        assert_eq!(reply.status, 504);
        assert_eq!(reply.json(), json!({ "error": "Function timed out" }));
        calls += 1;
        Some(aborted()).filter(|aborted| *aborted > 0)
    });
    assert!(told <= calls, "{told} of {calls}");
    assert!(logged(&[
        "sleeper",
        "no response head within 200 ms",
        "limits.request_timeout_ms"
    ]));
}

#[test]
fn more_requests_than_can_wait_are_turned_away() {
    let server = TestServer::start_with(|config| {
        config.limits.max_concurrent_requests = 1;
        config.limits.max_queued_requests = 1;
    });
    server.deploy(
        "busy",
        r#"export default define({ description: "Busy", config: { public: true, timeout: 8000 },
          handler: () => new Promise(() => {}) });"#,
    );
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let call = || {
            let reply = server.call("busy", "/").send();
            if reply.status == 503 {
                assert_platforms_answer(&reply, 503, r#"{"error":"Function unavailable"}"#);
                assert_eq!(reply.header("retry-after"), Some("1"));
            }
            reply.status
        };
        let calls: Vec<_> = (0..5).map(|_| scope.spawn(call)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let count = |status: u16| statuses.iter().filter(|given| **given == status).count();
    assert_eq!((count(504), count(503)), (2, 3), "{statuses:?}");
    assert!(logged(&[
        "busy",
        "limits.max_concurrent_requests",
        "limits.max_queued_requests"
    ]));
}

#[test]
fn the_head_of_a_response_has_a_limit() {
    let server = TestServer::start();
    server.deploy(
        "verbose",
        r#"export default define({ description: "Verbose", config: { public: true }, handler: (input) =>
          response.status(200).header("X-Large", "x".repeat(Number(input.size))).json({}) });"#,
    );
    let call = |size: usize| server.call("verbose", &format!("/?size={size}")).send();
    assert_eq!(call(60 * 1024).status, 200);
    let reply = call(70 * 1024);
    assert_eq!(reply.status, 500);
    assert_eq!(reply.json(), json!({ "error": "Internal function error" }));
    assert!(logged(&["verbose", "limits.max_response_header_bytes"]));
    assert_eq!(call(1).status, 200);
}

#[test]
fn a_stream_that_stands_still_is_cut() {
    let idle_timeout = Duration::from_secs(3);
    let server = TestServer::start_with(|config| config.limits.stream_idle_timeout_ms = 3000);
    server.deploy(
        "stuck",
        r#"export default define({ description: "Stuck", config: { public: true, timeout: 100 }, handler: () =>
          new Response(new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("begun")) })) });"#,
    );
    let host = server.host("stuck");
    // Once the process has started, a head comes within the function's timeout; the stream may go on after it.
    let (mut wire, asked) = eventually("a stream", || {
        let (mut wire, asked) = (server.wire(), Instant::now());
        wire.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        (wire.head().status == 200).then_some((wire, asked))
    });
    assert_eq!(wire.chunk(), b"begun");
    // Cut, and not ended: the caller sees that it has not got everything.
    assert_eq!(wire.rest(), "");
    assert!(asked.elapsed() >= idle_timeout);
}
