//! Several requests on one connection: with a length or in chunks, with complete or streamed responses.

use crate::support::{ECHO, TestServer, Wire};

/// Answers every request with a stream.
const STREAM: &str = r#"export default define({ description: "Streams", config: { public: true },
  handler: () => new Response(new ReadableStream({
    start(controller) { controller.enqueue(new TextEncoder().encode("streamed")); controller.close(); },
  })) });"#;

fn post(host: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn chunked(host: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n\
         {length:x}\r\n{body}\r\n0\r\n\r\n"
    )
}

fn assert_echoes(wire: &mut Wire, path: &str, length: usize) {
    let echo = wire.answer().json();
    assert_eq!(echo["path"], path);
    assert_eq!(echo["length"], length, "{path}");
}

#[test]
fn requests_that_come_together_are_answered_in_their_order() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    server.deploy("stream", STREAM);
    let echo = server.host("echo");
    let stream = server.host("stream");
    // One of the four requests is chunked.
    let plain = |path: &str| post(&echo, path, "12345");
    let odd = |path: &str| chunked(&echo, path, "1234567");
    for odd_at in 0..4 {
        let mut wire = server.wire();
        let requests: String = (0..4)
            .map(|at| {
                let path = format!("/{at}");
                if at == odd_at {
                    odd(&path)
                } else {
                    plain(&path)
                }
            })
            .collect();
        wire.send(requests);
        for at in 0..4 {
            let length = if at == odd_at { 7 } else { 5 };
            assert_echoes(&mut wire, &format!("/{at}"), length);
        }
    }
    // One of the responses is a stream.
    let mut wire = server.wire();
    wire.send([plain("/a"), post(&stream, "/", "12345"), plain("/b")].concat());
    assert_echoes(&mut wire, "/a", 5);
    assert_eq!(wire.answer().body, "streamed");
    assert_echoes(&mut wire, "/b", 5);
}

#[test]
fn a_streamed_answer_keeps_the_connection_whatever_the_body_was() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    server.deploy("stream", STREAM);
    let body = "x".repeat(100 * 1024);
    let mut wire = server.wire();
    let stream = server.host("stream");
    // The function does not read a chunked body, and may answer before the whole body is sent.
    let unread = std::iter::repeat_n(chunked(&stream, "/", "short"), 10);
    for request in [post(&stream, "/", &body)].into_iter().chain(unread) {
        wire.send([&request, &*post(&server.host("echo"), "/next", &body)].concat());
        let answer = wire.answer();
        assert_eq!(answer.body, "streamed");
        assert_eq!(answer.header("connection"), None);
        assert_echoes(&mut wire, "/next", body.len());
    }
    // The management API uses another kind of response stream.
    let mut wire = server.wire();
    let secrets = format!("{{\"secrets\":{{\"NAME\":\"1\"}}}}{}", " ".repeat(60_000));
    let api = post(server.address(), "/v1/functions/echo/secrets", &secrets)
        .replacen("POST", "PATCH", 1)
        .replacen("text/plain", "application/json", 1)
        .replacen(
            "\r\n\r\n",
            &format!(
                "\r\nAuthorization: Bearer {}\r\n\r\n",
                server.access_token()
            ),
            1,
        );
    wire.send([&api, &*post(&server.host("echo"), "/next", &body)].concat());
    let answer = wire.answer();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_echoes(&mut wire, "/next", body.len());
}

#[test]
fn a_request_may_come_in_any_two_pieces() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    let host = server.host("echo");
    let mut wire = server.wire();
    let request = post(&host, "/pieces", "body");
    for cut in 1..request.len() {
        let (first, second) = request.split_at(cut);
        wire.send(first).send(second);
        assert_echoes(&mut wire, "/pieces", 4);
    }
}

#[test]
fn the_last_request_is_the_one_that_says_so() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    let host = server.host("echo");
    let request = |version: &str, option: &str, path: &str| {
        format!("GET {path} HTTP/{version}\r\nHost: {host}\r\n{option}\r\n")
    };
    let later = request("1.1", "", "/later");
    for (version, option, kept) in [
        ("1.1", "", true),
        ("1.1", "Connection: keep-alive\r\n", true),
        ("1.1", "Connection: X-Nothing\r\n", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "connection: CLOSE\r\n", false),
        (
            "1.1",
            "Connection: close\r\nConnection: keep-alive\r\n",
            false,
        ),
        (
            "1.1",
            "Connection: keep-alive\r\nConnection: close\r\n",
            false,
        ),
        ("1.1", "Connection: keep-alive, close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
    ] {
        let mut wire = server.wire();
        wire.send_until_refused(request(version, option, "/first"));
        assert_echoes(&mut wire, "/first", 0);
        wire.send_until_refused(&later);
        if kept {
            assert_echoes(&mut wire, "/later", 0);
        } else {
            assert_eq!(wire.rest(), "", "{version} {option:?}");
        }
    }
}

#[test]
fn answers_without_a_body_leave_nothing_on_the_connection() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    server.deploy(
        "bare",
        r#"export default define({ description: "Bare", config: { public: true, path: "/:status" },
          handler: (_input, ctx) => response.status(Number(ctx.params.status)).header("x-own", "1").text("body") });"#,
    );
    let host = server.host("bare");
    for framing in ["", "TE: trailers\r\n"] {
        let mut wire = server.wire();
        for status in [204, 304] {
            wire.send(format!(
                "GET /{status} HTTP/1.1\r\nHost: {host}\r\n{framing}\r\n"
            ));
            let answer = wire.head();
            assert_eq!(answer.status, status);
            assert_eq!(answer.header("content-length"), None, "{answer:?}");
            assert_eq!(answer.header("transfer-encoding"), None, "{answer:?}");
        }
        wire.send(format!(
            "HEAD /200 HTTP/1.1\r\nHost: {host}\r\n{framing}\r\n"
        ));
        let answer = wire.head();
        assert_eq!(answer.header("content-length"), Some("4"), "{answer:?}");
        wire.send(post(&server.host("echo"), "/next", ""));
        assert_echoes(&mut wire, "/next", 0);
    }
}

/// With a wrong length, the client would read the next answer on the connection as a part of this function's answer.
/// The next answer may come from another function.
#[test]
fn the_length_of_an_answer_is_that_of_its_body() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    server.deploy(
        "liar",
        r#"export default define({ description: "Lies", config: { public: true, path: "/:length" },
          handler: (_input, ctx) => new Response(ctx.method === "HEAD" ? null : "body", {
            headers: { "Content-Length": ctx.params.length } }) });"#,
    );
    let liar = server.host("liar");
    for length in ["0", "1", "400", "-1", "4, 9"] {
        let path = format!("/{}", length.replace(' ', "%20"));
        let plain = post(&liar, &path, "x");
        // The same request with a hop-by-hop header.
        let odd = plain.replacen("\r\n", "\r\nTE: trailers\r\n", 1);
        for request in [plain, odd, chunked(&liar, &path, "x")] {
            let mut wire = server.wire();
            wire.send([&request, &*post(&server.host("echo"), "/next", "")].concat());
            let answer = wire.answer();
            assert_eq!(answer.header("content-length"), Some("4"), "{answer:?}");
            assert_eq!(answer.body, "body");
            assert_echoes(&mut wire, "/next", 0);
        }
    }
    // For HEAD, the function may declare the length of the missing body, if the value is a valid length.
    for (length, said) in [("400", Some("400")), ("-1", None), ("4,%209", None)] {
        for framing in ["", "TE: trailers\r\n"] {
            let mut wire = server.wire();
            wire.send(format!(
                "HEAD /{length} HTTP/1.1\r\nHost: {liar}\r\n{framing}\r\n"
            ));
            let answer = wire.head();
            assert_eq!(answer.status, 200, "{answer:?}");
            if let Some(said) = said {
                assert_eq!(answer.header("content-length"), Some(said), "{answer:?}");
            } else {
                let length = answer.header("content-length").unwrap_or("0");
                assert_eq!(length, "0", "{answer:?}");
            }
            wire.send(post(&server.host("echo"), "/next", ""));
            assert_echoes(&mut wire, "/next", 0);
        }
    }
}
