use serde_json::{Value, json};

use crate::support::{FakeApi, Sandbox, answer, assert_outcome};

fn sandbox(changed: &[&str]) -> (Sandbox, FakeApi) {
    let api = FakeApi::start(vec![
        answer(
            "PATCH /v1/functions/mi-funcion/secrets",
            200,
            json!({"keys": changed}),
        ),
        answer(
            "GET /v1/functions/mi-funcion/secrets",
            200,
            json!({"items": [{
                "key": "OTRA_FUNCION_TOKEN",
                "updatedAt": "2026-04-05T09:00:00Z",
                "updatedBy": "admin",
            }]}),
        ),
        answer(
            "DELETE /v1/functions/mi-funcion/secrets/API_KEY",
            204,
            Value::Null,
        ),
    ]);
    (Sandbox::new().with_api(&api), api)
}

#[test]
fn secrets_set_on_the_command_line() {
    let (sandbox, api) = sandbox(&["A", "B"]);
    let outcome = sandbox
        .jelou("secrets set mi-funcion A=1 B=x=y --human")
        .run();
    assert_eq!(outcome.stdout(), "✓ Set 2 secrets\n", "{outcome}");
    assert_eq!(api.last_body(), json!({"secrets": {"A": "1", "B": "x=y"}}));
}

#[test]
fn secrets_set_takes_the_slug_from_the_project() {
    let (sandbox, api) = sandbox(&["A"]);
    sandbox.file("jelou.json", r#"{"function": "mi-funcion"}"#);
    assert_outcome!(sandbox.jelou("secrets set A=1").run());
    assert_eq!(api.last_body(), json!({"secrets": {"A": "1"}}));
}

#[test]
fn secrets_set_from_a_file() {
    let (sandbox, api) = sandbox(&["A"]);
    sandbox.file(".env", "# c\nA='pa$$ word'\nB=2\n");
    let outcome = sandbox
        .jelou("secrets set mi-funcion --from-env .env B=3 --human")
        .run();
    assert_eq!(outcome.stdout(), "✓ Set 1 secret\n", "{outcome}");
    assert_eq!(
        api.last_body(),
        json!({"secrets": {"A": "pa$$ word", "B": "3"}})
    );
}

#[test]
fn secrets_set_asks_with_masked_input() {
    let (sandbox, api) = sandbox(&["API_KEY"]);
    let mut terminal = sandbox.jelou("secrets set mi-funcion").in_terminal();
    terminal.wait_for("? Key: ").answer("API_KEY");
    terminal.wait_for("? Value of API_KEY: ").answer("hunter2");
    assert_outcome!(terminal.finish());
    assert_eq!(api.last_body(), json!({"secrets": {"API_KEY": "hunter2"}}));
}

#[test]
fn secrets_set_without_a_terminal() {
    let (sandbox, _api) = sandbox(&[]);
    assert_outcome!(sandbox.jelou("secrets set mi-funcion").run());
}

#[test]
fn secrets_set_with_a_bad_key() {
    let (sandbox, _api) = sandbox(&[]);
    assert_outcome!(sandbox.jelou("secrets set mi-funcion __FN_X=1").run());
    assert_outcome!(sandbox.jelou("secrets set mi-funcion A=1 word").run());
}

#[test]
fn secrets_list() {
    let (sandbox, _api) = sandbox(&[]);
    assert_outcome!(sandbox.jelou("secrets list mi-funcion --human").run());
}

#[test]
fn secrets_delete_asks_first() {
    let (sandbox, api) = sandbox(&[]);
    assert_eq!(
        sandbox
            .jelou("secrets delete mi-funcion API_KEY")
            .run()
            .code,
        2
    );
    assert!(api.requests().is_empty());
    let mut terminal = sandbox
        .jelou("secrets delete mi-funcion API_KEY")
        .in_terminal();
    terminal.wait_for("(y/N) ").answer("y");
    assert_outcome!(terminal.finish());
}
