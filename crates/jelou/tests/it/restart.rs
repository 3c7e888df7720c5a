//! A restart under load, with a socket that stays open (`deploy/jelou.socket`), and the files of `deploy/` for systemd.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, geteuid};

use crate::support::{Call, Sandbox, Serve, eventually, function, times};

/// A caller with one connection. If the server has closed it, the caller opens another one, as HTTP clients do.
/// Anything else is an error.
struct Caller<'a> {
    address: &'a str,
    request: String,
    connection: Option<BufReader<TcpStream>>,
}

impl Caller<'_> {
    fn call(&mut self) -> io::Result<()> {
        let kept = self.connection.take().filter(is_open);
        let mut connection = match kept {
            Some(kept) => kept,
            None => BufReader::new(TcpStream::connect(self.address)?),
        };
        connection.get_mut().write_all(self.request.as_bytes())?;
        let (mut head, mut length, mut is_kept) = (String::new(), 0, true);
        loop {
            let mut line = String::new();
            if connection.read_line(&mut line)? == 0 {
                let what = format!("the connection was closed after {head:?}");
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            is_kept &= !lower.starts_with("connection: close");
            head.push_str(&line);
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body)?;
        if !head.starts_with("HTTP/1.1 200 ") || body != b"hecho" {
            return Err(io::Error::other(format!(
                "{head}{}",
                String::from_utf8_lossy(&body)
            )));
        }
        self.connection = is_kept.then_some(connection);
        Ok(())
    }
}

/// Whether the server has not closed the connection.
fn is_open(connection: &BufReader<TcpStream>) -> bool {
    let stream = connection.get_ref();
    stream.set_nonblocking(true).unwrap();
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

#[test]
fn a_restart_with_an_open_socket_loses_no_call() {
    let sandbox = Sandbox::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let mut server = serve(&sandbox).listening(&socket).start();
    assert_eq!(server.address(), address);
    // Some calls are in flight when the server stops.
    let source = "async () => { await new Promise((go) => setTimeout(go, Math.random() * 30)); return new Response('hecho'); }";
    let token = sandbox.deploy("mi-funcion", &function(source));
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nX-Jelou-Token: {token}\r\nContent-Length: 2\r\n\r\n{{}}",
        server.host("mi-funcion")
    );
    let (answered, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let keep_calling = || {
        let mut caller = Caller {
            address: &address,
            request: request.clone(),
            connection: None,
        };
        while !done.load(Ordering::SeqCst) {
            caller.call()?;
            answered.fetch_add(1, Ordering::SeqCst);
        }
        Ok::<_, io::Error>(())
    };
    thread::scope(|scope| {
        let callers: Vec<_> = (0..8).map(|_| scope.spawn(keep_calling)).collect();
        for _ in 0..times(2, 20) {
            let before = answered.load(Ordering::SeqCst);
            eventually("calls before the restart", || {
                let now = answered.load(Ordering::SeqCst);
                let is_over = callers.iter().any(thread::ScopedJoinHandle::is_finished);
                (now > before + 100 || is_over).then_some(())
            });
            let data = server.stop();
            server = serve(&sandbox).on(&data).listening(&socket).start();
        }
        let before = answered.load(Ordering::SeqCst);
        eventually("calls after the restart", || {
            let now = answered.load(Ordering::SeqCst);
            let is_over = callers.iter().any(thread::ScopedJoinHandle::is_finished);
            (now > before + 100 || is_over).then_some(())
        });
        done.store(true, Ordering::SeqCst);
        for caller in callers {
            caller.join().unwrap().unwrap();
        }
    });
}

#[test]
fn a_socket_of_no_listener_is_an_error() {
    let sandbox = Sandbox::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let given = serve(&sandbox).listening(&socket);
    let refused = given.arguments("--listen 127.0.0.1:0").run();
    assert_ne!(refused.code, 0, "{refused}");
    let address = socket.local_addr().unwrap();
    let expected = format!("the service manager listens on {address}, which is neither");
    assert!(refused.to_string().contains(&expected), "{refused}");
}

/// The health check tells a balancer to use another server, while requests are still answered.
#[test]
fn a_server_that_stops_says_so_and_goes_on_for_a_while() {
    let sandbox = Sandbox::new();
    let mut server = serve(&sandbox)
        .env("JELOU_CONNECTIONS__DRAIN_DELAY_MS", "5000")
        .start();
    let token = sandbox.deploy("mi-funcion", &function("() => 1"));
    let health = || {
        Call::new(server.address(), server.address())
            .get("/v1/health")
            .try_send()
    };
    assert_eq!(health().unwrap().status, 200);
    let begun = Instant::now();
    server.signal(Signal::TERM);
    let reply = eventually("another health", || {
        health().ok().filter(|reply| reply.status != 200)
    });
    assert_eq!(
        (reply.status, &*reply.body),
        (503, r#"{"status":"stopping"}"#)
    );
    // On a busy machine, this time may already be over.
    let called = server.request("mi-funcion").token(&token).try_send();
    if begun.elapsed() < Duration::from_secs(4) {
        let reply = called.unwrap();
        assert_eq!((reply.status, &*reply.body), (200, "1"));
        assert_eq!(reply.header("connection"), Some("close"));
    }
    assert_eq!(server.wait().code(), Some(0));
    assert!(begun.elapsed() >= Duration::from_secs(5));
}

fn serve(sandbox: &Sandbox) -> Serve<'_> {
    // The machine may be busy.
    Serve::new(sandbox).env("JELOU_LIMITS__STARTUP_TIMEOUT_MS", "60000")
}

fn unit(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn systemd_accepts_the_units() {
    let sandbox = Sandbox::new();
    let folder = tempfile::tempdir().unwrap();
    let service = unit("jelou.service");
    let binary = "/usr/local/bin/jelou ";
    assert!(service.contains(binary));
    let service = service.replace(binary, &format!("{} ", sandbox.binary().display()));
    let files = [
        ("jelou.service", service),
        ("jelou.socket", unit("jelou.socket")),
    ];
    let paths = files.map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    });
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .args(&paths)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !said.contains("jelou"), "{said}");
}

/// The service runs as root with only these capabilities. Every layer of the sandbox works with them.
#[test]
fn the_capabilities_of_the_service_are_enough() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root has capabilities to give up");
        return;
    }
    let service = unit("jelou.service");
    let line = service
        .lines()
        .find_map(|line| line.strip_prefix("CapabilityBoundingSet="));
    let kept: Vec<_> = line
        .unwrap()
        .split(' ')
        .map(|name| name.trim_start_matches("CAP_").to_lowercase())
        .collect();
    let set = format!("-all,+{}", kept.join(",+"));
    let sandbox = Sandbox::new();
    let whole = serve(&sandbox).start();
    let limited = serve(&sandbox)
        .through(&format!("setpriv --bounding-set {set} --no-new-privs"))
        .start();
    let missing = |log: String| {
        let layers = log
            .lines()
            .filter_map(|line| line.split("layer=").nth(1).map(str::to_owned));
        let mut layers: Vec<_> = layers.collect();
        layers.sort();
        layers
    };
    assert_eq!(missing(limited.data.log()), missing(whole.data.log()));
    // Commands go to the second server.
    let source = "(input) => { while (input.gira); return 1; }";
    let token = sandbox.deploy("mi-funcion", &function(source));
    let call = |body: &str| limited.call("mi-funcion", Some(&token), body);
    assert_eq!(call("{}"), (200, "1".to_owned()));
    // The server reads the memory of a process of another user, and kills it.
    let metrics = Call::new(limited.address(), limited.address())
        .get("/metrics")
        .send();
    let memory = metrics
        .body
        .lines()
        .find_map(|line| line.strip_prefix("jelou_workers_memory_bytes "));
    assert!(memory.unwrap().parse::<f64>().unwrap() > 0.0, "{memory:?}");
    let (status, body) = call("{\"gira\": true}");
    assert!(status >= 500, "{status} {body}");
    let killed = "logs mi-funcion event:process.killed --history --json";
    eventually("the end by the watchdog", || {
        let shown = sandbox.jelou(killed).run();
        shown.stdout().contains("process.killed").then_some(())
    });
    assert_eq!(call("{}"), (200, "1".to_owned()));
    limited.stop();
}
