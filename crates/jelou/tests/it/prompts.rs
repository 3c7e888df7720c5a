use serde_json::Value;

use crate::support::{
    CTRL_C, CTRL_D, FakeApi, Sandbox, Server, answer, assert_live_outcome, assert_outcome, function,
};

fn sandbox() -> (Sandbox, FakeApi) {
    let api = FakeApi::start(vec![answer(
        "DELETE /v1/functions/mi-funcion/secrets/API_KEY",
        204,
        Value::Null,
    )]);
    (Sandbox::new().with_api(&api), api)
}

const COMMAND: &str = "secrets delete mi-funcion API_KEY";

#[test]
fn nonsense_is_asked_again() {
    let (sandbox, _api) = sandbox();
    let mut terminal = sandbox.jelou(COMMAND).in_terminal();
    terminal.wait_for("(y/N) ").answer("maybe");
    terminal
        .wait_for("Answer y or n")
        .wait_for("(y/N) ")
        .answer("YES");
    assert_outcome!(terminal.finish());
}

#[test]
fn ctrl_c_at_a_prompt() {
    let (sandbox, api) = sandbox();
    let mut terminal = sandbox.jelou(COMMAND).in_terminal();
    terminal.wait_for("(y/N) ").press(CTRL_C);
    // Whether the terminal shows the key is up to how fast the program ends.
    let outcome = terminal.finish().to_string().replace("^C", "");
    assert_outcome!(outcome);
    assert!(api.requests().is_empty());
}

#[test]
fn end_of_input_at_a_prompt() {
    let (sandbox, api) = sandbox();
    let mut terminal = sandbox.jelou(COMMAND).in_terminal();
    terminal.wait_for("(y/N) ").press(CTRL_D);
    assert_outcome!(terminal.finish());
    assert!(api.requests().is_empty());
}

/// Also on a terminal, somebody must be there to answer.
#[test]
fn no_input_and_ci_do_not_ask() {
    for (flag, ci, reason) in [
        ("--no-input", "", "input is switched off"),
        ("--agent", "", "input is switched off"),
        ("", "true", "CI is set"),
    ] {
        let (sandbox, api) = sandbox();
        let sandbox = sandbox.env("CI", ci);
        let outcome = sandbox
            .jelou(&format!("{COMMAND} {flag}"))
            .in_terminal()
            .finish();
        assert_eq!(outcome.code, 2, "{outcome}");
        assert!(outcome.stdout().contains(reason), "{outcome}");
        assert!(outcome.stdout().contains("--yes"), "{outcome}");
        assert!(api.requests().is_empty());
    }
}

/// Every command that asks, where nobody can answer.
#[test]
fn each_question_names_its_flag() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", &function("() => 1"));
    let access_token = "access-tokens create --name a-token --scope functions:read";
    assert_eq!(sandbox.jelou(access_token).run().code, 0);
    let set = "secrets set mi-funcion API_KEY=1";
    assert_eq!(sandbox.jelou(set).run().code, 0);
    let mut answers = Vec::new();
    for line in [
        "deploy mi-funcion",
        "tokens create mi-funcion",
        "tokens revoke mi-funcion default",
        "secrets set mi-funcion",
        "secrets set mi-funcion OTHER",
        "secrets delete mi-funcion API_KEY",
        "functions delete mi-funcion",
        "access-tokens create --scope functions:read",
        "access-tokens revoke a-token",
        "auth remove local",
        "login",
    ] {
        let outcome = sandbox.jelou(line).run();
        assert_eq!(outcome.code, 2, "{line}: {outcome}");
        let error = &outcome.json()["error"];
        assert_eq!(error["code"], "INPUT_ERROR", "{line}");
        answers.push(format!(
            "{line}\n  {}\n  {}",
            error["message"].as_str().unwrap(),
            error["hint"].as_str().unwrap()
        ));
    }
    assert_live_outcome!(answers.join("\n"));
    assert_eq!(server.call("mi-funcion", Some(&token), "{}").0, 200);
}

#[test]
fn colour_is_for_terminals_only() {
    let (sandbox, _api) = sandbox();
    let line = format!("{COMMAND} -y");
    let terminal = sandbox.jelou(&line).in_terminal();
    let screen = terminal.finish_raw();
    assert!(screen.contains("\u{1b}[1m\u{1b}[32m✓"), "{screen:?}");

    let outcome = sandbox.jelou(&format!("{line} --human")).run();
    assert!(!outcome.stdout().contains('\u{1b}'), "{outcome}");

    let sandbox = sandbox.env("NO_COLOR", "1");
    let screen = sandbox.jelou(&line).in_terminal().finish_raw();
    assert!(!screen.contains('\u{1b}'), "{screen:?}");
}
