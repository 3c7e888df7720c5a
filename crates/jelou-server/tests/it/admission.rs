//! Admission of requests to a function: large bodies by their memory, and streams in addition to calls.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::support::{TestServer, Wire, eventually, log_of, logged};

/// Reads a body in every supported way, and answers with the id of its process.
const READER: &str = r#"const born = crypto.randomUUID();
export default define({ description: "Reads", config: { public: true, path: "/:how", methods: ["GET", "POST"] },
  handler: async (input, ctx, request) => {
    switch (ctx.params.how) {
      case "json": return { born, size: JSON.stringify(input).length > 0 };
      case "text": return { born, size: (await request.text()).length };
      case "bytes": return { born, size: (await request.arrayBuffer()).byteLength };
      case "form": return { born, size: (await (await request.formData()).get("f").arrayBuffer()).byteLength };
      case "echo": return new Response(request.body);
      default: return { born };
    }
  } });"#;

/// Just below the limit of 10 MiB.
const LARGEST: usize = 10 * 1024 * 1024 - 1024;

fn repeated(unit: &str) -> Vec<u8> {
    let mut text = unit.repeat((LARGEST - 2) / unit.len());
    text.pop();
    format!("[{text}]").into_bytes()
}

fn multipart() -> Vec<u8> {
    let mut body =
        b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n".to_vec();
    body.resize(LARGEST - 9, b'x');
    body.extend_from_slice(b"\r\n--b--\r\n");
    body
}

struct Upload {
    how: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Upload {
    fn new(how: &'static str, content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            how,
            content_type,
            body,
        }
    }

    /// Returns the status. Without a length, the body is sent in chunks.
    fn send(&self, server: &TestServer, has_length: bool) -> u16 {
        let mut wire = server.wire();
        let framing = if has_length {
            format!("Content-Length: {}", self.body.len())
        } else {
            "Transfer-Encoding: chunked".to_owned()
        };
        wire.send(format!(
            "POST /{} HTTP/1.1\r\nHost: {}\r\nContent-Type: {}\r\nConnection: close\r\n{framing}\r\n\r\n",
            self.how,
            server.host("reader"),
            self.content_type,
        ));
        let mut writer = wire.writer();
        let head = std::thread::scope(|scope| {
            // The answer may arrive before the whole body is sent, and then sending may fail.
            scope.spawn(move || {
                if has_length {
                    return writer.write_all(&self.body);
                }
                for chunk in self.body.chunks(1024 * 1024) {
                    writer.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
                    writer.write_all(chunk)?;
                    writer.write_all(b"\r\n")?;
                }
                writer.write_all(b"0\r\n\r\n")
            });
            let head = wire.head();
            wire.rest();
            head
        });
        if head.status == 503 {
            assert!(head.header("retry-after").is_some(), "{head:?}");
        }
        head.status
    }
}

fn born(server: &TestServer) -> String {
    let reply = server.call("reader", "/none").send();
    assert_eq!(reply.status, 200, "{}", log_of("reader"));
    reply.json()["born"].as_str().unwrap().to_owned()
}

/// Sends uploads at once, and small calls at the same time. One process must serve all of them and survive.
fn upload_at_once(server: &TestServer, uploads: &[(&Upload, bool)]) -> Vec<u16> {
    let first = born(server);
    let done = AtomicBool::new(false);
    let statuses = std::thread::scope(|scope| {
        let small = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                assert_eq!(born(server), first);
            }
        });
        let sent: Vec<_> = uploads
            .iter()
            .map(|(upload, has_length)| scope.spawn(|| upload.send(server, *has_length)))
            .collect();
        let statuses = sent.into_iter().map(|sent| sent.join().unwrap()).collect();
        done.store(true, Ordering::Release);
        small.join().unwrap();
        statuses
    });
    assert_eq!(born(server), first, "the process did not live on");
    statuses
}

/// A process that reads a large body yields the cores to everything else that runs, so two of these tests at the same
/// time keep each other's calls waiting.
static ALONE: Mutex<()> = Mutex::new(());

fn start() -> (MutexGuard<'static, ()>, TestServer) {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = TestServer::start_with(|config| {
        config.limits.max_processes_per_function = Some(1);
        // These tests are about memory, not about time.
        config.limits.request_timeout_ms = 120_000;
        config.limits.stall_timeout_ms = 30_000;
    });
    server.deploy("reader", READER);
    (alone, server)
}

fn largest_uploads() -> Vec<Upload> {
    vec![
        Upload::new(
            "json",
            "application/json",
            repeated(r#"{"id":12345,"name":"Ana","tags":["a","b"]},"#),
        ),
        Upload::new("json", "application/json", repeated("1,")),
        Upload::new(
            "json",
            "application/x-www-form-urlencoded",
            repeated("name=one+field+of+the+form&"),
        ),
        Upload::new("text", "text/plain", repeated("ñ→")),
        Upload::new("bytes", "application/octet-stream", vec![b'x'; LARGEST]),
        Upload::new("form", "multipart/form-data; boundary=b", multipart()),
        Upload::new("echo", "application/octet-stream", vec![b'x'; LARGEST]),
        Upload::new("ignored", "application/octet-stream", vec![b'x'; LARGEST]),
    ]
}

#[test]
fn four_of_the_largest_bodies_at_once_are_all_read() {
    let (_alone, server) = start();
    for upload in largest_uploads() {
        for has_length in [true, false] {
            let statuses = upload_at_once(&server, &[(&upload, has_length); 4]);
            let what = (upload.how, upload.content_type, has_length);
            assert!(
                statuses.iter().all(|status| matches!(status, 200 | 503)),
                "{what:?}: {statuses:?}"
            );
            assert!(statuses.contains(&200), "{what:?}: {statuses:?}");
        }
    }
}

#[test]
fn sixty_four_of_the_largest_bodies_at_once_end_no_process() {
    let (_alone, server) = start();
    let kinds = largest_uploads();
    let uploads: Vec<_> = (0..64)
        .map(|number| (&kinds[number % kinds.len()], number % 3 != 0))
        .collect();
    let statuses = upload_at_once(&server, &uploads);
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 503)),
        "{statuses:?}: {}",
        log_of("reader")
    );
    assert!(statuses.contains(&200), "{statuses:?}");
}

#[test]
fn a_body_that_does_not_fit_in_time_is_turned_away() {
    let server = TestServer::start_with(|config| config.limits.max_body_wait_ms = 50);
    server.deploy(
        "slowreader",
        r#"const { promise, resolve } = Promise.withResolvers();
        export default define({ description: "Slow", config: { public: true, path: "/:what", methods: ["GET", "POST"] },
          handler: async (input, ctx) => {
            if (ctx.params.what === "go") resolve();
            if (ctx.params.what === "wait") { globalThis.waits = true; await promise; }
            return { waits: globalThis.waits ?? false };
          } });"#,
    );
    let large = format!("[\"{}\"]", "x".repeat(9 * 1024 * 1024));
    let call = |path: &str, body: &str| {
        let call = server.call("slowreader", path);
        call.header("content-type", "application/json").body(body)
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| call("/wait", &large).send().status);
        eventually("the first upload to be in the function", || {
            let reply = server.call("slowreader", "/asked").send();
            (reply.json()["waits"] == true).then_some(())
        });
        let second = call("/none", &large).send();
        assert_eq!(second.status, 503);
        assert!(second.header("retry-after").is_some());
        assert!(logged(&[
            "slowreader",
            "limits.max_body_memory_mib",
            "limits.max_body_wait_ms"
        ]));
        // A smaller body has room.
        assert_eq!(
            call("/none", &large[..100 * 1024].replace('[', ""))
                .send()
                .status,
            400
        );
        assert_eq!(call("/go", "{}").send().status, 200);
        assert_eq!(first.join().unwrap(), 200);
    });
    assert_eq!(call("/none", &large).send().status, 200);
}

/// Slow uploads reserve their memory until the timeout of the request, and small calls are not affected.
#[test]
fn bodies_that_are_sent_slowly_lose_their_memory_at_the_timeout() {
    let server = TestServer::start_with(|config| {
        config.limits.max_processes_per_function = Some(1);
        config.limits.request_timeout_ms = 3000;
        config.limits.max_body_wait_ms = 500;
    });
    server.deploy("reader", READER);
    let first = born(&server);
    let host = server.host("reader");
    let slow: Vec<Wire> = (0..8)
        .map(|_| {
            let mut wire = server.wire();
            wire.send(format!(
                "POST /bytes HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/octet-stream\r\n\
                 Content-Length: {LARGEST}\r\n\r\n{}",
                "x".repeat(200 * 1024)
            ));
            wire
        })
        .collect();
    assert_eq!(born(&server), first);
    let upload = Upload::new("bytes", "application/octet-stream", vec![b'x'; LARGEST]);
    eventually("memory for an upload", || {
        let status = upload.send(&server, true);
        assert!(matches!(status, 200 | 503), "{status}");
        (status == 200).then_some(())
    });
    for mut wire in slow {
        let status = wire.head().status;
        assert!(matches!(status, 503 | 504), "{status}");
    }
    assert_eq!(born(&server), first);
}

#[test]
fn forms_that_would_take_too_much_memory_are_refused() {
    let (_alone, server) = start();
    let first = born(&server);
    let file = "\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n";
    for (how, content_type, unit) in [
        ("json", "application/x-www-form-urlencoded", "a=1&"),
        ("json", "application/x-www-form-urlencoded", "a&"),
        ("form", "multipart/form-data; boundary=b", file),
        ("form", "Multipart/Form-Data; boundary=b", "\r\n--b\r\n"),
    ] {
        for size in [100 * 1024, LARGEST] {
            let mut body = repeated(unit);
            body.truncate(size);
            let upload = Upload::new(how, content_type, body);
            for has_length in [true, false] {
                let status = upload.send(&server, has_length);
                assert_eq!(status, 413, "{unit} {size}");
            }
        }
    }
    assert_eq!(born(&server), first);
}

#[test]
fn json_that_would_take_too_much_memory_is_refused() {
    let (_alone, server) = start();
    let first = born(&server);
    for unit in ["{},", "[],", "[[]],"] {
        for size in [100 * 1024, LARGEST] {
            for (how, content_type) in [
                ("json", "application/json"),
                ("bytes", "application/octet-stream"),
            ] {
                let mut body = repeated(unit);
                body.truncate(size);
                let upload = Upload::new(how, content_type, body);
                for has_length in [true, false] {
                    assert_eq!(
                        upload.send(&server, has_length),
                        413,
                        "{unit} {size} {content_type}"
                    );
                }
            }
        }
    }
    assert!(logged(&[
        "reader",
        "JSON objects, arrays or form fields",
        "limits.max_body_memory_mib"
    ]));
    assert_eq!(born(&server), first);
}

const STREAMS: &str = r#"export default define({ description: "Streams", config: { public: true, path: "/:what" },
  handler: (_input, ctx, request) => {
    if (ctx.params.what === "socket") return Deno.upgradeWebSocket(request).response;
    if (ctx.params.what === "lines") return (async function* () { yield { line: 1 }; await new Promise(() => {}); })();
    if (ctx.params.what !== "events") return {};
    return new Response(new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(": \n\n")) }),
      { headers: { "content-type": "text/event-stream" } });
  } });"#;

fn open_stream(server: &TestServer, path: &str) -> (Wire, u16) {
    let mut wire = server.wire();
    let host = server.host("streams");
    let upgrade = if path == "/socket" {
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    } else {
        ""
    };
    wire.send(format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\n{upgrade}\r\n"
    ));
    let status = wire.head().status;
    (wire, status)
}

/// The streams stay within the default limits and come from one address.
#[test]
fn a_hundred_silent_streams_keep_no_call_waiting() {
    for (path, status) in [("/events", 200), ("/socket", 101)] {
        let server =
            TestServer::start_with(|config| config.limits.max_processes_per_function = Some(1));
        server.deploy("streams", STREAMS);
        let open: Vec<_> = (0..100).map(|_| open_stream(&server, path)).collect();
        assert!(open.iter().all(|(_, opened)| *opened == status), "{path}");
        let asked = std::time::Instant::now();
        let reply = server.call("streams", "/plain").send();
        let after = asked.elapsed();
        assert_eq!(reply.status, 200, "{path}");
        assert!(after.as_secs() < 10, "{path}: {after:?}");
    }
}

#[test]
fn silent_streams_keep_no_call_waiting() {
    for (path, status) in [("/events", 200), ("/lines", 200), ("/socket", 101)] {
        let server = TestServer::start_with(|config| {
            config.limits.max_processes_per_function = Some(1);
            config.limits.max_concurrent_requests = 2;
            config.limits.max_queued_requests = 0;
            config.limits.max_concurrent_streams = 5;
        });
        server.deploy("streams", STREAMS);
        let call = || server.call("streams", "/plain").send().status;
        assert_eq!(call(), 200);
        let mut open: Vec<_> = (0..5).map(|_| open_stream(&server, path)).collect();
        assert!(open.iter().all(|(_, opened)| *opened == status));
        assert_eq!(call(), 200);
        assert_eq!(open_stream(&server, path).1, 503);
        assert!(logged(&["streams", "limits.max_concurrent_streams"]));
        assert_eq!(call(), 200);
        // A stream that ends frees a permit for another stream.
        open.pop();
        let another = eventually("room for another stream", || {
            let (wire, opened) = open_stream(&server, path);
            (opened == status).then_some(wire)
        });
        drop((another, open));
    }
}

#[test]
fn a_function_full_of_streams_gets_another_process() {
    let server = TestServer::start_with(|config| {
        config.limits.max_processes_per_function = Some(2);
        config.limits.max_concurrent_streams = 4;
    });
    server.deploy("streams", STREAMS);
    let mut open = Vec::new();
    // Opens as many streams as two processes allow.
    while open.len() < 8 {
        open.push(eventually("room for another stream", || {
            let (wire, status) = open_stream(&server, "/events");
            (status == 200).then_some(wire)
        }));
    }
    assert_eq!(open_stream(&server, "/events").1, 503);
    assert!(logged(&["streams", "8 response streams"]));
}

#[test]
fn compressed_json_that_would_take_too_much_memory_is_refused() {
    let (_alone, server) = start();
    let first = born(&server);
    for (unit, status) in [("{},", 413), (r#"{"id":12345,"name":"Ana"},"#, 200)] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&repeated(unit)).unwrap();
        let body = gzip.finish().unwrap();
        let mut wire = server.wire();
        let host = server.host("reader");
        wire.send(format!(
            "POST /json HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            body.len()
        ));
        wire.send(body);
        assert_eq!(wire.answer().status, status, "{unit}: {}", log_of("reader"));
    }
    assert_eq!(born(&server), first);
}
