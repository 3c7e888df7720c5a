//! Behaviour at the limits of time, number and size.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::answers::assert_platforms_answer;
use crate::support::{Answer, TestServer, Wire, eventually, logged};

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
    // The process runs by now. A call that starts a process may end before the function receives it.
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
    // The limit must not depend on how many bytes of a head one read returns, which is random.
    for _ in 0..10 {
        for (kib, status) in [
            (15, 200),
            (17, 200),
            (63, 200),
            (65, 500),
            (80, 500),
            (100, 500),
            (127, 500),
            (140, 500),
        ] {
            assert_eq!(call(kib * 1024).status, status, "{kib} KiB");
        }
    }
    assert_eq!(call(60 * 1024).status, 200);
    let reply = call(70 * 1024);
    assert_eq!(reply.status, 500);
    assert_eq!(reply.json(), json!({ "error": "Internal function error" }));
    assert!(logged(&["verbose", "limits.max_response_header_bytes"]));
    assert_eq!(call(1).status, 200);
}

/// Streamed responses come over HTTP, other responses over the call channel. A head may consist of many headers.
#[test]
fn the_limit_of_a_head_is_the_same_in_every_form() {
    let server = TestServer::start();
    server.deploy(
        "forms",
        r#"export default define({ description: "Forms", config: { public: true, path: "/:how" }, handler: ({ size }, ctx) => {
          const { how } = ctx.params;
          const parts = how === "many" || how === "cookies" ? 60 : 1;
          const value = "x".repeat(Number(size) / parts);
          const headers = new Headers();
          for (let part = 0; part < parts; part++) headers.append(how === "cookies" ? "set-cookie" : `x-large-${part}`, value);
          if (how === "event") headers.set("content-type", "text/event-stream");
          const isStream = how === "streamed" || how === "event";
          return new Response(isStream ? ReadableStream.from([new TextEncoder().encode("{}")]) : "{}", { headers });
        } });"#,
    );
    for how in ["streamed", "event", "many", "cookies"] {
        for _ in 0..10 {
            for (kib, status) in [
                (15, 200),
                (60, 200),
                (65, 500),
                (70, 500),
                (100, 500),
                (127, 500),
                (300, 500),
            ] {
                let path = format!("/{how}?size={}", kib * 1024);
                let reply = server.call("forms", &path).send();
                assert_eq!(reply.status, status, "{how}: {kib} KiB");
            }
        }
        let refused = format!("/{how}?size={}", 80 * 1024);
        let reply = server.call("forms", &refused).send();
        let request = reply.header("x-request-id").unwrap();
        assert!(
            logged(&[request, "limits.max_response_header_bytes"]),
            "{how}"
        );
    }
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
    // If the process already runs, the head arrives within the function's timeout. The stream may outlive this timeout.
    let (mut wire, asked) = eventually("a stream", || {
        let (mut wire, asked) = (server.wire(), Instant::now());
        wire.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        (wire.head().status == 200).then_some((wire, asked))
    });
    assert_eq!(wire.chunk(), b"begun");
    // The body is cut without its last chunk, so the caller sees that it is incomplete.
    assert_eq!(wire.rest(), "");
    assert!(asked.elapsed() >= idle_timeout);
}

const UNSTEADY: &str = r#"export default define({ description: "Unsteady", config: { public: true, path: "/:what" },
  handler: (_input, ctx) => {
    if (ctx.params.what === "spin") while (true);
    const chunk = new Uint8Array(64 * 1024);
    const endless = ctx.params.what === "endless";
    return new Response(new ReadableStream({
      start: (controller) => controller.enqueue(chunk),
      pull: (controller) => endless ? controller.enqueue(chunk) : new Promise(() => {}),
    }));
  } });"#;

fn open_unsteady(server: &TestServer, slug: &str, path: &str) -> (Wire, Answer) {
    let mut wire = server.wire();
    let host = server.host(slug);
    wire.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    let head = wire.head();
    (wire, head)
}

#[test]
fn a_stream_that_ends_too_early_leaves_a_line_in_the_log() {
    let server = TestServer::start_with(|config| {
        config.limits.stream_idle_timeout_ms = 1000;
        config.limits.max_concurrent_streams = 1;
        config.limits.max_processes_per_function = Some(1);
    });
    server.deploy("unsteady", UNSTEADY);
    // The stream is cut if the function sends nothing or the caller reads nothing. This makes room for the next stream.
    for path in ["/silent", "/endless", "/silent"] {
        let (wire, head) = eventually("room for a stream", || {
            let (wire, head) = open_unsteady(&server, "unsteady", path);
            (head.status == 200).then_some((wire, head))
        });
        let request_id = head.header("x-request-id").unwrap();
        eventually("a line in the log", || {
            logged(&["unsteady", request_id, "limits.stream_idle_timeout_ms"]).then_some(())
        });
        drop(wire);
    }
}

#[test]
fn a_process_that_ends_in_the_middle_of_a_stream_leaves_a_line_in_the_log() {
    let server = TestServer::start_with(|config| config.limits.stall_timeout_ms = 500);
    server.deploy("mortal", UNSTEADY);
    let (mut wire, head) = open_unsteady(&server, "mortal", "/silent");
    assert_eq!(server.call("mortal", "/spin").send().status, 500);
    wire.rest();
    let request_id = head.header("x-request-id").unwrap();
    eventually("a line in the log", || {
        logged(&["mortal", request_id, "broke off"]).then_some(())
    });
}

/// Ends of a body that the function or a deploy causes.
#[test]
fn a_body_that_does_not_end_by_itself_leaves_a_line_in_the_log() {
    let server = TestServer::start_with(|config| config.limits.drain_timeout_ms = 1000);
    let source = r#"const encode = (text) => new TextEncoder().encode(text);
        export default define({ description: "Broken", config: { public: true, path: "/:what" },
          handler: (_input, ctx) => {
            if (ctx.params.what === "generator") return (async function* () {
              yield "begun";
              await new Promise((resolve) => setTimeout(resolve, 200));
              throw new Error("the generator failed");
            })();
            return new Response(new ReadableStream({ start: (controller) => {
              controller.enqueue(encode("begun"));
              if (ctx.params.what === "error") setTimeout(() => controller.error(new Error("the stream failed")), 200);
            } }));
          } });"#;
    server.deploy("broken", source);
    for (path, words) in [
        ("/error", "the stream failed"),
        ("/generator", "the generator failed"),
        ("/silent", "broke off"),
    ] {
        let (mut wire, head) = open_unsteady(&server, "broken", path);
        assert_eq!(head.status, 200, "{path}");
        if path == "/silent" {
            server.deploy("broken", &source.replace("Broken", "Replaced"));
        }
        wire.rest();
        let request_id = head.header("x-request-id").unwrap();
        eventually(&format!("a line in the log about {path}"), || {
            logged(&["broken", request_id, words]).then_some(())
        });
    }
}

/// Calls that try to end their process while it serves other calls.
#[test]
fn a_call_that_would_end_the_process_costs_no_other() {
    let server =
        TestServer::start_with(|config| config.limits.max_processes_per_function = Some(1));
    server.deploy(
        "exits",
        r#"import process from "node:process";
        const { promise, resolve } = Promise.withResolvers();
        let held = 0;
        const attempts = {
          exit: () => process.exit(1), deno: () => Deno.exit(), abort: () => process.abort(),
          kill: () => process.kill(process.pid, "SIGKILL"), close: () => globalThis.close(),
          hold: () => { held++; return promise.then(() => "held"); },
          asked: () => held, release: () => { resolve(); return "released"; },
        };
        export default define({ description: "Exits", config: { public: true, path: "/:what" },
          handler: (_input, ctx) => attempts[ctx.params.what]() });"#,
    );
    let call = |what: &str| server.call("exits", &format!("/{what}")).send();
    std::thread::scope(|scope| {
        let held: Vec<_> = (0..20).map(|_| scope.spawn(|| call("hold"))).collect();
        eventually("all calls to be in flight", || {
            (call("asked").json() == 20).then_some(())
        });
        for what in ["exit", "deno", "abort", "kill", "close"] {
            assert_eq!(call(what).status, 500, "{what}");
        }
        assert_eq!(call("release").json(), "released");
        for reply in held {
            assert_eq!(reply.join().unwrap().json(), "held");
        }
    });
    assert!(logged(&["exits", "a function cannot end its process"]));
}
