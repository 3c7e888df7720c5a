//! More functions than fit into memory: idle processes are evicted, and no call is lost.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{Sandbox, Serve, Server, eventually, function, times};

const FUNCTIONS: usize = 8;
/// The longest time that the next part of a stream may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server with memory for a few processes of about 20 MiB.
fn server(sandbox: &Sandbox, mib: u64, startup_timeout_ms: &str) -> Server {
    Serve::new(sandbox)
        .env("JELOU_LIMITS__MAX_WORKERS_MEMORY_MIB", &mib.to_string())
        .env("JELOU_LIMITS__BLANK_WORKERS", "1")
        .env("JELOU_LIMITS__MAX_BLANK_WORKERS", "1")
        // How long a call waits for memory before it is refused.
        .env("JELOU_LIMITS__STARTUP_TIMEOUT_MS", startup_timeout_ms)
        .start()
}

/// Deploys functions that return their number. Returns their slugs and tokens.
fn deploy(sandbox: &Sandbox, count: usize) -> Vec<(String, String)> {
    (0..count)
        .map(|number| {
            let slug = format!("funcion-{number}");
            let token = sandbox.deploy(&slug, &function(&format!("() => {number}")));
            (slug, token)
        })
        .collect()
}

#[test]
fn idle_processes_make_room_and_no_call_is_lost() {
    let sandbox = Sandbox::new();
    let server = server(&sandbox, 100, "30000");
    let functions = deploy(&sandbox, FUNCTIONS);
    let turn = AtomicUsize::new(0);
    let most = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..times(60, 1000) {
                    // Each step calls another function, in a pattern that visits all of them.
                    let number = turn.fetch_add(1, Ordering::SeqCst) * 5 % (FUNCTIONS - 1);
                    let (slug, token) = &functions[number];
                    let reply = server.call(slug, Some(token), "{}");
                    assert_eq!(reply, (200, number.to_string()));
                    most.fetch_max(server.data.workers().len(), Ordering::SeqCst);
                }
            });
        }
    });
    let log = server.data.log();
    assert!(
        log.contains("an idle process is ended for its memory"),
        "{log}"
    );
    assert!(log.contains("limits.max_workers_memory_mib"), "{log}");
    let most = most.into_inner();
    assert!(most < FUNCTIONS, "{most} processes");
}

#[test]
fn a_process_that_works_is_not_ended() {
    let sandbox = Sandbox::new();
    let server = server(&sandbox, 80, "30000");
    let streaming = "() => {
        const parts = async function* () {
            while (true) { yield 'a'; await new Promise((next) => setTimeout(next, 20)); }
        };
        return new Response(ReadableStream.from(parts()).pipeThrough(new TextEncoderStream()));
    }";
    let token = sandbox.deploy("mi-stream", &function(streaming));
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {}\r\nX-Jelou-Token: {token}\r\nContent-Length: 2\r\n\r\n{{}}",
        server.host("mi-stream")
    )
    .unwrap();
    let mut some = [0; 512];
    let mut read_some = || stream.read(&mut some).unwrap();
    assert!(read_some() > 0);
    // Each of these calls must evict another process.
    for (slug, token) in deploy(&sandbox, FUNCTIONS) {
        let reply = server.call(&slug, Some(&token), "{}");
        assert_eq!(reply.0, 200, "{reply:?}");
        assert!(read_some() > 0);
    }
    let log = server.data.log();
    assert!(
        log.contains("an idle process is ended for its memory"),
        "{log}"
    );
}

#[test]
fn without_room_a_call_waits_and_is_refused() {
    let sandbox = Sandbox::new();
    let server = server(&sandbox, 64, "5000");
    let waiting = "async () => { await new Promise((done) => setTimeout(done, 60_000)); }";
    let waiting = function(waiting).replace("handler:", "config: { timeout: 100_000 }, handler:");
    let functions: Vec<_> = (0..FUNCTIONS)
        .map(|number| {
            let slug = format!("funcion-{number}");
            let token = sandbox.deploy(&slug, &waiting);
            (slug, token)
        })
        .collect();
    let late = sandbox.deploy("otra-funcion", &function("() => 1"));
    thread::scope(|scope| {
        // These calls occupy their processes until the server ends.
        for (slug, token) in &functions {
            let call = server.request(slug).token(token);
            scope.spawn(move || call.try_send());
        }
        eventually("a refusal that names the limit", || {
            let log = server.data.log();
            let named = "there is no memory for another process";
            let refusal = log.lines().find(|line| line.contains(named))?;
            assert!(refusal.contains("limits.max_workers_memory_mib"), "{log}");
            Some(())
        });
        let reply = server.request("otra-funcion").token(&late).send();
        let told = (reply.status, reply.header("retry-after"));
        assert_eq!(told, (503, Some("1")), "{reply:?}");
        server.signal(rustix::process::Signal::KILL);
    });
}
