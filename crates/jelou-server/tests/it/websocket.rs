//! `WebSocket`s that functions accept.

use futures_util::{SinkExt, StreamExt};
use jelou_core::api::OpenPreview;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::{TestServer, eventually, logged};

const ROOM: &str = r#"
let events: string[] = [];
export default define({ description: "A room", config: { path: "*", methods: ["GET", "DELETE"] },
  handler: (_input, ctx, request) => {
    if (ctx.method === "DELETE") return { events };
    if (request.headers.get("upgrade") !== "websocket") return { upgrade: request.headers.get("upgrade") };
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "chat", idleTimeout: 0 });
    socket.onopen = () => socket.send(`welcome to ${ctx.path}`);
    socket.onmessage = ({ data }) => {
      if (data === "die") while (true);
      if (`${data}`.startsWith("close ")) socket.close(Number(data.slice(6)));
      else socket.send(data);
    };
    socket.onclose = (event) => events.push(`closed ${event.code}`);
    return response;
  },
});"#;

async fn connect(server: &TestServer, token: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    connect_to(server, "room", token).await
}

async fn connect_to(
    server: &TestServer,
    label: &str,
    token: &str,
) -> Result<WebSocketStream<TcpStream>, Error> {
    let origin = server.origin(label).replace("http://", "ws://");
    let mut request = format!("{origin}/lobby").into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", "chat".parse().unwrap());
    headers.insert("x-jelou-token", token.parse().unwrap());
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let (socket, response) = client_async(request, stream).await?;
    let headers = response.headers();
    assert_eq!(headers["sec-websocket-protocol"], "chat");
    assert!(headers.contains_key("x-request-id"));
    Ok(socket)
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Option<Message> {
    let next = tokio::time::timeout(std::time::Duration::from_mins(1), socket.next());
    next.await.unwrap().and_then(Result::ok)
}

/// Reads until the close frame and returns its reason.
async fn going_away(socket: &mut WebSocketStream<TcpStream>) -> String {
    match next(socket).await {
        Some(Message::Close(Some(CloseFrame { code, reason }))) => {
            assert_eq!(code, CloseCode::Away, "{reason}");
            assert_eq!(next(socket).await, None);
            reason.to_string()
        }
        other => panic!("{other:?}"),
    }
}

fn start(change: impl FnOnce(&mut jelou_server::Config)) -> (TestServer, String) {
    tokio::task::block_in_place(|| {
        let server = TestServer::start_with(change);
        let token = server.deploy("room", ROOM);
        (server, token)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_both_ways() {
    let (server, token) = start(|config| config.limits.max_websocket_message_bytes = 4_000_000);
    let mut socket = connect(&server, &token).await.unwrap();
    assert_eq!(
        next(&mut socket).await,
        Some(Message::text("welcome to /lobby"))
    );
    let large = Message::binary(vec![7; 3 * 1024 * 1024]);
    for message in [
        Message::text("hola"),
        Message::binary(vec![0, 1, 255]),
        large,
    ] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(next(&mut socket).await, Some(message));
    }
    socket.close(None).await.unwrap();
    while next(&mut socket).await.is_some() {}

    // Without a valid token, nothing is upgraded. Only WebSocket requests are upgraded at all.
    match connect(&server, "wrong").await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 401),
        other => panic!("{other:?}"),
    }
    tokio::task::block_in_place(|| {
        let call = || server.call("room", "/").token(&token);
        let other = call()
            .header("connection", "upgrade")
            .header("upgrade", "h2c")
            .send();
        assert_eq!(other.json()["upgrade"], Value::Null);
        let event = eventually("the function to see the end", || {
            let events = call().method("DELETE").send().json();
            events["events"][0].as_str().map(str::to_owned)
        });
        assert!(event.starts_with("closed"), "{event}");
        drop(server);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_says_nothing_for_too_long_ends() {
    let (server, token) = start(|config| config.limits.stream_idle_timeout_ms = 3_000);
    let mut socket = connect(&server, &token).await.unwrap();
    assert!(next(&mut socket).await.is_some());
    let reason = going_away(&mut socket).await;
    assert_eq!(
        reason,
        "no byte for 3000 ms (limits.stream_idle_timeout_ms, a server setting)"
    );
    tokio::task::block_in_place(|| {
        let event = eventually("the function to see the end", || {
            let events = server
                .call("room", "/")
                .token(&token)
                .method("DELETE")
                .send();
            events.json()["events"][0].as_str().map(str::to_owned)
        });
        assert_eq!(event, "closed 1001");
        eventually("a line in the log", || {
            logged(&["room", "the WebSocket was cut: no byte for 3000 ms"]).then_some(())
        });
        drop(server);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_leaves_a_reason() {
    let (server, token) = start(|config| config.limits.stall_timeout_ms = 1_000);
    let mut socket = connect(&server, &token).await.unwrap();
    assert!(next(&mut socket).await.is_some());
    // After the function's own close frame, the gateway sends no other frame.
    socket.send(Message::text("close 4000")).await.unwrap();
    match next(&mut socket).await {
        Some(Message::Close(Some(frame))) => assert_eq!(u16::from(frame.code), 4000),
        other => panic!("{other:?}"),
    }
    assert_eq!(next(&mut socket).await, None);
    let mut socket = connect(&server, &token).await.unwrap();
    assert!(next(&mut socket).await.is_some());
    socket.send(Message::text("die")).await.unwrap();
    assert_eq!(
        going_away(&mut socket).await,
        "the function's process ended"
    );
    tokio::task::block_in_place(|| drop(server));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_subprotocols_may_be_written_in_any_way() {
    let (server, token) = start(|_| {});
    tokio::task::block_in_place(|| {
        for lists in [
            &["chat"][..],
            &["chat,other"],
            &["other,chat"],
            &["other ,\tchat,"],
            &["other", "chat"],
        ] {
            let mut headers = vec![
                format!("Host: {}", server.host("room")),
                format!("X-Jelou-Token: {token}"),
                "Connection: Upgrade".to_owned(),
                "Upgrade: websocket".to_owned(),
                "Sec-WebSocket-Version: 13".to_owned(),
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==".to_owned(),
            ];
            headers.extend(
                lists
                    .iter()
                    .map(|list| format!("Sec-WebSocket-Protocol: {list}")),
            );
            let headers: Vec<_> = headers.iter().map(String::as_str).collect();
            let answer = server.wire().request("GET /lobby", &headers);
            assert_eq!(answer.status, 101, "{lists:?}");
            assert_eq!(answer.header("sec-websocket-protocol"), Some("chat"));
        }
        // The client of npm's `ws` separates the names by a comma without a space.
        server.deploy(
            "room",
            &ROOM.replace("\"chat\"", "\"graphql-transport-ws\""),
        );
        for list in [
            "graphql-transport-ws,other",
            "graphql-ws,graphql-transport-ws",
        ] {
            let headers = [
                format!("Host: {}", server.host("room")),
                format!("X-Jelou-Token: {token}"),
                "Connection: keep-alive, Upgrade".to_owned(),
                "Upgrade: WebSocket".to_owned(),
                "Sec-WebSocket-Version: 13".to_owned(),
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==".to_owned(),
                format!("Sec-WebSocket-Protocol: {list}"),
            ];
            let headers: Vec<_> = headers.iter().map(String::as_str).collect();
            let answer = server.wire().request("GET /lobby", &headers);
            assert_eq!(answer.status, 101, "{list}");
            let chosen = answer.header("sec-websocket-protocol");
            assert_eq!(chosen, Some("graphql-transport-ws"), "{list}");
        }
        drop(server);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_are_refused() {
    let server = tokio::task::block_in_place(|| {
        let server = TestServer::start();
        let room =
            |cors: &str| ROOM.replace("config: {", &format!("config: {{ public: true, {cors}"));
        server.deploy(
            "named",
            &room(r#"cors: { origin: ["https://app.example.com"] },"#),
        );
        server.deploy("open", &room(""));
        server.deploy("off", &room("cors: false,"));
        server
    });
    tokio::task::block_in_place(|| {
        let status = |slug: &str, origins: &[&str]| {
            let mut headers = vec![
                format!("Host: {}", server.host(slug)),
                "Connection: Upgrade".to_owned(),
                "Upgrade: websocket".to_owned(),
                "Sec-WebSocket-Version: 13".to_owned(),
                "Sec-WebSocket-Protocol: chat".to_owned(),
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==".to_owned(),
            ];
            headers.extend(origins.iter().map(|origin| format!("Origin: {origin}")));
            let headers: Vec<_> = headers.iter().map(String::as_str).collect();
            let mut wire = server.wire();
            let mut answer = wire.request("GET /lobby", &headers);
            if answer.status == 403 {
                assert_eq!(answer.json()["error"], "Forbidden");
                answer.body.clear();
            }
            answer.status
        };
        let app = "https://app.example.com";
        let own = server.origin("named");
        for allowed in [&[][..], &[app], &[&own]] {
            assert_eq!(status("named", allowed), 101, "{allowed:?}");
        }
        for refused in [
            &["https://evil.example.com"][..],
            &["null"],
            &[""],
            &[app, "https://evil.example.com"],
            &["https://evil.example.com", app],
            &["https://app.example.com, https://evil.example.com"],
            &["https://app.example.com.evil.example.com"],
        ] {
            assert_eq!(status("named", refused), 403, "{refused:?}");
        }
        for slug in ["open", "off"] {
            assert_eq!(status(slug, &["https://evil.example.com"]), 101, "{slug}");
        }
        drop(server);
    });
}

/// The example of the reference, without the imports that a test function already has.
fn room_with_tickets() -> String {
    let page = include_str!("../../../../docs/reference/http.md");
    let (_, source) = page.split_once("```ts\n").unwrap();
    let (source, _) = source.split_once("```").unwrap();
    let lines = source.lines();
    let lines: Vec<_> = lines.filter(|line| !line.starts_with("import ")).collect();
    lines.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_with_a_ticket_opens_a_socket() {
    let (server, token) = tokio::task::block_in_place(|| {
        let server = TestServer::start();
        let token = server.deploy("room", &room_with_tickets());
        server.set_secret("room", "TICKET_KEY", "a key of this test");
        (server, token)
    });
    let open = async |ticket: &str| {
        let origin = server.origin("room").replace("http://", "ws://");
        let mut request = format!("{origin}/room?ticket={ticket}")
            .into_client_request()
            .unwrap();
        let page = "https://app.example.com".parse().unwrap();
        request.headers_mut().insert("origin", page);
        let stream = TcpStream::connect(server.address()).await.unwrap();
        client_async(request, stream).await
    };
    let ticket = tokio::task::block_in_place(|| {
        let ticket = server.call("room", "/ticket").json(&serde_json::json!({}));
        assert_eq!(ticket.clone().send().status, 401);
        let ticket = ticket.token(&token).send().json();
        ticket["ticket"].as_str().unwrap().to_owned()
    });
    let (mut socket, _) = open(&ticket).await.unwrap();
    socket.send(Message::text("hola")).await.unwrap();
    assert_eq!(next(&mut socket).await, Some(Message::text("hola")));
    let (_, mac) = ticket.split_once('.').unwrap();
    let other_time = format!("9{ticket}");
    let expired = format!("1.{mac}");
    for ticket in ["", "a.b", &other_time, &expired] {
        match open(ticket).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 401, "{ticket}"),
            other => panic!("{ticket}: {other:?}"),
        }
    }
    drop(socket);
    tokio::task::block_in_place(|| drop(server));
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_open_sockets_to_each_other() {
    let (server, token) = start(|_| {});
    tokio::task::block_in_place(|| {
        let caller = |url: &str| {
            format!(
                r#"export default define({{ description: "Calls", config: {{ public: true }}, handler: ({{ token }}) => new Promise((resolve) => {{
                  const socket = new WebSocket("{url}", {{ protocols: ["chat"], headers: {{ "X-Jelou-Token": token }} }});
                  const got = [socket instanceof WebSocket, WebSocket.name, WebSocket.OPEN];
                  socket.onopen = () => socket.send("hola");
                  socket.onmessage = ({{ data }}) => {{ got.push(data); if (data === "hola") socket.close(); }};
                  socket.onclose = ({{ code }}) => resolve({{ got, code, protocol: socket.protocol }});
                  socket.onerror = (event) => resolve({{ error: event.message }});
                }}) }});"#
            )
        };
        for scheme in ["wss", "ws", "https"] {
            server.deploy(
                "caller",
                &caller(&format!("{scheme}://room.fn.localhost/lobby")),
            );
            let reply = server.call("caller", &format!("/?token={token}"));
            let reply = reply.send().json();
            let got = serde_json::json!([true, "WebSocket", 1, "welcome to /lobby", "hola"]);
            assert_eq!(reply["got"], got, "{scheme}: {reply}");
            assert_eq!(reply["protocol"], "chat");
        }
        // The same rules apply to functions as callers.
        server.deploy("caller", &caller("wss://room.fn.localhost/lobby"));
        let reply = server.call("caller", "/?token=wrong").send().json();
        assert!(reply["error"].is_string(), "{reply}");
        drop(server);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_lets_it_talk_on_until_the_drain_ends() {
    let (server, token) = start(|config| config.limits.drain_timeout_ms = 5_000);
    let mut socket = connect(&server, &token).await.unwrap();
    assert!(next(&mut socket).await.is_some());
    tokio::task::block_in_place(|| server.deploy("room", &ROOM.replace("welcome", "bienvenido")));
    socket.send(Message::text("still here")).await.unwrap();
    assert_eq!(next(&mut socket).await, Some(Message::text("still here")));
    assert_eq!(
        going_away(&mut socket).await,
        "the function's process ended"
    );
    let mut socket = connect(&server, &token).await.unwrap();
    assert_eq!(
        next(&mut socket).await,
        Some(Message::text("bienvenido to /lobby"))
    );
    tokio::task::block_in_place(|| drop(server));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_opens_sockets_for_tokens_only_and_ends_them_with_itself() {
    let (server, token) = start(|config| config.limits.drain_timeout_ms = 1_000);
    let preview = OpenPreview {
        name: Some("pr-7".parse().unwrap()),
        ..OpenPreview::default()
    };
    let source = ROOM.replace("welcome", "welcome in the preview");
    tokio::task::block_in_place(|| server.preview("room", &source, preview)).unwrap();
    match connect_to(&server, "pr-7--room", "wrong").await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 401),
        other => panic!("{other:?}"),
    }
    let mut socket = connect_to(&server, "pr-7--room", &token).await.unwrap();
    assert_eq!(
        next(&mut socket).await,
        Some(Message::text("welcome in the preview to /lobby"))
    );
    let path = "/v1/functions/room/previews/pr-7";
    let deleted = tokio::task::block_in_place(|| server.manage("DELETE", path, &Value::Null));
    assert_eq!(deleted.0, 204, "{deleted:?}");
    assert_eq!(
        going_away(&mut socket).await,
        "the function's process ended"
    );
    tokio::task::block_in_place(|| drop(server));
}

/// The header of a frame whose length is written in eight bytes (RFC 6455, section 5.2).
fn frame_header(first: u8, length: u64) -> Vec<u8> {
    let mut header = vec![first, 0x80 | 127];
    header.extend(length.to_be_bytes());
    header.extend([0; 4]);
    header
}

#[test]
fn messages_have_a_limit_and_share_the_memory_of_bodies() {
    let server = TestServer::start_with(|config| {
        config.limits.max_websocket_message_bytes = 1_000_000;
        config.limits.max_body_wait_ms = 50;
        config.limits.request_timeout_ms = 3000;
    });
    let room = ROOM.replace("config: {", "config: { public: true,");
    server.deploy("loud", &room);
    let open = || {
        let mut wire = server.wire();
        let host = server.host("loud");
        wire.send(format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ));
        assert_eq!(wire.head().status, 101);
        wire
    };
    // The message comes in one frame, or in several frames.
    let mut long = open();
    long.send(frame_header(0x82, 1_000_001));
    long.rest();
    let mut pieces = open();
    pieces.send(frame_header(0x02, 999_999));
    pieces.send(vec![0; 999_999]);
    pieces.send_until_refused(frame_header(0x80, 2));
    pieces.rest();
    let is_logged = |setting: &str| {
        eventually("a line in the log", || {
            logged(&["loud", "the WebSocket was cut", setting]).then_some(())
        });
    };
    is_logged("limits.max_websocket_message_bytes");
    // Announced messages reserve memory for bodies, even if they never arrive: eight bytes per byte of a message, from
    // a total of 102 MiB.
    let mut halves: Vec<_> = (0..14)
        .map(|_| {
            let mut wire = open();
            wire.send(frame_header(0x82, 999_999));
            wire
        })
        .collect();
    is_logged("limits.max_body_memory_mib");
    // The sockets stay open until the timeout ends them.
    for wire in &mut halves {
        wire.rest();
    }
    is_logged("limits.request_timeout_ms");
}
