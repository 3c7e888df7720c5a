//! The balancers of `deploy/`, each in front of two servers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustix::process::Signal;
use serde_json::json;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, client};

use super::Cluster;
use crate::support::daemon::{Daemon, command, folder, free_port, give, program, run};
use crate::support::{Call, Server, eventually};

const SOURCE: &str = r#"import { app, define } from "@jelou/functions";

export default app({
  description: "Behind a balancer",
  config: { methods: ["GET", "POST"] },
  tools: {
    hola: define({
      description: "Logs, and answers",
      config: { path: "/" },
      handler: (_input, _ctx, request) => {
        console.log(`answered ${request.headers.get("x-round")}`);
        return { ok: true };
      },
    }),
    goteo: define({
      description: "A stream that does not end by itself",
      handler: () =>
        new Response(
          new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode("primero\n")) }),
          { headers: { "Content-Type": "text/event-stream" } },
        ),
    }),
    eco: define({
      description: "A WebSocket",
      handler: (_input, _ctx, request) => {
        const { socket, response } = Deno.upgradeWebSocket(request);
        socket.onmessage = ({ data }) => socket.send(`eco ${data}`);
        return response;
      },
    }),
  },
});
"#;

fn deployed(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(file);
    std::fs::read_to_string(path).unwrap()
}

/// The text with each of these pieces, which it must contain, replaced.
fn replaced(mut text: String, pieces: &[(&str, &str)]) -> String {
    for (from, to) in pieces {
        assert!(text.contains(from), "{from} is not in {text}");
        text = text.replace(from, to);
    }
    text
}

struct Balancer {
    daemon: Daemon,
}

impl Balancer {
    fn nginx([first, second]: [&Server; 2]) -> Self {
        let (folder, port) = (folder(), free_port());
        let nginx = program("nginx", &["/usr/sbin"]);
        let path = folder.path().to_str().unwrap().to_owned();
        let certificate = [
            ("/etc/nginx/certs/fullchain.pem", format!("{path}/cert.pem")),
            ("/etc/nginx/certs/privkey.pem", format!("{path}/key.pem")),
        ];
        let http = format!(
            "pid {path}/pid;\nerror_log {path}/error.log;\n\nhttp {{\n    client_body_temp_path {path}/body;\n    proxy_temp_path {path}/proxy;\n    fastcgi_temp_path {path}/f;\n    uwsgi_temp_path {path}/u;\n    scgi_temp_path {path}/s;\n"
        );
        let configured = replaced(
            deployed("nginx.conf"),
            &[
                ("\nhttp {\n", &format!("\n{http}")),
                ("10.0.0.1:4400", first.address()),
                ("10.0.0.2:4400", second.address()),
                ("*.fn.example.com", "*.fn.localhost"),
                (certificate[0].0, &certificate[0].1),
                (certificate[1].0, &certificate[1].1),
            ],
        );
        let file = folder.path().join("nginx.conf");
        let write = |text: &str| {
            std::fs::write(&file, text).unwrap();
            give(&file);
        };
        let nginx = |arguments: &[&str]| {
            let mut nginx = command(&nginx, folder.path());
            nginx.args(["-e", "early.log", "-p"]).arg(folder.path());
            nginx.arg("-c").arg(&file).args(arguments);
            nginx
        };
        // With TLS the file is only checked.
        self_signed(folder.path());
        let tls = format!("listen 127.0.0.1:{port} ssl http2;");
        write(&replaced(
            configured.clone(),
            &[("listen 443 ssl http2;", &tls)],
        ));
        run(&mut nginx(&["-t", "-q"]));
        let plain = format!("listen 127.0.0.1:{port};");
        write(&replaced(configured, &[("listen 443 ssl http2;", &plain)]));
        let mut server = nginx(&["-g", "daemon off;"]);
        let daemon = Daemon::start(&mut server, port, folder);
        Self {
            daemon: daemon.ended_by(Signal::TERM),
        }
    }

    fn haproxy([first, second]: [&Server; 2]) -> Self {
        let (folder, port) = (folder(), free_port());
        let haproxy = program("haproxy", &["/usr/sbin"]);
        let path = folder.path().to_str().unwrap().to_owned();
        let configured = replaced(
            deployed("haproxy.cfg"),
            &[
                (
                    "    user haproxy\n    group haproxy\n    log /dev/log local0\n",
                    "",
                ),
                ("    log global\n", ""),
                ("maxconn 20000", "maxconn 1000"),
                ("10.0.0.1:4400", first.address()),
                ("10.0.0.2:4400", second.address()),
            ],
        );
        let file = folder.path().join("haproxy.cfg");
        let write = |text: &str| {
            std::fs::write(&file, text).unwrap();
            give(&file);
        };
        let haproxy = |flag: &str| {
            let mut haproxy = command(&haproxy, folder.path());
            haproxy.arg(flag).arg("-f").arg(&file);
            haproxy
        };
        self_signed(folder.path());
        let bind = "bind :443 ssl crt /etc/haproxy/certs/jelou.pem alpn h2,http/1.1";
        let tls = format!("bind 127.0.0.1:{port} ssl crt {path}/both.pem alpn h2,http/1.1");
        write(&replaced(configured.clone(), &[(bind, &tls)]));
        run(&mut haproxy("-c"));
        write(&replaced(
            configured,
            &[(bind, &format!("bind 127.0.0.1:{port}"))],
        ));
        let daemon = Daemon::start(&mut haproxy("-db"), port, folder);
        Self {
            daemon: daemon.ended_by(Signal::TERM),
        }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.daemon.port)
    }

    fn call(&self, token: &str) -> Call {
        Call::new(&self.address(), "hola.fn.localhost").token(token)
    }
}

/// Makes a certificate, its key, and a file with both.
fn self_signed(folder: &Path) {
    let (key, certificate) = (folder.join("key.pem"), folder.join("cert.pem"));
    run(Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args(["-subj", "/CN=localhost"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate));
    let both = folder.join("both.pem");
    let read = |path| std::fs::read_to_string(path).unwrap();
    std::fs::write(&both, format!("{}{}", read(&certificate), read(&key))).unwrap();
    for path in [key, certificate, both] {
        give(&path);
    }
}

fn stands_before_two_servers(start: impl Fn([&Server; 2]) -> Balancer) {
    let cluster = Cluster::start();
    let Cluster {
        sandbox,
        first,
        second,
        ..
    } = &cluster;
    let token = sandbox.deploy("hola", SOURCE);
    eventually("the function on the other server", || {
        (first.request("hola").get("/").token(&token).send().status == 200).then_some(())
    });
    let balancer = start([first, second]);

    assert_eq!(balancer.call(&token).send().status, 200);
    let wrong = Call::new(&balancer.address(), "hola.fn.localhost").send();
    assert_eq!(wrong.status, 401, "{wrong:?}");
    streams(&balancer, &token);
    upgrades(&balancer, &token);
    knows_callers(&cluster, &balancer);
    uploads(&balancer, &token);

    // One server gets all calls for a host.
    for _ in 0..20 {
        let reply = balancer.call(&token).header("x-round", "here").send();
        assert_eq!(reply.status, 200);
    }
    let counted = |server: &Server| server.data.log().matches("answered here").count();
    let used = eventually("the lines of all calls", || {
        let used = [counted(first), counted(second)];
        (used[0] + used[1] == 20).then_some(used)
    });
    assert!(used == [20, 0] || used == [0, 20], "{used:?}");

    // That server is killed in the middle of calls.
    let Cluster { first, second, .. } = cluster;
    let (busy, other) = if used[0] == 20 {
        (first, second)
    } else {
        (second, first)
    };
    let (answered, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let get = || {
        let call = balancer.call(&token).get("/");
        while !done.load(Ordering::SeqCst) {
            let reply = call.send();
            assert_eq!(reply.status, 200, "{reply:?}");
            answered.fetch_add(1, Ordering::SeqCst);
        }
    };
    let more = || {
        let before = answered.load(Ordering::SeqCst);
        eventually("more answers", || {
            (answered.load(Ordering::SeqCst) >= before + 50).then_some(())
        });
    };
    thread::scope(|scope| {
        let callers: Vec<_> = (0..4).map(|_| scope.spawn(get)).collect();
        // If this part fails, the callers must still stop.
        let watched = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            more();
            busy.kill();
            more();
        }));
        done.store(true, Ordering::SeqCst);
        for caller in callers {
            caller.join().unwrap();
        }
        watched.unwrap();
    });
    assert_eq!(balancer.call(&token).send().status, 200);
    drop(other);
}

/// The first piece of a stream arrives before the stream ends.
fn streams(balancer: &Balancer, token: &str) {
    let mut stream = TcpStream::connect(balancer.address()).unwrap();
    let host = "hola.fn.localhost";
    write!(
        stream,
        "GET /goteo HTTP/1.1\r\nHost: {host}\r\nX-Jelou-Token: {token}\r\n\r\n"
    )
    .unwrap();
    let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&received).contains("primero\n") {
        let count = stream.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "{}", String::from_utf8_lossy(&received));
        received.extend_from_slice(&buffer[..count]);
    }
}

fn upgrades(balancer: &Balancer, token: &str) {
    let mut request = "ws://hola.fn.localhost/eco".into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("x-jelou-token", token.parse().unwrap());
    let stream = TcpStream::connect(balancer.address()).unwrap();
    let (mut socket, _) = client(request, stream).unwrap();
    socket.send(Message::text("uno")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("eco uno"));
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
}

/// A server sees the caller's real address, not an address in the caller's headers.
fn knows_callers(cluster: &Cluster, balancer: &Balancer) {
    let limited = cluster.change(
        "POST",
        "/v1/functions/hola/tokens",
        &json!({ "name": "oficina", "cidrs": ["127.0.0.5/32"] }),
    );
    let token = limited["token"].as_str().unwrap();
    let status = |from: &str, claimed: &str| {
        let output = Command::new("curl")
            .args([
                "-s",
                "-o",
                "/dev/null",
                "-w",
                "%{http_code}",
                "--noproxy",
                "*",
            ])
            .args(["--interface", from])
            .args([
                "-H",
                "Host: hola.fn.localhost",
                "-H",
                &format!("X-Jelou-Token: {token}"),
            ])
            .args(["-H", &format!("X-Forwarded-For: {claimed}")])
            .args(["-H", &format!("Forwarded: for={claimed}")])
            .arg(format!("http://{}/", balancer.address()))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(status("127.0.0.5", "192.0.2.1"), "200");
    assert_eq!(status("127.0.0.6", "127.0.0.5"), "403");
}

/// Bodies up to the limits of the servers pass.
fn uploads(balancer: &Balancer, token: &str) {
    let text = "x".repeat(5 * 1024 * 1024);
    let body = json!({ "texto": text }).to_string();
    assert_eq!(balancer.call(token).body(&body).send().status, 200);
}

#[test]
fn nginx_stands_before_two_servers() {
    stands_before_two_servers(Balancer::nginx);
}

#[test]
fn haproxy_stands_before_two_servers() {
    stands_before_two_servers(Balancer::haproxy);
}
