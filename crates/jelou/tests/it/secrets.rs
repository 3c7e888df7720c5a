//! `jelou secrets`.

use serde_json::{Value, json};

use crate::support::{
    FakeApi, Sandbox, Server, answer, assert_live_outcome, assert_outcome, function,
};

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
            "DELETE /v1/functions/mi-funcion/secrets/OTRA_FUNCION_TOKEN",
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
    // If a line of the file is not a variable, nothing is stored.
    let requests = api.requests().len();
    sandbox.file(".env", "A=1\r\nmal linea\r\n");
    let outcome = sandbox
        .jelou("secrets set mi-funcion --from-env .env --human")
        .run();
    assert_eq!(outcome.code, 7, "{outcome}");
    assert!(
        outcome.to_string().contains("line 2 of .env has no `=`"),
        "{outcome}"
    );
    assert_eq!(api.requests().len(), requests);
}

/// Stores the exact bytes, including line breaks.
#[test]
fn secrets_set_from_stdin() {
    for value in ["one", "two\nlines\n", " spaced ", "-", "a=b", "ñ€\r\n\n"] {
        let (sandbox, api) = sandbox(&["A"]);
        let outcome = sandbox
            .jelou("secrets set mi-funcion A=- B=2 --human")
            .run_with_stdin(value);
        assert_eq!(outcome.code, 0, "{outcome}");
        assert_eq!(api.last_body(), json!({"secrets": {"A": value, "B": "2"}}));
    }
    let (sandbox, api) = sandbox(&["A", "B"]);
    let outcome = sandbox
        .jelou("secrets set mi-funcion --from-env -")
        .run_with_stdin("A=1\nB='x y'\n");
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_eq!(api.last_body(), json!({"secrets": {"A": "1", "B": "x y"}}));
}

#[test]
fn secrets_set_with_a_line_break_too_many_warns() {
    let (sandbox, _api) = sandbox(&["A"]);
    assert_outcome!(
        sandbox
            .jelou("secrets set mi-funcion A=- --human")
            .run_with_stdin("hunter2\n")
    );
}

#[test]
fn secrets_set_from_a_stdin_that_has_no_value() {
    let (sandbox, api) = sandbox(&["A"]);
    let set = |line: &str, stdin: &str| {
        sandbox
            .jelou(&format!("secrets set mi-funcion {line} --human"))
            .run_with_stdin(stdin)
    };
    assert_outcome!(
        [
            set("A=-", ""),
            set("A=- B=-", "x"),
            set("A=- --from-env -", "x"),
            set("--from-env -", ""),
            set("A", "x"),
            set("A=1 A=2", ""),
            set("A=-", &"x".repeat(64 * 1024 + 1)),
        ]
        .map(|outcome| outcome.to_string())
        .join("\n")
    );
    let script = "printf '\\377' | jelou secrets set mi-funcion A=- --human";
    assert_outcome!(sandbox.shell(script));
    let terminal = sandbox.jelou("secrets set mi-funcion A=-").in_terminal();
    assert_outcome!(terminal.finish());
    assert!(api.requests().is_empty());
}

#[test]
fn secrets_set_before_the_first_deploy() {
    let (sandbox, server) = {
        let sandbox = Sandbox::new();
        let server = Server::start(&sandbox);
        (sandbox, server)
    };
    assert_live_outcome!(sandbox.jelou("secrets set mi-funcion A=1 --human").run());

    let mut terminal = sandbox.jelou("secrets set mi-funcion A=1").in_terminal();
    terminal.wait_for("Create it? (Y/n) ").answer("n");
    assert_eq!(terminal.finish().code, 1);
    let mut terminal = sandbox.jelou("secrets set mi-funcion A=1").in_terminal();
    terminal.wait_for("Create it? (Y/n) ").answer("");
    assert_live_outcome!(terminal.finish());

    let outcome = sandbox.jelou("secrets set otra A=1 --create").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    // The secrets exist before the first deploy, and it still counts as the first deploy.
    let source = function("(_input, ctx) => ctx.env.get(\"A\")");
    let token = sandbox.deploy("mi-funcion", &source);
    let reply = server.call("mi-funcion", Some(&token), "{}");
    assert_eq!(reply, (200, "\"1\"".to_owned()));
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
            .jelou("secrets delete mi-funcion OTRA_FUNCION_TOKEN")
            .run()
            .code,
        2
    );
    assert!(api.requests().is_empty());
    let mut terminal = sandbox
        .jelou("secrets delete mi-funcion OTRA_FUNCION_TOKEN")
        .in_terminal();
    terminal.wait_for("(y/N) ").answer("y");
    assert_outcome!(terminal.finish());
}

#[test]
fn secrets_that_are_too_short_to_be_masked_are_named() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.deploy("keeper", &function("() => \"ok\""));
    let outcome = sandbox
        .jelou("secrets set keeper PIN=1234 CODE=1234567 API_KEY=12345678 --human")
        .run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let warning =
        "⚠ CODE, PIN are not masked in logs, because their values are shorter than 8 bytes";
    assert!(outcome.to_string().contains(warning), "{outcome}");
    let outcome = sandbox.jelou("secrets set keeper PIN=1234 --json").run();
    assert_eq!(outcome.json()["data"]["unmasked"][0], "PIN", "{outcome}");
    drop(server);
}
