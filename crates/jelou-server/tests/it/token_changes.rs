//! A change of a token applies to the very next request, on every kind of connection and under load. Open streams
//! continue.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http2::SendRequest;
use jelou_core::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::http2;
use crate::support::{Call, TestServer, Wire, logged, private_echo};

const TOKENS: &str = "/v1/functions/mine/tokens";

fn change(server: &TestServer, method: &'static str, path: &str, body: &Value) -> Value {
    let (status, answer) = server.manage(method, &format!("{TOKENS}/{path}"), body);
    assert!((200..300).contains(&status), "{method} {path}: {answer}");
    answer
}

/// Connections that stay open during all changes.
struct Kept<'a> {
    server: &'a TestServer,
    http1: Wire,
    http2: SendRequest<Full<Bytes>>,
}

impl Kept<'_> {
    /// The status of a request on each connection.
    async fn statuses(&mut self, token: &str) -> [u16; 3] {
        let host = self.server.host("mine");
        let (host, header) = (format!("host: {host}"), format!("x-jelou-token: {token}"));
        let over_http1 = self.http1.request("GET /x", &[&host, &header]).status;
        let request = Request::builder()
            .uri(format!("{}/x", self.server.origin("mine")))
            .header("x-jelou-token", token)
            .body(Full::default())
            .unwrap();
        let over_http2 = self.http2.send_request(request).await.unwrap();
        // The HTTP client reuses one connection for these calls.
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
        let mcp = self.server.call("mine", "/mcp").token(token).json(&message);
        [over_http1, over_http2.status().as_u16(), mcp.send().status]
    }

    async fn all_answer(&mut self, token: &str, status: u16, after: &str) {
        assert_eq!(self.statuses(token).await, [status; 3], "{after}");
    }
}

fn start_time() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_request_on_a_kept_connection_sees_a_change() {
    let clock = Clock::fixed(start_time());
    let (server, old) = tokio::task::block_in_place(|| {
        let server = TestServer::start_with_clock(clock.clone(), |_| {});
        server.deploy("mine", &private_echo());
        let token = server.create_token("mine", json!({ "name": "ci" })).token;
        (server, token)
    });
    let mut kept = Kept {
        server: &server,
        http1: server.wire(),
        http2: http2::connect(&server).await,
    };
    kept.all_answer(&old, 200, "created").await;
    for (update, status) in [
        (json!({ "disabled": true }), 401),
        (json!({ "disabled": false }), 200),
        (json!({ "cidrs": ["203.0.113.0/24"] }), 403),
        (json!({ "cidrs": null }), 200),
        (
            json!({ "expiresAt": start_time() + SignedDuration::from_secs(10) }),
            200,
        ),
    ] {
        change(&server, "PATCH", "ci", &update);
        kept.all_answer(&old, status, &update.to_string()).await;
    }
    clock.set(start_time() + SignedDuration::from_secs(10));
    kept.all_answer(&old, 401, "expired").await;
    assert!(logged(&["mine", "the token is disabled"]));
    assert!(logged(&[
        "mine",
        "the token expired at 2026-03-01T10:00:10Z"
    ]));
    change(&server, "PATCH", "ci", &json!({ "expiresAt": null }));
    kept.all_answer(&old, 200, "without an expiry").await;

    let rotated = change(
        &server,
        "POST",
        "ci/rotation",
        &json!({ "graceSeconds": 60 }),
    );
    let new = rotated["token"].as_str().unwrap();
    kept.all_answer(&old, 200, "in its grace period").await;
    kept.all_answer(new, 200, "the new value").await;
    change(&server, "DELETE", "ci/rotation", &Value::Null);
    kept.all_answer(&old, 401, "the end of its grace period")
        .await;
    kept.all_answer(new, 200, "the new value alone").await;
    change(&server, "DELETE", "ci", &Value::Null);
    kept.all_answer(new, 401, "revoked").await;
    tokio::task::block_in_place(|| drop(server));
}

/// Callers on eight connections call without a pause. A request that begins after the answer to a change is refused.
#[test]
fn a_change_under_load_lets_no_later_request_through() {
    let server = TestServer::start();
    server.deploy("mine", &private_echo());
    for (name, refusal) in [("revoked", 401), ("disabled", 401), ("limited", 403)] {
        let token = server.create_token("mine", json!({ "name": name })).token;
        let changed = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let call = |_| {
                let (host, header) = (server.host("mine"), format!("x-jelou-token: {token}"));
                let host = format!("host: {host}");
                let mut wire = server.wire();
                let (mut allowed, mut refused) = (0, 0);
                while refused < 50 {
                    let is_over = changed.load(Ordering::SeqCst);
                    let status = wire.request("GET /x", &[&host, &header]).status;
                    assert!(status == 200 || status == refusal, "{name}: {status}");
                    assert!(
                        !is_over || status == refusal,
                        "{name} let a request through"
                    );
                    allowed += u32::from(status == 200);
                    refused += u32::from(status == refusal);
                }
                allowed
            };
            let callers: Vec<_> = (0..8)
                .map(|number| scope.spawn(move || call(number)))
                .collect();
            // Waits until every caller has started.
            let mut wire = server.wire();
            let (host, header) = (
                format!("host: {}", server.host("mine")),
                format!("x-jelou-token: {token}"),
            );
            for _ in 0..200 {
                assert_eq!(wire.request("GET /x", &[&host, &header]).status, 200);
            }
            match name {
                "revoked" => drop(change(&server, "DELETE", name, &Value::Null)),
                "disabled" => drop(change(&server, "PATCH", name, &json!({ "disabled": true }))),
                _ => drop(change(
                    &server,
                    "PATCH",
                    name,
                    &json!({ "cidrs": ["203.0.113.0/24"] }),
                )),
            }
            changed.store(true, Ordering::SeqCst);
            for caller in callers {
                assert!(
                    caller.join().unwrap() > 0,
                    "{name}: a caller was never allowed"
                );
            }
        });
    }
}

const OPEN: &str = r#"
let next = Promise.withResolvers();
const events = () => new ReadableStream({
  async pull(controller) {
    await next.promise;
    next = Promise.withResolvers();
    controller.enqueue(new TextEncoder().encode("data: x\n\n"));
  },
});
export default define({ description: "x", config: { path: "/:what" }, handler: (_input, ctx, request) => {
  if (ctx.params.what === "next") { next.resolve(); return {}; }
  if (ctx.params.what === "events") return new Response(events(), { headers: { "content-type": "text/event-stream" } });
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onmessage = ({ data }) => socket.send(data);
  return response;
} });"#;

/// A request is authorised once, when it begins.
#[tokio::test(flavor = "multi_thread")]
async fn open_streams_and_websockets_go_on_after_a_revocation() {
    let (server, other, token) = tokio::task::block_in_place(|| {
        let server = TestServer::start();
        let other = server.deploy("mine", OPEN);
        let token = server.create_token("mine", json!({ "name": "ci" })).token;
        (server, other, token)
    });
    let (host, header) = (
        format!("host: {}", server.host("mine")),
        format!("x-jelou-token: {token}"),
    );
    let mut stream = server.wire();
    stream.send(format!(
        "GET /events HTTP/1.1\r\n{host}\r\n{header}\r\n\r\n"
    ));
    assert_eq!(stream.head().status, 200);
    let socket = || async {
        let url = server.origin("mine").replace("http://", "ws://");
        let mut request = format!("{url}/socket").into_client_request().unwrap();
        let value = token.parse().unwrap();
        request.headers_mut().insert("x-jelou-token", value);
        let stream = TcpStream::connect(server.address()).await.unwrap();
        client_async(request, stream).await
    };
    let (mut open, _) = socket().await.unwrap();

    change(&server, "DELETE", "ci", &Value::Null);
    let next = server.call("mine", "/next").token(&other);
    assert_eq!(next.send().status, 200);
    assert!(stream.until("data: x").contains("data: x"));
    open.send(Message::text("still here")).await.unwrap();
    let echoed = open.next().await.unwrap().unwrap();
    assert_eq!(echoed, Message::text("still here"));

    // New streams are refused.
    let refused: Call = server.call("mine", "/events").token(&token);
    assert_eq!(refused.send().status, 401);
    assert!(socket().await.is_err());
    tokio::task::block_in_place(|| drop((stream, server)));
}
