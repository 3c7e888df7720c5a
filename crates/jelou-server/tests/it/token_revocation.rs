//! Revocation of several tokens in one change.

use serde_json::{Value, json};

use crate::support::{TestServer, private_echo};

fn revoke(server: &TestServer, selection: &Value) -> (u16, Value) {
    server.manage("POST", "/v1/functions/mine/token-revocation", selection)
}

fn names(server: &TestServer) -> Vec<String> {
    let tokens = server.tokens("mine");
    tokens.iter().map(|token| token.name.to_string()).collect()
}

#[test]
fn a_group_is_revoked_in_one_change_or_not_at_all() {
    let server = TestServer::start();
    let default = server.deploy("mine", &private_echo());
    let create =
        |name: &str, tag: &str| server.create_token("mine", json!({ "name": name, "tags": [tag] }));
    let (a, b, c) = (create("a", "ci"), create("b", "ci"), create("c", "other"));
    let status = |token: &str| server.call("mine", "/").token(token).send().status;

    let (code, refused) = revoke(&server, &json!({}));
    assert_eq!(code, 422, "{refused}");
    // One unknown id: nothing is revoked.
    let unknown = json!({ "ids": [a.details.id, "tok_01jzzzzzzzzzzzzzzzzzzzzzzz"] });
    assert_eq!(revoke(&server, &unknown).0, 404);
    assert_eq!(revoke(&server, &json!({ "tag": "none" })).0, 404);
    assert_eq!(
        revoke(&server, &json!({ "tag": "ci", "createdBy": "nobody" })).0,
        404
    );
    assert_eq!(names(&server), ["default", "a", "b", "c"]);

    let (code, revoked) = revoke(&server, &json!({ "tag": "ci" }));
    assert_eq!(code, 200, "{revoked}");
    let revoked: Vec<_> = revoked["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| &token["name"])
        .collect();
    assert_eq!(revoked, ["a", "b"]);
    assert_eq!([&a, &b].map(|token| status(&token.token)), [401, 401]);
    assert_eq!((status(&c.token), status(&default)), (200, 200));

    // The rule of the last token applies to the group.
    let rest = json!({ "ids": server.tokens("mine").iter().map(|token| token.id.clone()).collect::<Vec<_>>() });
    let (code, refused) = revoke(&server, &rest);
    assert_eq!(
        (code, &refused["code"]),
        (409, &json!("LAST_TOKEN")),
        "{refused}"
    );
    assert_eq!(names(&server), ["default", "c"]);
    let mut forced = rest;
    forced["force"] = json!(true);
    assert_eq!(revoke(&server, &forced).0, 200);
    assert_eq!((status(&c.token), status(&default)), (401, 401));
    assert!(names(&server).is_empty());
}
