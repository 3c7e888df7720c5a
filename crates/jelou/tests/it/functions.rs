//! `jelou functions`.

use serde_json::{Value, json};

use crate::support::{FakeApi, Sandbox, answer, assert_outcome};

pub(crate) fn function() -> Value {
    json!({
        "id": "func_01arz3ndektsv4rrffq69g5fav",
        "slug": "mi-funcion",
        "name": null,
        "description": "Saluda\u{1b}[2J",
        "url": "https://mi-funcion.fn.example.com",
        "liveDeployment": "dep_01arz3ndektsv4rrffq69g5fav",
        "tokens": 1,
        "secrets": 2,
        "createdAt": "2026-04-01T14:00:00Z",
        "updatedAt": "2026-04-07T10:30:00Z",
    })
}

fn traffic() -> Value {
    let point = |calls: u64| json!({"time": "2026-04-05T09:00:00Z", "calls": calls, "refused": 0, "errors": 0, "coldStarts": 0});
    json!({
        "since": "2026-04-05T06:00:00Z",
        "until": "2026-04-05T08:30:00Z",
        "stepSeconds": 3600,
        "total": {"calls": 1234, "refused": 12, "errors": 3, "coldStarts": 1, "p50Ms": 2.31, "p95Ms": 18.4, "p99Ms": 95.0},
        "points": [point(34), point(0), point(1200)],
    })
}

fn sandbox() -> (Sandbox, FakeApi) {
    let api = FakeApi::start(vec![
        answer("GET /v1/functions", 200, json!({"items": [function()]})),
        answer("POST /v1/functions", 201, function()),
        answer("GET /v1/functions/mi-funcion", 200, function()),
        answer("GET /v1/functions/mi-funcion/traffic", 200, traffic()),
        answer("DELETE /v1/functions/mi-funcion", 204, Value::Null),
    ]);
    (Sandbox::new().with_api(&api), api)
}

#[test]
fn functions_list_for_people() {
    let (sandbox, _api) = sandbox();
    assert_outcome!(sandbox.jelou("functions list --human").run());
}

#[test]
fn functions_info_for_people() {
    let (sandbox, _api) = sandbox();
    assert_outcome!(sandbox.jelou("functions info mi-funcion --human").run());
}

#[test]
fn functions_create() {
    let (sandbox, api) = sandbox();
    assert_outcome!(
        sandbox
            .jelou("functions create --slug mi-funcion --name Saludos --human")
            .run()
    );
    assert_eq!(
        api.last_body(),
        json!({"slug": "mi-funcion", "name": "Saludos"})
    );
    let outcome = sandbox.jelou("functions create").run();
    assert_eq!(outcome.code, 2, "{outcome}");
    assert!(outcome.stdout().contains("--slug"), "{outcome}");
}

#[test]
fn functions_delete_says_what_goes() {
    let (sandbox, api) = sandbox();
    let mut terminal = sandbox.jelou("functions delete mi-funcion").in_terminal();
    terminal.wait_for("(y/N) ").answer("y");
    assert_outcome!(terminal.finish());
    assert_eq!(
        api.requests(),
        [
            "GET /v1/whoami",
            "GET /v1/functions/mi-funcion",
            "DELETE /v1/functions/mi-funcion"
        ]
    );
}
