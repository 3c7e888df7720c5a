//! A function moves to another server, and its callers keep their tokens.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::TestServer;

const SOURCE: &str =
    "export default define({ description: \"Moves\", handler: () => ({ ok: true }) });";
const IMPORT: &str = "/v1/functions/moved/token-import";
const EXPORT: &str = "/v1/functions/moved/token-export";

/// The hash of a token, as in an export.
pub(crate) fn hash_of(value: &str) -> String {
    let token = jelou_token::RuntimeToken::parse(value).unwrap();
    let mut text = String::new();
    for byte in token.hash().as_bytes() {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

fn call(server: &TestServer, token: &str) -> u16 {
    server
        .call("moved", "/")
        .method("POST")
        .token(token)
        .send()
        .status
}

fn names(server: &TestServer) -> Vec<String> {
    let tokens = server.tokens("moved");
    tokens.iter().map(|token| token.name.to_string()).collect()
}

fn server() -> TestServer {
    let server = TestServer::start();
    server.deploy("moved", SOURCE);
    server
}

fn export(server: &TestServer) -> Value {
    let (status, export) = server.manage("POST", EXPORT, &Value::Null);
    assert_eq!(status, 200, "{export}");
    export
}

fn import(server: &TestServer, tokens: &Value, flags: Value) -> (u16, Value) {
    let mut body = flags;
    body["tokens"] = tokens.clone();
    server.manage("POST", IMPORT, &body)
}

fn outcomes(report: &Value) -> Vec<&str> {
    let items = report["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["outcome"].as_str().unwrap())
        .collect()
}

#[test]
fn callers_keep_their_tokens() {
    let (old, new) = (server(), server());
    let create = |token: Value| old.create_token("moved", token);
    let limited = create(json!({
        "name": "limited", "scopes": ["invoke"], "quota": "1/day", "owner": "ana", "tags": ["ci"],
        "expiresIn": 3600,
    }));
    let disabled = create(json!({ "name": "disabled" }));
    let rotated = create(json!({ "name": "rotated" }));
    old.manage(
        "PATCH",
        "/v1/functions/moved/tokens/disabled",
        &json!({ "disabled": true }),
    );
    let path = "/v1/functions/moved/tokens/rotated/rotation";
    let (_, after) = old.manage("POST", path, &json!({ "graceSeconds": 3600 }));
    let current = after["token"].as_str().unwrap();
    let mut tokens = export(&old)["tokens"].clone();
    // Removes `default`, because the new server has created a token with this name.
    tokens.as_array_mut().unwrap().remove(0);

    let (status, report) = import(&new, &tokens, json!({ "dryRun": true }));
    assert_eq!((status, outcomes(&report)), (200, vec!["imported"; 3]));
    assert_eq!(names(&new), ["default"]);
    let (status, report) = import(&new, &tokens, json!({}));
    assert_eq!((status, outcomes(&report)), (200, vec!["imported"; 3]));
    for (token, statuses) in [
        (limited.token.as_str(), [200, 429]),
        (disabled.token.as_str(), [401, 401]),
        (rotated.token.as_str(), [200, 200]),
        (current, [200, 200]),
    ] {
        assert_eq!([(); 2].map(|()| call(&new, token)), statuses);
    }
    // Ids, limits and labels are the same.
    let info = |server: &TestServer| {
        let tokens = server.tokens("moved");
        let token = tokens
            .into_iter()
            .find(|token| token.name.as_str() == "limited");
        let token = token.unwrap();
        (
            token.id,
            token.scopes,
            token.quota,
            token.owner,
            token.tags,
            token.expires_at,
        )
    };
    assert_eq!(info(&old), info(&new));
    // A second import changes nothing, and a restart keeps everything.
    let (status, report) = import(&new, &tokens, json!({}));
    assert_eq!((status, outcomes(&report)), (200, vec!["alreadyHere"; 3]));
    let new = new.restart(|_| {});
    assert_eq!(call(&new, &rotated.token), 200);
    assert_eq!(call(&new, current), 200);
}

#[test]
fn one_clash_refuses_the_whole_import() {
    let (old, new) = (server(), server());
    let theirs = old.create_token("moved", json!({ "name": "ci" })).token;
    let fresh = old.create_token("moved", json!({ "name": "fresh" })).token;
    let mine = new.create_token("moved", json!({ "name": "ci" })).token;
    let tokens = export(&old)["tokens"].clone();
    let (status, report) = import(&new, &tokens, json!({ "dryRun": true }));
    assert_eq!(
        (status, outcomes(&report)),
        (200, vec!["clash", "clash", "imported"])
    );
    let (status, problem) = import(&new, &tokens, json!({}));
    assert_eq!(
        (status, &problem["code"]),
        (409, &json!("CONFLICT")),
        "{problem}"
    );
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("`default`") && detail.contains("`ci`"),
        "{detail}"
    );
    assert_eq!(names(&new), ["default", "ci"]);
    assert_eq!(
        [&mine, &theirs, &fresh].map(|token| call(&new, token)),
        [200, 401, 401]
    );
    let (status, report) = import(&new, &tokens, json!({ "replace": true }));
    assert_eq!(
        (status, outcomes(&report)),
        (200, vec!["replaced", "replaced", "imported"])
    );
    assert_eq!(
        [&mine, &theirs, &fresh].map(|token| call(&new, token)),
        [401, 200, 200]
    );
    // A revoked value does not come back.
    let path = "/v1/functions/moved/tokens/fresh";
    assert_eq!(new.manage("DELETE", path, &Value::Null).0, 204);
    let (status, problem) = import(&new, &tokens, json!({}));
    assert_eq!(status, 409, "{problem}");
    assert_eq!(call(&new, &fresh), 401);
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    let server = server();
    let hash = "0f".repeat(32);
    let token = |change: Value| {
        let mut token = json!({ "name": "ci", "hash": hash, "prefix": "jfn_rt_abc1" });
        token
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        json!([token])
    };
    for (change, reason) in [
        (json!({ "hash": "0f" }), "SHA-256"),
        (json!({ "prefix": "sk_live_abc" }), "first 11 characters"),
        (json!({ "scope": ["mcp"] }), "unknown field `scope`"),
        (json!({ "rate": "fast" }), "100/m"),
    ] {
        let (status, problem) = import(&server, &token(change), json!({}));
        assert_eq!(status, 422, "{problem}");
        assert!(problem.to_string().contains(reason), "{problem}");
    }
    assert_eq!(import(&server, &json!([]), json!({})).0, 422);
    assert_eq!(import(&server, &token(json!({})), json!({})).0, 200);
}

/// Only an export contains hashes, and nothing contains values.
#[test]
fn no_value_and_no_hash_is_shown() {
    let server = server();
    let created = server.create_token("moved", json!({ "name": "canary", "quota": "9/day" }));
    let path = "/v1/functions/moved/tokens/canary";
    let (_, rotated) = server.manage(
        "POST",
        &format!("{path}/rotation"),
        &json!({ "graceSeconds": 60 }),
    );
    let values = [created.token.as_str(), rotated["token"].as_str().unwrap()];
    for value in values {
        assert_eq!(call(&server, value), 200);
    }
    assert_eq!(call(&server, "jfn_rt_wrong"), 401);
    server.manage(
        "PATCH",
        path,
        &json!({ "disabled": true, "purpose": "canary" }),
    );
    assert_eq!(call(&server, values[0]), 401);
    let export = export(&server).to_string();
    let hash = hash_of;
    assert!(values.iter().all(|value| export.contains(&hash(value))));
    assert!(!values.iter().any(|value| export.contains(value)));
    let shown = [
        server.manage_text("GET", "/v1/functions/moved/tokens"),
        server.manage_text("GET", path),
        server.manage_text("GET", "/v1/functions/moved/token-usage"),
        server.manage_text("GET", "/v1/audit?limit=100"),
        server.manage_text("GET", "/v1/functions/moved/logs?tail=1000"),
        server.manage_text("GET", "/metrics"),
        rotated["previous"].to_string(),
    ];
    for text in &shown {
        assert!(!text.is_empty());
        for value in values {
            assert!(
                !text.contains(value) && !text.contains(&hash(value)),
                "{text}"
            );
        }
    }
    assert!(shown[3].contains("token.export"), "{}", shown[3]);
}

/// The first 28 bytes of all hashes are the same, which must not slow the server down.
#[test]
fn a_list_has_pages() {
    let server = server();
    let token = |number: u32| {
        let hash = format!("{number:064x}");
        json!({ "name": format!("n{number}"), "hash": hash, "prefix": "jfn_rt_abc1" })
    };
    let tokens: Vec<_> = (0..1_001).map(token).collect();
    let (status, report) = import(&server, &json!(tokens), json!({}));
    assert_eq!(status, 200, "{report}");
    let path = "/v1/functions/moved/tokens";
    let page = |query: &str| server.manage("GET", &format!("{path}{query}"), &Value::Null);
    assert_eq!(page("").1["items"].as_array().unwrap().len(), 100);
    let (_, first) = page("?limit=1000");
    assert_eq!(first["items"].as_array().unwrap().len(), 1_000);
    let last = &first["items"][999]["id"];
    assert_eq!(first["next"], *last);
    let (_, second) = page(&format!("?after={}", last.as_str().unwrap()));
    assert_eq!(second["items"].as_array().unwrap().len(), 2);
    assert_eq!(second["next"], Value::Null);
    // The client reads all pages.
    assert_eq!(server.tokens("moved").len(), 1_002);

    for (query, status, detail) in [
        ("?limit=0", 422, "`limit` is 0; it must be 1 to 1000"),
        ("?limit=1001", 422, "`limit` is 1001; it must be 1 to 1000"),
        ("?after=default", 422, "`after`: "),
        ("?page=2", 422, "page"),
        (
            "?after=tok_01arz3ndektsv4rrffq69g5fav",
            404,
            "tok_01arz3ndektsv4rrffq69g5fav",
        ),
    ] {
        let (answered, problem) = page(query);
        assert_eq!(answered, status, "{query}: {problem}");
        let told = problem["detail"].as_str().unwrap();
        assert!(told.contains(detail), "{query}: {told}");
    }
}
