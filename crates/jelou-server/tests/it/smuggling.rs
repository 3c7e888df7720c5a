//! Requests that two parsers could read differently, and requests that are too large.

use crate::support::{ECHO, TestServer};

/// A second request in the place of a body. An answer to `/smuggled` would reveal that it was parsed as a request.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn ambiguous_requests_are_refused() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    let host = format!("Host: {}\r\n", server.host("echo"));
    let plain = format!("GET /plain HTTP/1.1\r\n{host}\r\n");
    let refused = |line: &str, head: &str| {
        let request = format!("{line}\r\n{head}\r\n{SMUGGLED}");
        // Tests the parser of plain requests and the parser of all other requests, each with this request first and
        // after another one.
        for before in [
            "",
            &plain,
            &plain.replacen("\r\n", "\r\nTE: trailers\r\n", 1),
        ] {
            let mut wire = server.wire();
            wire.send_until_refused(format!("{before}{request}"));
            if !before.is_empty() {
                assert_eq!(wire.answer().json()["path"], "/plain");
            }
            let rest = wire.rest();
            assert!(rest.starts_with("HTTP/1.1 400 "), "{line} {head:?}: {rest}");
            assert!(!rest.contains("smuggled"), "{rest}");
            assert_eq!(rest.matches("HTTP/1.1 ").count(), 1, "{rest}");
        }
    };
    let post = "POST / HTTP/1.1";
    let closing = "Connection: close\r\n";
    for hosts in [
        String::new(),
        format!("{host}{host}"),
        format!("{host}Host: other.fn.localhost\r\n"),
        format!("Host : x\r\n{host}"),
    ] {
        refused(post, &format!("{hosts}{closing}"));
    }
    for framing in [
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: 4\r\nX: 1\r\ncontent-length: 04, 4",
        "Content-Length: 4, 5",
        "Content-Length: 4, 4",
        "Content-Length: 4 4",
        "Content-Length: +4",
        "Content-Length: -1",
        "Content-Length: 0x4",
        "Content-Length: ",
        "Content-Length: 4\u{b}",
        "Content-Length: 18446744073709551616",
        "Content-Length : 0",
        "Content-Length\t: 0",
        " Content-Length: 0",
        "Content-Length: 4\r\n 4",
        "Content-Length: 4\rX: 1",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: ",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \u{b}chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding : chunked",
        "X: 1\r\n Transfer-Encoding: chunked",
        "X: 1\rTransfer-Encoding: chunked",
        "X\0: 1",
        "X: \0",
        "X",
        ": 1",
    ] {
        refused(post, &format!("{host}{closing}{framing}\r\n"));
    }
    for line in [
        "POST /",
        "POST / HTTP/1.2",
        "POST / http/1.1",
        "POST  / HTTP/1.1",
        "POST / HTTP/1.1 ",
        "POST /a b HTTP/1.1",
        "PO ST / HTTP/1.1",
        "POST\t/ HTTP/1.1",
        " POST / HTTP/1.1",
        "POST a/b HTTP/1.1 x",
    ] {
        refused(line, &format!("{host}{closing}"));
    }
}

#[test]
fn the_host_of_the_target_counts() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    let host = server.host("echo");
    for other in ["other.fn.localhost", ""] {
        let target = format!("GET http://{host}/absolute?a=b HTTP/1.1");
        let mut wire = server.wire();
        let echo = wire.request(
            target.trim_end_matches(" HTTP/1.1"),
            &[&format!("Host: {other}")],
        );
        let echo = echo.json();
        assert_eq!(echo["path"], "/absolute", "{echo}");
        assert_eq!(echo["headers"]["host"], host.as_str(), "{echo}");
    }
    // In this form, the text that looks like an address is a path.
    let echo = server
        .wire()
        .request("GET //other.fn.localhost/a", &[&format!("Host: {host}")]);
    assert_eq!(echo.json()["path"], "//other.fn.localhost/a");
}

#[test]
fn a_length_that_is_said_in_two_ways_is_one() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    let host = server.host("echo");
    for framing in [
        "Content-Length: 5",
        "content-length:5",
        "Content-Length:\t 5 \t",
        "Content-Length: 00005",
        "Content-Length: 5\r\nContent-Length: 5",
    ] {
        let mut wire = server.wire();
        for path in ["/first", "/second"] {
            let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{framing}\r\n\r\n");
            wire.send(format!("{head}hello"));
            let echo = wire.answer().json();
            assert_eq!(
                (&echo["path"], &echo["length"]),
                (&path.into(), &5.into()),
                "{framing}"
            );
        }
    }
}

#[test]
fn a_body_that_does_not_come_is_not_answered_with_another_request() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    let host = server.host("echo");
    for length in [100, 200_000] {
        let mut wire = server.wire();
        wire.send(format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}"
        ));
        let rest = wire.end().rest();
        assert!(!rest.contains("HTTP/1.1 200 "), "{rest}");
        assert!(!rest.contains("/smuggled"), "{rest}");
    }
}

#[test]
fn chunked_wins_over_a_length_and_ends_the_connection() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    let host = server.host("echo");
    for framing in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
    ] {
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\n{framing}\r\n\r\n5\r\nhello\r\n0\r\n\r\n{SMUGGLED}"
        );
        let rest = server.wire().send_until_refused(request).rest();
        assert_eq!(rest.matches("HTTP/1.1 200 ").count(), 1, "{rest}");
        assert!(rest.contains(r#""length":5"#), "{rest}");
        assert!(!rest.contains("/smuggled"), "{rest}");
    }
}

#[test]
fn a_head_has_a_limit() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    let host = format!("Host: {}", server.host("echo"));
    let large = "x".repeat(64 * 1024);
    for (request_line, headers) in [
        ("GET /", format!("X-Large: {large}\r\n")),
        ("GET /", "X-Many: 1\r\n".repeat(88)),
        (&format!("GET /{large}"), String::new()),
    ] {
        let head = format!("{request_line} HTTP/1.1\r\n{host}\r\n{headers}\r\n");
        let answer = server.wire().send_until_refused(head).head();
        assert!([414, 431].contains(&answer.status), "{answer:?}");
    }
    // Just below the limit, the request succeeds.
    let header = format!("X-Large: {}", "x".repeat(63 * 1024));
    for headers in [vec![header.as_str()], vec!["X-Many: 1"; 87]] {
        let headers: Vec<_> = [host.as_str()].into_iter().chain(headers).collect();
        let answer = server.wire().request("GET /", &headers);
        assert_eq!(answer.status, 200, "{}", headers.len());
    }
}

#[test]
fn a_body_has_a_limit() {
    const LIMIT: usize = 1024 * 1024;
    let server = TestServer::start_with(|config| config.limits.max_body_bytes = LIMIT as u64);
    server.deploy("echo", ECHO);
    let head = |framing: &str| {
        let host = server.host("echo");
        format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nAccept: */*\r\n{framing}\r\n\r\n"
        )
    };
    let announced = |size: usize| {
        let mut wire = server.wire();
        wire.send(head(&format!("Content-Length: {size}")));
        wire.send("1".repeat(size)).answer()
    };
    let chunked = |target: &str, size: usize| {
        let mut wire = server.wire();
        let head = head("Transfer-Encoding: chunked");
        wire.send(head.replace("POST / ", &format!("POST {target} ")));
        for chunk in vec![b'1'; size].chunks(64 * 1024) {
            wire.send(format!("{:x}\r\n", chunk.len()));
            wire.send(chunk).send("\r\n");
        }
        wire.send("0\r\n\r\n").answer()
    };
    for size in [LIMIT - 1, LIMIT] {
        assert_eq!(announced(size).json()["length"], size);
        assert_eq!(chunked("/", size).json()["length"], size);
    }
    // The caller gets the answer even if the whole body was sent before the server read it.
    for size in [LIMIT + 1, 8 * LIMIT] {
        for answer in [announced(size), chunked("/", size), chunked("/mcp", size)] {
            assert_eq!(answer.status, 413, "{answer:?}");
            assert_eq!(answer.body, r#"{"error":"Payload too large"}"#);
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        }
    }
}

#[test]
fn a_caller_who_asks_first_sends_nothing_in_vain() {
    let server = TestServer::start();
    let token = server.deploy("echo", &ECHO.replace("public: true", "public: false"));
    let head = |token: &str, length: usize| {
        let host = server.host("echo");
        format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nX-Jelou-Token: {token}\r\nContent-Type: text/plain\r\n\
             Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut wire = server.wire();
    assert_eq!(wire.send(head(&token, 5)).head().status, 100);
    let echo = wire.send("hello").answer().json();
    assert_eq!(echo["length"], 5);
    assert_eq!(echo["headers"]["expect"], serde_json::Value::Null);

    assert_eq!(server.wire().send(head("wrong", 5)).head().status, 401);
    let large = 10 * 1024 * 1024 + 1;
    assert_eq!(server.wire().send(head(&token, large)).head().status, 413);
}

#[test]
fn a_refusal_reaches_a_caller_who_is_still_sending() {
    let server = TestServer::start();
    server.deploy("echo", &ECHO.replace("public: true", "public: false"));
    let host = format!("Host: {}", server.host("echo"));
    let size = 9 * 1024 * 1024;
    let head = format!("POST / HTTP/1.1\r\n{host}\r\nContent-Length: {size}\r\n\r\n");
    let mut wire = server.wire();
    let answer = wire.send(head).send(vec![b'x'; size]).answer();
    assert_eq!(answer.status, 401);
    assert_eq!(answer.body, r#"{"error":"Unauthorized"}"#);
    assert_eq!(answer.header("connection"), Some("close"));
}

#[test]
fn a_function_may_answer_before_it_has_read_everything() {
    let server = TestServer::start();
    server.deploy(
        "hasty",
        r#"export default define({ description: "Hasty", config: { public: true },
          handler: () => response.status(422).json({ read: false }) });"#,
    );
    let host = server.host("hasty");
    let size = 9 * 1024 * 1024;
    let mut wire = server.wire();
    wire.send(format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: image/png\r\nContent-Length: {size}\r\n\r\n"
    ));
    let answer = wire.send(vec![b'x'; size]).answer();
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (422, r#"{"read":false}"#)
    );
}

#[test]
fn the_management_api_refuses_in_the_same_way() {
    let server = TestServer::start();
    let host = server.address().to_owned();
    let size = 9 * 1024 * 1024;
    let mut wire = server.wire();
    wire.send(format!(
        "POST /v1/functions/x/deployments HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: {size}\r\n\r\n"
    ));
    let answer = wire.send(vec![b'x'; size]).answer();
    assert_eq!(answer.status, 401, "{answer:?}");
}
