//! A connection that stays open can be used again after every kind of answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Sandbox, Server, eventually, function};

/// Less than the time that the server waits for an unread body.
const IN_TIME: Duration = Duration::from_millis(900);
/// The longest time that the next byte may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

struct Connection<'a> {
    server: &'a Server,
    stream: BufReader<TcpStream>,
}

impl<'a> Connection<'a> {
    fn open(server: &'a Server) -> Self {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            server,
            stream: BufReader::new(stream),
        }
    }

    /// Sends the head of a request. The body may follow later.
    fn send_head(&mut self, path: &str, token: &str, length: usize) {
        let host = self.server.host("mi-funcion");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nX-Jelou-Token: {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        self.send(&head);
    }

    fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The status of an answer, and whether the answer closes the connection.
    fn receive(&mut self) -> (u16, bool) {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let count = self.stream.read_line(&mut head).unwrap();
            assert_ne!(count, 0, "the connection ended: {head}");
        }
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length = length.split('\r').next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.contains("\r\nconnection: close\r\n"))
    }
}

#[test]
fn a_refusal_leaves_the_connection_usable() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", &function("() => 1"));
    let call = || assert_eq!(server.call("mi-funcion", Some(&token), "{}").0, 200);
    // Starts the process first. A cold start would take longer than the server waits for a body.
    call();
    for (path, sent, status) in [
        ("/", "jfn_rt_abc", 401),
        ("/__health", "", 405),
        ("/openapi.json", "", 405),
        ("/mcp", "", 401),
    ] {
        let (mut connection, answer) = eventually("a body that is in time", || {
            let mut connection = Connection::open(&server);
            let began = Instant::now();
            connection.send_head(path, sent, 2);
            // When this call is answered, the server has read the head above.
            call();
            connection.send("{}");
            let answer = connection.receive();
            (began.elapsed() < IN_TIME || !answer.1).then_some((connection, answer))
        });
        assert_eq!(answer, (status, false), "{path}");
        connection.send_head("/", &token, 2);
        connection.send("{}");
        assert_eq!(connection.receive(), (200, false), "{path}");
    }
}

/// The server does not wait for a large body. `Connection: close` makes the caller stop sending.
#[test]
fn a_refusal_of_a_large_body_ends_the_connection() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", &function("() => 1"));
    for (path, sent, length, status) in [
        ("/", "", 1_000_000, 401),
        ("/mcp", "", 1_000_000, 401),
        ("/", &*token, 20_000_000, 413),
        ("/mcp", &*token, 20_000_000, 413),
    ] {
        let mut connection = Connection::open(&server);
        connection.send_head(path, sent, length);
        assert_eq!(connection.receive(), (status, true), "{path}");
    }
}
