//! HTTP/2 with prior knowledge (RFC 9113, section 3.3), beside HTTP/1.1 on one port.

use std::future::poll_fn;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::{ECHO, TestServer};

/// The longest time that a state may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// `/state` returns whether the call of `/hang` still runs. Any other path echoes the request.
const HANGING: &str = r#"let state = "none";
const hang = (request) => new Promise((resolve) => {
  state = "hanging";
  request.signal.onabort = () => resolve(state = "aborted");
});
"#;

pub(crate) async fn connect(server: &TestServer) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let io = TokioIo::new(stream);
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn request(server: &TestServer, method: &str, target: &str) -> http::request::Builder {
    let uri = format!("{}{target}", server.origin("echo"));
    Request::builder()
        .version(Version::HTTP_2)
        .method(method)
        .uri(uri)
}

async fn json_of(response: http::Response<hyper::body::Incoming>) -> Value {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_are_those_of_http1() {
    let server = tokio::task::block_in_place(|| {
        let server = TestServer::start();
        server.deploy("echo", ECHO);
        server
    });
    let mut sender = connect(&server).await;
    for target in ["/a/../b", "/a/%2e%2e/b", "/a\\b"] {
        let get = request(&server, "GET", target)
            .body(Full::default())
            .unwrap();
        let response = sender.send_request(get).await.unwrap();
        assert_eq!(response.status(), 400, "{target}");
        assert_eq!(json_of(response).await["error"], "Bad request");
    }
    let get = request(&server, "GET", "//a/ñ?b='")
        .body(Full::default())
        .unwrap();
    let echo = json_of(sender.send_request(get).await.unwrap()).await;
    assert_eq!(echo["path"], "//a/%C3%B1");
    assert_eq!(
        echo["url"],
        format!("{}//a/%C3%B1?b=%27", server.origin("echo"))
    );
    tokio::task::block_in_place(|| drop(server));
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_without_tls() {
    let server = tokio::task::block_in_place(|| {
        let server = TestServer::start();
        let hanging = r#"if (ctx.path === "/hang") return await hang(request);
            if (ctx.path === "/state") return { state };
            return {"#;
        let echo = ECHO
            .replace("=> ({", &format!("=> {{ {hanging}"))
            .replace("}),\n", "}; },\n");
        server.deploy("echo", &format!("{HANGING}{echo}"));
        server
    });
    let mut sender = connect(&server).await;

    let get = request(&server, "GET", "/a?b=1")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(Full::default())
        .unwrap();
    let response = sender.send_request(get).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(response.status(), 200);
    assert!(response.headers().contains_key("x-request-id"));
    let echo = json_of(response).await;
    assert_eq!(echo["headers"]["host"], server.host("echo"));
    assert_eq!(echo["headers"]["cookie"], "a=1; b=2");
    assert_eq!(echo["url"], format!("{}/a?b=1", server.origin("echo")));

    // Many concurrent requests, each with a body.
    let calls = (0..50).map(|number: usize| {
        let body = Full::new(Bytes::from(vec![b'x'; number * 1000]));
        let post = request(&server, "POST", "/")
            .header("content-type", "text/plain")
            .body(body)
            .unwrap();
        let mut sender = sender.clone();
        async move {
            let response = sender.send_request(post).await.unwrap();
            assert_eq!(json_of(response).await["length"], number * 1000);
        }
    });
    let calls: Vec<_> = calls.map(tokio::spawn).collect();
    for call in calls {
        call.await.unwrap();
    }

    let large = request(&server, "POST", "/")
        .body(Full::new(Bytes::from(vec![b'x'; 11 * 1024 * 1024])))
        .unwrap();
    let response = sender.send_request(large).await.unwrap();
    assert_eq!(response.status(), 413);
    let nobody = Request::builder()
        .version(Version::HTTP_2)
        .uri(server.origin("nobody"))
        .body(Full::default())
        .unwrap();
    let response = sender.send_request(nobody).await.unwrap();
    assert_eq!(
        json_of(response).await,
        json!({ "error": "Function not found" })
    );

    // If the client resets the stream, the call is aborted, although the connection stays open.
    let hang = request(&server, "POST", "/hang")
        .body(Full::default())
        .unwrap();
    let mut other = sender.clone();
    let hanging = tokio::spawn(async move { other.send_request(hang).await });
    let state = async |sender: &mut SendRequest<Full<Bytes>>, wanted: &str| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let get = request(&server, "GET", "/state")
                .body(Full::default())
                .unwrap();
            let state = json_of(sender.send_request(get).await.unwrap()).await;
            if state["state"] == wanted {
                return;
            }
            assert!(Instant::now() < deadline, "never {wanted}: {state}");
        }
    };
    state(&mut sender, "hanging").await;
    hanging.abort();
    state(&mut sender, "aborted").await;

    tokio::task::block_in_place(|| {
        // A method that starts like the preface of HTTP/2, sent in one piece and byte by byte.
        let host = format!("Host: {}", server.host("echo"));
        for method in ["PUT", "PROPFIND"] {
            let answer = server.wire().request(&format!("{method} /"), &[&host]);
            let expected = if method == "PUT" { 200 } else { 405 };
            assert_eq!(answer.status, expected);
        }
        let mut wire = server.wire();
        for byte in format!("PUT / HTTP/1.1\r\n{host}\r\n\r\n").bytes() {
            wire.send([byte]);
        }
        assert_eq!(wire.answer().status, 200);
        drop(server);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_length_of_an_answer_is_that_of_its_body() {
    let server = tokio::task::block_in_place(|| {
        let server = TestServer::start();
        server.deploy(
            "echo",
            r#"export default define({ description: "Lies", config: { public: true },
              handler: () => new Response("body", { headers: { "Content-Length": "400" } }) });"#,
        );
        server
    });
    let mut sender = connect(&server).await;
    for _ in 0..2 {
        let get = request(&server, "GET", "/").body(Full::default()).unwrap();
        let response = sender.send_request(get).await.unwrap();
        assert_eq!(response.headers().get("content-length").unwrap(), "4");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "body");
    }
    tokio::task::block_in_place(|| drop(server));
}

async fn connect_raw(server: &TestServer) -> h2::client::SendRequest<Bytes> {
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender.ready().await.unwrap()
}

/// RFC 9113, section 8.1: the response to HEAD has no DATA frames.
#[tokio::test(flavor = "multi_thread")]
async fn head_ends_with_its_headers() {
    let server = tokio::task::block_in_place(|| {
        let server = TestServer::start();
        server.deploy("echo", ECHO);
        server.deploy(
            "private",
            "export default define({ description: \"Private\", handler: () => ({}) });",
        );
        server
    });
    let mut sender = connect_raw(&server).await;
    for (slug, target, status) in [
        ("echo", "/__health", 200),
        ("echo", "/openapi.json", 200),
        ("echo", "/", 200),
        ("private", "/", 401),
        ("nobody", "/", 404),
    ] {
        let mut lengths = Vec::new();
        for method in ["GET", "HEAD"] {
            let request = Request::builder()
                .method(method)
                .uri(format!("{}{target}", server.origin(slug)))
                .body(())
                .unwrap();
            let (response, _) = sender.send_request(request, true).unwrap();
            let response = response.await.unwrap();
            let what = format!("{method} {slug}{target}");
            assert_eq!(response.status(), status, "{what}");
            assert_eq!(response.body().is_end_stream(), method == "HEAD", "{what}");
            lengths.push(response.headers().get("content-length").cloned());
        }
        if status != 200 || target != "/" {
            assert_eq!(lengths[0], lengths[1], "{slug}{target}");
        }
    }
    tokio::task::block_in_place(|| drop(server));
}

/// Some clients lose the status if their stream is reset while they send the body.
#[tokio::test(flavor = "multi_thread")]
async fn an_early_refusal_lets_the_caller_send_its_body() {
    let server = tokio::task::block_in_place(|| {
        let server = TestServer::start();
        server.deploy(
            "private",
            "export default define({ description: \"Private\", handler: () => ({}) });",
        );
        server.deploy("echo", ECHO);
        server
    });
    let mut sender = connect_raw(&server).await;
    for (line, (name, value), status) in [
        ("POST private /", ("x-jelou-token", "wrong"), 401),
        ("POST private /", ("expect", "100-continue"), 401),
        ("POST private /a/../b", ("x-other", "1"), 400),
        ("POST nobody /", ("x-other", "1"), 404),
        ("BREW echo /", ("x-other", "1"), 405),
    ] {
        let [method, slug, target] = line.split(' ').collect::<Vec<_>>()[..] else {
            unreachable!("{line}");
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", server.origin(slug)))
            .header(name, value)
            .body(())
            .unwrap();
        let (response, mut body) = sender.send_request(request, false).unwrap();
        assert_eq!(response.await.unwrap().status(), status, "{line} {name}");
        let mut left = 2 * 1024 * 1024;
        while left > 0 {
            body.reserve_capacity(left);
            let capacity = poll_fn(|context| body.poll_capacity(context)).await;
            // The stream is neither closed nor reset.
            let capacity = capacity.unwrap().unwrap();
            let chunk = Bytes::from(vec![b'x'; capacity.min(left)]);
            left -= chunk.len();
            body.send_data(chunk, left == 0).unwrap();
        }
    }
    tokio::task::block_in_place(|| drop(server));
}
