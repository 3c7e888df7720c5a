//! `ctx.jelou`, with the operator's credentials.

use std::io::{Read, Write};
use std::net::TcpListener;

use jelou_server::config::Jelou;
use serde_json::json;

use crate::support::TestServer;

const SENDER: &str = r#"export default define({ description: "Sends", config: { public: true }, handler: async (_input, ctx) => {
  const { jelou } = ctx;
  if (!jelou.available) return { available: false };
  try {
    return { available: true, sent: await jelou.send({ type: "text", to: "593987654321", text: "hola" }) };
  } catch (error) {
    return { error: error.message, status: error.status, auth: error.isAuth?.() };
  }
} });"#;

/// Answers one request and returns it.
fn answer_once(listener: &TcpListener, status: &str, body: &str) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    // The body is a JSON object without nested objects.
    while !request.ends_with(b"}") {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0);
        request.extend_from_slice(&buffer[..count]);
    }
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    String::from_utf8(request).unwrap()
}

#[test]
fn a_function_sends_with_the_operators_key() {
    let api = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}/v1", api.local_addr().unwrap());
    let server = TestServer::start_with(|config| {
        config.egress.allow = vec!["127.0.0.1/32".parse().unwrap()];
        config.jelou = Some(Jelou {
            base_url,
            api_key: "sk-of-the-operator".to_owned().into(),
        });
    });
    server.deploy("sender", SENDER);
    let call = || server.call("sender", "/").send().json();
    std::thread::scope(|scope| {
        let calling = scope.spawn(call);
        let request = answer_once(&api, "200 OK", r#"{"messageId":"m-1"}"#);
        assert!(request.starts_with("POST /v1/"), "{request}");
        let lower = request.to_ascii_lowercase();
        assert!(
            lower.contains("authorization: bearer sk-of-the-operator"),
            "{request}"
        );
        assert!(request.contains(r#""to":"593987654321""#), "{request}");
        let sent = json!({ "available": true, "sent": { "messageId": "m-1" } });
        assert_eq!(calling.join().unwrap(), sent);

        let calling = scope.spawn(call);
        answer_once(&api, "401 Unauthorized", r#"{"message":"no such key"}"#);
        let refused = json!({ "error": "no such key", "status": 401, "auth": true });
        assert_eq!(calling.join().unwrap(), refused);
    });
}

#[test]
fn without_credentials_there_is_none() {
    let server = TestServer::start();
    server.deploy("sender", SENDER);
    let reply = server.call("sender", "/").send();
    assert_eq!(reply.json(), json!({ "available": false }));
}
