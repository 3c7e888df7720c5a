//! `jelou audit`.

use serde_json::json;

use crate::support::{FakeApi, Sandbox, answer, assert_outcome};

#[test]
fn audit_for_people_and_in_json() {
    let api = FakeApi::start(vec![answer(
        "GET /v1/audit?limit=1",
        200,
        json!({
            "items": [{
                "id": 7,
                "at": "2026-04-07T10:30:00Z",
                "actor": "pat_01arz3ndektsv4rrffq69g5fav",
                "action": "token.revoke",
                "function": "mi-funcion",
                "target": "tok_01arz3ndektsv4rrffq69g5fav",
                "detail": "ci-deploy",
            }],
            "next": 7,
        }),
    )]);
    let sandbox = Sandbox::new().with_api(&api);
    assert_outcome!(sandbox.jelou("audit --limit 1 --human").run());
    assert_outcome!(sandbox.jelou("audit --limit 1").run());
}
