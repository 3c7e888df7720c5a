//! The requests that the client sends.

use jelou_client::{AuditQuery, Client, Removal};
use jelou_core::api::{CreateToken, SetSecrets};
use jelou_core::{Slug, TokenId};
use jelou_token::AccessToken;

use crate::script::Script;

const EMPTY_LIST: &str = "200 OK\nContent-Type: application/json\n\n{\"items\":[]}";
const NO_CONTENT: &str = "204 No Content\n\n";

fn slug() -> Slug {
    "mi-funcion".parse().unwrap()
}

#[test]
fn the_token_is_a_bearer_and_never_shown() {
    let script = Script::start(&[EMPTY_LIST]);
    let token = AccessToken::mint().unwrap();
    let value = token.expose().to_owned();
    let client = Client::new(script.api(), Some(token));
    assert!(!format!("{client:?}").contains(&value));

    client.functions().list().unwrap();
    let request = &script.requests()[0];
    assert_eq!(request.line, "GET /v1/functions");
    assert_eq!(
        request.header("authorization").unwrap(),
        format!("Bearer {value}")
    );
    assert_eq!(
        request.header("user-agent").unwrap(),
        concat!("jelou/", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(request.header("accept").unwrap(), "application/json");
}

#[test]
fn a_list_of_tokens_has_all_pages() {
    let id = TokenId::generate();
    let first =
        format!("200 OK\nContent-Type: application/json\n\n{{\"items\":[],\"next\":\"{id}\"}}");
    let script = Script::start(&[&first, EMPTY_LIST]);
    script.client().tokens(&slug()).list().unwrap();
    let lines: Vec<String> = script
        .requests()
        .into_iter()
        .map(|request| request.line)
        .collect();
    let path = "GET /v1/functions/mi-funcion/tokens?limit=1000";
    assert_eq!(lines, [path.to_owned(), format!("{path}&after={id}")]);
}

#[test]
fn each_operation_has_its_method_and_path() {
    let id = TokenId::generate();
    let script = Script::start(&[
        NO_CONTENT, NO_CONTENT, NO_CONTENT, NO_CONTENT, EMPTY_LIST, EMPTY_LIST,
    ]);
    let client = script.client();
    client
        .tokens(&slug())
        .revoke(&id, Removal::KeepLast)
        .unwrap();
    client.tokens(&slug()).revoke(&id, Removal::Force).unwrap();
    client
        .secrets(&slug())
        .delete(&"API_KEY".parse().unwrap())
        .unwrap();
    client.access_tokens().revoke("a/b").unwrap();
    client.secrets(&slug()).list().unwrap();
    client
        .audit()
        .list(AuditQuery {
            limit: Some(5),
            before: Some(9),
            after: None,
        })
        .unwrap();

    let lines: Vec<String> = script
        .requests()
        .into_iter()
        .map(|request| request.line)
        .collect();
    assert_eq!(
        lines,
        [
            format!("DELETE /v1/functions/mi-funcion/tokens/{id}"),
            format!("DELETE /v1/functions/mi-funcion/tokens/{id}?force=true"),
            "DELETE /v1/functions/mi-funcion/secrets/API_KEY".to_owned(),
            "DELETE /v1/access-tokens/a%2Fb".to_owned(),
            "GET /v1/functions/mi-funcion/secrets".to_owned(),
            "GET /v1/audit?limit=5&before=9".to_owned(),
        ]
    );
}

#[test]
fn bodies_are_json() {
    let changed = "200 OK\nContent-Type: application/json\n\n{\"keys\":[\"A\"]}";
    let token = "201 Created\nContent-Type: application/json; charset=utf-8\n\n{\"token\":\"jfn_rt_x\",\"id\":\"tok_01arz3ndektsv4rrffq69g5fav\",\"name\":\"ci\",\"prefix\":\"jfn_rt_abc1\",\"lastUsedAt\":null,\"createdAt\":\"2026-04-01T14:00:00Z\",\"createdBy\":\"admin\",\"expiresAt\":null}";
    let script = Script::start(&[changed, token]);
    let client = script.client();
    let changed = client
        .secrets(&slug())
        .set(&SetSecrets {
            secrets: [("A".to_owned(), "ñ".to_owned())].into(),
        })
        .unwrap();
    assert_eq!(changed.keys[0].as_str(), "A");
    let created = client
        .tokens(&slug())
        .create(&CreateToken {
            replace: false,
            name: "ci".parse().unwrap(),
            expires_in: Some(60),
            expires_at: None,
            scopes: None,
            cidrs: None,
            methods: None,
            rate: Some("100/m".parse().unwrap()),
            quota: None,
            owner: None,
            purpose: None,
            tags: jelou_core::token_labels::Tags::default(),
        })
        .unwrap();
    assert_eq!(created.token, "jfn_rt_x");

    let requests = script.requests();
    assert_eq!(requests[0].line, "PATCH /v1/functions/mi-funcion/secrets");
    assert_eq!(requests[0].body, "{\"secrets\":{\"A\":\"ñ\"}}");
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    assert_eq!(requests[1].line, "POST /v1/functions/mi-funcion/tokens");
    assert_eq!(
        requests[1].body,
        "{\"name\":\"ci\",\"expiresIn\":60,\"rate\":\"100/m\"}"
    );
}
