//! `WebSocket`s that functions take.

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::{TestServer, eventually};

const ROOM: &str = r#"
let events: string[] = [];
export default define({ description: "A room", config: { path: "*", methods: ["GET", "DELETE"] },
  handler: (_input, ctx, request) => {
    if (ctx.method === "DELETE") return { events };
    if (request.headers.get("upgrade") !== "websocket") return { upgrade: request.headers.get("upgrade") };
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "chat", idleTimeout: 0 });
    socket.onopen = () => socket.send(`welcome to ${ctx.path}`);
    socket.onmessage = (event) => socket.send(event.data);
    socket.onclose = (event) => events.push(`closed ${event.code}`);
    return response;
  },
});"#;

async fn connect(server: &TestServer, token: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    let origin = server.origin("room").replace("http://", "ws://");
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

fn start(change: impl FnOnce(&mut jelou_server::Config)) -> (TestServer, String) {
    tokio::task::block_in_place(|| {
        let server = TestServer::start_with(change);
        let token = server.deploy("room", ROOM);
        (server, token)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_both_ways() {
    let (server, token) = start(|_| {});
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

    // Without a token nothing is upgraded, and nothing but a WebSocket ever is.
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
        assert_eq!(other.json()["upgrade"], serde_json::Value::Null);
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
    assert_eq!(next(&mut socket).await, None);
    tokio::task::block_in_place(|| drop(server));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_lets_it_talk_on_until_the_drain_ends() {
    let (server, token) = start(|config| config.limits.drain_timeout_ms = 5_000);
    let mut socket = connect(&server, &token).await.unwrap();
    assert!(next(&mut socket).await.is_some());
    tokio::task::block_in_place(|| server.deploy("room", &ROOM.replace("welcome", "bienvenido")));
    socket.send(Message::text("still here")).await.unwrap();
    assert_eq!(next(&mut socket).await, Some(Message::text("still here")));
    assert_eq!(next(&mut socket).await, None);
    let mut socket = connect(&server, &token).await.unwrap();
    assert_eq!(
        next(&mut socket).await,
        Some(Message::text("bienvenido to /lobby"))
    );
    tokio::task::block_in_place(|| drop(server));
}
