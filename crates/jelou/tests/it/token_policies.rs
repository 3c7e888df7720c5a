//! Tokens with limits, from the command that creates them to the calls that they refuse.

use serde_json::{Value, json};

use crate::support::{Reply, Sandbox, Server};

const MAIL: &str = r#"import { app, define } from "@jelou/functions";

export default app({ tools: {
  sendEmail: define({ description: "Sends", handler: () => ({ sent: true }) }),
  readInbox: define({ description: "Reads", handler: () => [] }),
} });
"#;

fn create(sandbox: &Sandbox, flags: &str) -> Value {
    let outcome = sandbox
        .jelou(&format!("tokens create correo {flags} --json"))
        .run();
    assert_eq!(outcome.code, 0, "{outcome}");
    outcome.json()["data"].clone()
}

fn send(server: &Server, path: &str, token: &Value) -> Reply {
    let token = token["token"].as_str().unwrap();
    server.request("correo").path(path).token(token).send()
}

#[test]
fn limits_hold_from_the_next_call_on() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.deploy("correo", MAIL);
    let scoped = create(&sandbox, "--name scoped --scope tool:sendEmail");
    let local = create(&sandbox, "--name local --cidr 127.0.0.0/8");
    let elsewhere = create(&sandbox, "--name elsewhere --cidr 192.0.2.7");
    let rated = create(&sandbox, "--name rated --rate 1/d");

    let forbidden = (403, r#"{"error":"Forbidden"}"#);
    let too_many = (429, r#"{"error":"Too many requests"}"#);
    let sent = (200, r#"{"sent":true}"#);
    for (token, path, expected) in [
        (&scoped, "/send-email", sent),
        (&scoped, "/read-inbox", forbidden),
        (&scoped, "/nowhere", forbidden),
        (&local, "/send-email", sent),
        (&elsewhere, "/send-email", forbidden),
        (&rated, "/send-email", sent),
        (&rated, "/send-email", too_many),
    ] {
        let reply = send(&server, path, token);
        let name = &token["name"];
        assert_eq!(
            (reply.status, reply.body.as_str()),
            expected,
            "{name} {path}"
        );
    }
    let wait = send(&server, "/send-email", &rated);
    let wait: u64 = wait.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");

    let listed = sandbox.jelou("tokens list correo --json").run().json();
    let listed = listed["data"].as_array().unwrap();
    let limits = listed.iter().map(|token| {
        json!([
            token["name"],
            token["scopes"],
            token["cidrs"],
            token["rate"]
        ])
    });
    assert_eq!(
        limits.collect::<Vec<_>>(),
        [
            json!(["default", null, null, null]),
            json!(["scoped", ["tool:sendEmail"], null, null]),
            json!(["local", null, ["127.0.0.0/8"], null]),
            json!(["elsewhere", null, ["192.0.2.7/32"], null]),
            json!(["rated", null, null, "1/d"]),
        ]
    );
    // A refused call also counts as a use, because somebody has the token.
    let unused = listed.iter().filter(|token| token["lastUsedAt"].is_null());
    let unused: Vec<_> = unused.map(|token| &token["name"]).collect();
    assert_eq!(unused, ["default"]);

    let outcome = sandbox.jelou("tokens revoke correo scoped -y").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_eq!(send(&server, "/send-email", &scoped).status, 401);

    let typo = create(&sandbox, "--name typo --scope tool:sendMail");
    let warning = typo["warnings"][0].as_str().unwrap();
    assert!(warning.contains("sendEmail, readInbox"), "{warning}");
}

#[test]
fn the_management_api_says_what_is_wrong_with_a_limit() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let outcome = sandbox
        .jelou("functions create --slug correo --name Correo")
        .run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let access_token = server.access_token.clone().unwrap();
    let many: Vec<_> = (0..65).map(|number| format!("10.0.0.{number}")).collect();
    for (limit, says) in [
        (json!({ "scopes": [] }), "empty list of scopes"),
        (json!({ "scopes": ["admin"] }), "unknown scope `admin`"),
        (
            json!({ "scopes": ["tool:a b"] }),
            "`tool:a b` is not the name of a tool",
        ),
        (json!({ "scopes": "mcp" }), "invalid type"),
        (json!({ "cidrs": [] }), "empty list of CIDRs"),
        (json!({ "cidrs": ["10.1.2.3/8"] }), "write `10.0.0.0/8`"),
        (json!({ "cidrs": many }), "at most 64"),
        (json!({ "rate": "0/m" }), "from 1 to 1000000"),
        (json!({ "rate": 100 }), "invalid type"),
    ] {
        let mut body = limit.clone();
        body["name"] = "ci".into();
        let create = server
            .manage(&access_token, "/v1/functions/correo/tokens")
            .body(&body.to_string());
        let reply = create.send();
        assert_eq!(reply.status, 422, "{reply:?}");
        let problem = reply.json();
        assert_eq!(problem["code"], "VALIDATION_ERROR");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{limit}: {detail}");
    }
    let listed = sandbox.jelou("tokens list correo --json").run().json();
    assert_eq!(listed["data"], json!([]));
}
