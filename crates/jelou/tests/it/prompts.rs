use serde_json::Value;

use crate::support::{CTRL_C, CTRL_D, FakeApi, Sandbox, answer, assert_outcome};

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
    assert_outcome!(terminal.finish());
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
