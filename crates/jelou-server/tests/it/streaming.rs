//! Streamed bodies: each event is sent at once, back-pressure works, and both sides see the end.

use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::{TestServer, Wire, eventually};

const STREAMS: &str = r#"
const encoder = new TextEncoder();
const state = { made: 0, hanging: false, aborted: null, ended: 0, next: Promise.withResolvers() };
const events = () => new ReadableStream({
  async pull(controller) {
    await state.next.promise;
    state.next = Promise.withResolvers();
    controller.enqueue(encoder.encode(`data: ${++state.made}\n\n`));
  },
});
const bytes = (size) => {
  const chunk = new Uint8Array(64 * 1024).fill(120);
  state.made = 0;
  return new ReadableStream({
    pull(controller) {
      if (state.made >= size) { state.ended++; return controller.close(); }
      state.made += chunk.length;
      controller.enqueue(chunk);
    },
  });
};
export default define({ description: "Streams", config: { public: true, path: "/:what", timeout: 120_000 },
handler: async (input, ctx, request) => {
  switch (ctx.params.what) {
    case "state": return { made: state.made, hanging: state.hanging, aborted: state.aborted, ended: state.ended };
    case "next": state.next.resolve(); return {};
    case "count": {
      let length = 0;
      for await (const chunk of request.body) length += chunk.length;
      return { length };
    }
    case "hang": {
      request.signal.onabort = () => state.aborted = Date.now();
      state.hanging = true;
      await new Promise(() => {});
    }
  }
  request.signal.onabort = () => state.aborted = Date.now();
  if (ctx.params.what === "events") return new Response(events(), { headers: { "content-type": "text/event-stream" } });
  if (ctx.params.what === "bytes") return new Response(bytes(Number(input.size)));
  return { plain: true };
} });"#;

const MIB: u64 = 1024 * 1024;

fn start() -> TestServer {
    let server = TestServer::start();
    server.deploy("streams", STREAMS);
    server
}

fn state(server: &TestServer) -> Value {
    server.call("streams", "/state").send().json()
}

/// Requests a body and reads only the head.
fn open(server: &TestServer, target: &str) -> Wire {
    let mut wire = server.wire();
    let host = server.host("streams");
    wire.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    wire
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

#[test]
fn events_come_one_by_one() {
    let server = start();
    let mut wire = open(&server, "/events");
    let head = wire.head();
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    // Proxies that support this header pass each event on at once.
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    for number in 1..=5 {
        server.call("streams", "/next").send();
        let event = format!("data: {number}\n\n");
        assert_eq!(String::from_utf8(wire.chunk()).unwrap(), event);
    }
}

#[test]
fn only_events_ask_proxies_not_to_buffer() {
    let server = TestServer::start();
    server.deploy(
        "typed",
        r#"export default define({ description: "Typed", config: { public: true }, handler: ({ type, own }) =>
          new Response("data: 1\n\n", { headers: { "content-type": type, ...(own ? { "x-accel-buffering": own } : {}) } }) });"#,
    );
    for (query, expected) in [
        ("type=text/event-stream", Some("no")),
        ("type=text/event-stream;charset%3Dutf-8", Some("no")),
        ("type=Text/Event-Stream", Some("no")),
        ("type=text/event-stream&own=yes", Some("yes")),
        ("type=text/plain", None),
        ("type=text/event-streams", None),
    ] {
        let reply = server.call("typed", &format!("/?{query}")).send();
        assert_eq!(reply.header("x-accel-buffering"), expected, "{query}");
    }
}

#[test]
fn a_caller_who_goes_away_is_noticed_and_one_who_has_all_is_not() {
    let server = start();
    // If the caller has received the whole answer, the call does not count as aborted.
    for target in ["/plain", "/bytes?size=200000"] {
        server.call("streams", target).send();
    }
    assert_eq!(state(&server)["aborted"], Value::Null);
    // The caller disconnects while the function works, or while its answer streams.
    for target in ["/hang", "/events"] {
        let mut wire = open(&server, target);
        if target == "/events" {
            wire.head();
        } else {
            eventually("the function to have the call", || {
                (state(&server)["hanging"] == true).then_some(())
            });
        }
        let left = now_ms();
        drop(wire);
        let aborted = eventually("the function to notice", || {
            let aborted = state(&server)["aborted"].as_u64()?;
            (aborted >= left).then_some(aborted)
        });
        // Long before the call would end by itself.
        assert!(
            aborted - left < 30_000,
            "{target}: after {} ms",
            aborted - left
        );
    }
}

#[test]
fn a_slow_reader_slows_the_function_down() {
    let server = start();
    let mut wire = open(&server, &format!("/bytes?size={}", 200 * MIB));
    wire.head();
    // The function produces no more data once all buffers between it and the caller are full.
    let made = |server: &TestServer| state(server)["made"].as_u64().unwrap();
    let mut last = 0;
    let mut unchanged = 0;
    while unchanged < 50 {
        let now = made(&server);
        unchanged = if now == last { unchanged + 1 } else { 0 };
        last = now;
    }
    println!("made for a reader who does not read: {} KiB", last / 1024);
    assert!(last < 20 * MIB, "{last}");
}

/// Runs in a separate process, so that other tests do not affect the measured memory.
#[test]
fn memory_does_not_grow_with_what_goes_through() {
    const NAME: &str = "streaming::memory_does_not_grow_with_what_goes_through";
    const CHILD: &str = "JELOU_TEST_MEASURES_MEMORY";
    if std::env::var_os(CHILD).is_some() {
        return measure();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("1 passed"), "{text}");
}

fn measure() {
    let server = start();
    let download = |size: u64| {
        let mut wire = open(&server, &format!("/bytes?size={size}"));
        wire.head();
        loop {
            if wire.chunk().is_empty() {
                return;
            }
        }
    };
    let upload = |size: u64, chunked: bool| {
        let mut wire = server.wire();
        let host = server.host("streams");
        let framing = if chunked {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {size}")
        };
        wire.send(format!(
            "POST /count HTTP/1.1\r\nHost: {host}\r\nContent-Type: image/png\r\n{framing}\r\n\r\n"
        ));
        let chunk = vec![b'x'; 64 * 1024];
        for _ in 0..size / chunk.len() as u64 {
            if chunked {
                wire.send(format!("{:x}\r\n", chunk.len()));
            }
            wire.send(&chunk);
            if chunked {
                wire.send("\r\n");
            }
        }
        if chunked {
            wire.send("0\r\n\r\n");
        }
        assert_eq!(wire.answer().json(), json!({ "length": size }));
    };
    // The first transfer of each kind also allocates the memory that stays allocated.
    download(MIB);
    upload(MIB, false);
    upload(MIB, true);
    let measured = |what: &str, limit_kib: u64, work: &dyn Fn()| {
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = memory_kib("VmRSS:");
        work();
        let grown = memory_kib("VmHWM:").saturating_sub(before);
        println!("{what}: {before} KiB and at most {grown} KiB more");
        assert!(grown <= limit_kib, "{what}: {grown} KiB");
    };
    measured("a response of 50 MiB", 8 * 1024, &|| download(50 * MIB));
    measured("uploads of 9 MiB", 8 * 1024, &|| {
        upload(9 * MIB, false);
        upload(9 * MIB, true);
    });
    measured("a response of 200 MiB that nobody reads", 8 * 1024, &|| {
        let mut wire = open(&server, &format!("/bytes?size={}", 200 * MIB));
        wire.head();
        let until = std::time::Instant::now() + Duration::from_secs(10);
        let mut last = (0, 0);
        while last.1 < 50 && std::time::Instant::now() < until {
            let made = state(&server)["made"].as_u64().unwrap();
            last = if made == last.0 {
                (made, last.1 + 1)
            } else {
                (made, 0)
            };
        }
    });
}

/// Reads the memory of this process, which runs the server.
fn memory_kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
