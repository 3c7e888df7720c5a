//! Secret scanners: rules, the endpoint that verifies a value, and the webhook of GitHub.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use jelou_token::{AccessToken, RuntimeToken};
use regex::Regex;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::support::{Call, TestServer, private_echo};

const SECRET: &str = "secret-of-the-webhook";

/// The regular expressions of the committed rules.
fn rules() -> Vec<Regex> {
    let gitleaks: toml::Value =
        toml::from_str(include_str!("../../../../docs/scanners/gitleaks.toml")).unwrap();
    let gitleaks = gitleaks["rules"].as_array().unwrap();
    let mut rules: Vec<String> = gitleaks
        .iter()
        .map(|rule| rule["regex"].as_str().unwrap().to_owned())
        .collect();
    let trufflehog = include_str!("../../../../docs/scanners/trufflehog.yml");
    let line = trufflehog
        .lines()
        .find_map(|line| line.trim().strip_prefix("token: "))
        .unwrap();
    rules.push(line.trim_matches('\'').to_owned());
    rules.iter().map(|rule| Regex::new(rule).unwrap()).collect()
}

#[test]
fn the_committed_rules_find_tokens_and_nothing_else() {
    let rules = rules();
    assert_eq!(rules.len(), 3);
    for _ in 0..100 {
        let runtime = RuntimeToken::mint().unwrap();
        let access = AccessToken::mint().unwrap();
        for token in [runtime.expose(), access.expose()] {
            for text in [
                token.to_owned(),
                format!("x = \"{token}\";"),
                format!("a\n{token}\nb"),
            ] {
                let found: Vec<_> = rules
                    .iter()
                    .filter_map(|rule| Some(rule.captures(&text)?[1].to_owned()))
                    .collect();
                // A rule of Gitleaks, and the rule of TruffleHog.
                assert_eq!(found, [token, token], "{}", &token[..11]);
            }
            for text in [&token[1..], &token[..token.len() - 1], &format!("{token}x")] {
                assert!(
                    !rules.iter().any(|rule| rule.is_match(text)),
                    "{}",
                    text.len()
                );
            }
        }
    }
}

fn post(server: &TestServer, path: &str, body: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let address = server.address();
    let call = Call::new(address, address, path).body(body);
    let call = headers
        .iter()
        .fold(call, |call, (name, value)| call.header(name, value));
    let reply = call.send();
    assert!(
        !reply.body.contains(body) || body.len() < 10,
        "{}",
        reply.status
    );
    (reply.status, reply.json())
}

#[test]
fn a_scanner_learns_whether_a_value_works() {
    let server = TestServer::start();
    let function = json!({ "slug": "echo" });
    assert_eq!(server.manage("POST", "/v1/functions", &function).0, 201);
    let token = server.create_token("echo", json!({ "name": "ci" })).token;
    let verify = |body: &str| post(&server, "/v1/leaked-tokens/verify", body, &[]);
    // The request of TruffleHog.
    let found = |token: &str| json!({ "jelou": { "token": [token] } }).to_string();
    let (status, body) = verify(&found(&token));
    assert_eq!(
        (status, &body["items"][0]["works"]),
        (200, &json!(true)),
        "{body}"
    );
    assert!(!body.to_string().contains(&token));
    let access = server.access_token().to_owned();
    assert_eq!(verify(&found(&access)).0, 200);
    let unknown = RuntimeToken::mint().unwrap();
    for body in [found(unknown.expose()), found("x"), String::new()] {
        assert_eq!(verify(&body).0, 404, "{}", body.len());
    }
    // A disabled token does not work, until it is enabled again.
    for (disabled, status) in [(true, 404), (false, 200)] {
        let update = json!({ "disabled": disabled });
        let path = "/v1/functions/echo/tokens/ci?force=true";
        assert_eq!(server.manage("PATCH", path, &update).0, 200);
        assert_eq!(verify(&found(&token)).0, status, "disabled: {disabled}");
    }
    let report = json!({ "values": [token] });
    assert_eq!(server.manage("POST", "/v1/leaked-tokens", &report).0, 200);
    let large = "x".repeat(8 * 1024 * 1024 + 1);
    for (path, kind, words) in [
        (
            "/v1/leaked-tokens/verify",
            "application/problem+json",
            "the limit of this route",
        ),
        ("/v1/token", "application/json", "\"invalid_request\""),
    ] {
        let address = server.address();
        let reply = Call::new(address, address, path).body(&large).send();
        assert_eq!(reply.status, 413, "{path}: {}", reply.body);
        assert_eq!(reply.header("content-type"), Some(kind), "{path}");
        assert!(reply.body.contains(words), "{path}: {}", reply.body);
    }
    assert_eq!(verify(&found(&token)).0, 404);
}

/// An API like GitHub's that has one alert, and records the requests.
fn github(secret: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (secret, record) = (secret.to_owned(), Arc::clone(&asked));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap();
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            let is_allowed = head
                .to_ascii_lowercase()
                .contains("authorization: bearer github-token");
            let is_alert = head.starts_with("GET /repos/org/repo/secret-scanning/alerts/42 ");
            let (status, body) = match (is_allowed, is_alert) {
                (true, true) => ("200 OK", json!({ "number": 42, "secret": secret })),
                _ => ("404 Not Found", json!({})),
            };
            record.lock().unwrap().push(head);
            let body = body.to_string();
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    (url, asked)
}

fn signature(secret: &str, body: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = ring::hmac::sign(&key, body.as_bytes());
    let hex = tag.as_ref().iter().map(|byte| format!("{byte:02x}"));
    format!("sha256={}", hex.collect::<String>())
}

#[test]
fn an_alert_of_github_revokes_the_token() {
    let server = TestServer::start();
    let token = server.deploy("echo", &private_echo());
    let (api, asked) = github(&token);
    let server = server.restart(|config| {
        config.leaks.github_webhook_secret = Some(Zeroizing::new(SECRET.to_owned()));
        config.leaks.github_token = Some(Zeroizing::new("github-token".to_owned()));
        config.leaks.github_api = api;
    });
    let event = |action: &str, repository: &str| {
        json!({
            "action": action,
            "alert": { "number": 42, "secret_type": "jelou_runtime_token" },
            "repository": { "full_name": repository },
        })
        .to_string()
    };
    let send = |body: &str, signature: &str, event: &str| {
        let headers = [
            ("x-hub-signature-256", signature),
            ("x-github-event", event),
        ];
        post(&server, "/v1/webhooks/github", body, &headers)
    };
    let status = || server.call("echo", "/").token(&token).send().status;
    let created = event("created", "org/repo");
    let good = signature(SECRET, &created);
    for bad in [
        "",
        "sha256=",
        "sha256=00",
        &good[7..],
        &signature("other", &created),
        &signature(SECRET, "{}"),
    ] {
        assert_eq!(send(&created, bad, "secret_scanning_alert").0, 401, "{bad}");
    }
    // Other events change nothing, and no repository name changes the path of the request to GitHub.
    for (body, name) in [
        (created.clone(), "ping"),
        (event("resolved", "org/repo"), "secret_scanning_alert"),
    ] {
        let (status, answer) = send(&body, &signature(SECRET, &body), name);
        assert_eq!((status, &answer["items"]), (200, &json!([])), "{answer}");
    }
    for repository in ["org/repo/../../x", "../x", "org", "org/re?po", "org/."] {
        let body = event("created", repository);
        let (status, _) = send(&body, &signature(SECRET, &body), "secret_scanning_alert");
        assert_eq!(status, 502, "{repository}");
    }
    assert!(asked.lock().unwrap().is_empty());
    assert_eq!(status(), 200);

    let (answered, answer) = send(&created, &good, "secret_scanning_alert");
    assert_eq!(answered, 200, "{answer}");
    assert_eq!(answer["items"][0]["outcome"], "revoked", "{answer}");
    assert_eq!(status(), 401);
    let (_, audit) = server.manage("GET", "/v1/audit?limit=1", &Value::Null);
    assert_eq!(audit["items"][0]["actor"], "github", "{audit}");
}

#[test]
fn without_its_secret_the_webhook_does_not_exist() {
    let server = TestServer::start();
    let body = "{\"action\":\"created\"}";
    let headers = [("x-hub-signature-256", signature("", body))];
    let headers = [(headers[0].0, headers[0].1.as_str())];
    assert_eq!(post(&server, "/v1/webhooks/github", body, &headers).0, 404);
}
