//! Headers that pass between callers and functions, and headers that do not.

use serde_json::json;

use crate::support::{ECHO, TestServer};

#[test]
fn what_is_of_the_connection_or_the_platform_does_not_reach_the_function() {
    let server = TestServer::start();
    server.deploy("echo", ECHO);
    let host = format!("Host: {}", server.host("echo"));
    let answer = server.wire().request(
        "GET /a?b=c%2Fd&e",
        &[
            &host,
            "X-Jelou-Token: jfn_rt_of_somebody_else",
            "x-jelou-identity: {\"user\":{\"id\":\"root\"}}",
            "X-Jelou-Trigger: %7B%22type%22%3A%22cron%22%7D",
            "X-JELOU-HOPS: 0",
            "x-jelou-request-id: chosen",
            "Connection: keep-alive, X-Once",
            "X-Once: 1",
            "Keep-Alive: timeout=5",
            "Proxy-Authorization: Basic YTpi",
            "TE: trailers",
            "Upgrade: h2c",
            "Forwarded: for=6.6.6.6",
            "X-Forwarded-For: 6.6.6.6",
            "X-Real-IP: 6.6.6.6",
            "X-Forwarded-Host: evil.example.com",
            "X-Forwarded-Proto: https",
            "Cookie: a=1",
            "Cookie: b=2",
            "X-Custom: stays",
            "X-Custom: twice",
        ],
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    let echo = answer.json();
    let expected = json!({
        "host": server.host("echo"),
        "cookie": "a=1; b=2",
        "x-custom": "stays, twice",
        "x-forwarded-for": "127.0.0.1",
    });
    assert_eq!(echo["headers"], expected);
    assert_eq!(echo["path"], "/a");
    assert_eq!(echo["query"], json!({ "b": "c/d", "e": "" }));
    let url = format!("{}/a?b=c%2Fd&e", server.origin("echo"));
    assert_eq!(echo["url"], url);
    assert_ne!(answer.header("x-request-id"), Some("chosen"));
}

#[test]
fn what_a_function_may_not_say_does_not_reach_the_caller() {
    let server = TestServer::start();
    server.deploy(
        "talker",
        r#"export default define({ description: "Talks", config: { public: true }, handler: () =>
          response.status(201)
            .header("X-Jelou-Token", "secret").header("x-jelou-params", "x").header("Keep-Alive", "timeout=5")
            .header("Proxy-Authenticate", "Basic").header("X-Frame-Options", "ALLOWALL")
            .header("X-Content-Type-Options", "sniff").header("X-Request-Id", "chosen").header("Location", "/7")
            .header("Set-Cookie", "a=1").header("Set-Cookie", "b=2").json({ ok: true }) });"#,
    );
    let host = format!("Host: {}", server.host("talker"));
    let answer = server.wire().request("GET /", &[&host]);
    assert_eq!(answer.status, 201);
    for name in [
        "x-jelou-token",
        "x-jelou-params",
        "keep-alive",
        "proxy-authenticate",
    ] {
        assert_eq!(answer.header(name), None, "{answer:?}");
    }
    assert_eq!(answer.header("x-frame-options"), Some("deny"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("location"), Some("/7"));
    assert_ne!(answer.header("x-request-id"), Some("chosen"));
    assert_eq!(answer.head.matches("set-cookie: ").count(), 2);
    assert_eq!(answer.head.matches("x-frame-options").count(), 1);
}

const BODIES: &str = r#"export default define({ description: "Bodies", config: { public: true },
  handler: async (input, _ctx, request) => {
    const type = request.headers.get("content-type") ?? "";
    if (type.startsWith("multipart/")) {
      const form = await request.formData();
      const file = form.get("file") as File;
      const bytes = [...new Uint8Array(await file.arrayBuffer())];
      return { name: form.get("name"), file: { name: file.name, type: file.type, bytes } };
    }
    if (type.startsWith("text/")) return { text: await request.text() };
    return type === "image/png" ? new Response(request.body, { headers: { "content-type": type } }) : { input };
  },
});"#;

#[test]
fn every_kind_of_body_reaches_the_function() {
    let server = TestServer::start();
    server.deploy("bodies", BODIES);
    let call = |kind: &str, body: &str| {
        let call = server.call("bodies", "/").header("content-type", kind);
        call.body(body).send()
    };
    let form = call("application/x-www-form-urlencoded", "a=1&b=%C3%B1");
    assert_eq!(form.json(), json!({ "input": { "a": "1", "b": "ñ" } }));
    assert_eq!(call("text/plain", "hola").json(), json!({ "text": "hola" }));
    let multipart = "--x\r\ncontent-disposition: form-data; name=\"name\"\r\n\r\nAna\r\n\
        --x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\
        content-type: image/png\r\n\r\n\u{1}\u{0}\r\n--x--\r\n";
    let file = json!({ "name": "a.bin", "type": "image/png", "bytes": [1, 0] });
    assert_eq!(
        call("multipart/form-data; boundary=x", multipart).json(),
        json!({ "name": "Ana", "file": file })
    );
    let binary = call("image/png", "\u{0}\u{1}\u{2}");
    assert_eq!(binary.body, "\u{0}\u{1}\u{2}");
    assert_eq!(binary.header("content-type"), Some("image/png"));
    let broken = call("application/json", "{");
    assert_eq!(broken.status, 400);
    assert_eq!(broken.json()["error"], "Invalid JSON");
}
