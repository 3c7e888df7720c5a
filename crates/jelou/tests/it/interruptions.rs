//! Slow servers, servers that disconnect, and Ctrl-C while a command waits.

use serde_json::{Value, json};

use crate::support::{CTRL_C, FakeApi, Sandbox, Terminal, answer, hang_up, silence};

const PROJECT: &str = r#"{"function": "mi-funcion"}"#;

fn sandbox(reaction: crate::support::Answer) -> (Sandbox, FakeApi) {
    let api = FakeApi::start(vec![reaction]);
    let sandbox = Sandbox::new().with_api(&api);
    sandbox
        .file("jelou.json", PROJECT)
        .file("index.ts", "export default 1;\n");
    (sandbox, api)
}

/// Runs the command in a shell that waits for a line before it ends. At the end of a terminal session, Linux discards
/// output that was not read yet.
fn in_a_shell(sandbox: &Sandbox, line: &str) -> Terminal {
    sandbox.shell_in_terminal(&format!(
        "trap : INT; jelou {line}; echo \"status=$?\"; read -r rest"
    ))
}

#[test]
fn a_slow_server_is_named() {
    let (sandbox, api) = sandbox(silence("GET /v1/functions"));
    let mut terminal = in_a_shell(&sandbox, "functions list");
    terminal
        .wait_for(&format!("▸ Waiting for the server at {}", api.url()))
        .press(CTRL_C);
    terminal
        .wait_for("✗ Interrupted; nothing was changed")
        .wait_for("status=130")
        .answer("");
    terminal.finish();
}

#[test]
fn ctrl_c_says_what_becomes_of_a_change() {
    for (request, line, words) in [
        (
            "POST /v1/functions/mi-funcion/deployments",
            "deploy -y",
            "an unfinished build is abandoned",
        ),
        (
            "PATCH /v1/functions/mi-funcion/secrets",
            "secrets set A=1",
            "it may have made the change",
        ),
    ] {
        let (sandbox, _api) = sandbox(silence(request));
        let mut terminal = in_a_shell(&sandbox, line);
        terminal.wait_for("Waiting for the server").press(CTRL_C);
        terminal.wait_for(words).wait_for("status=130").answer("");
        terminal.finish();
    }
}

/// Progress, questions and errors each start on a new line.
#[test]
fn an_error_starts_a_line() {
    let request = "POST /v1/functions/mi-funcion/deployments";
    for line in ["deploy -y --human 2>&1", "deploy --human"] {
        let (sandbox, api) = sandbox(hang_up(request));
        let mut terminal = sandbox.shell_in_terminal(&format!("jelou {line}"));
        if !line.contains("-y") {
            terminal.wait_for("(Y/n) ").answer("");
        }
        let outcome = terminal.finish();
        assert_eq!(outcome.code, 6, "{outcome}");
        let lines: Vec<&str> = outcome.stdout().lines().collect();
        assert_eq!(lines[0], "▸ Files: index.ts (18 B)", "{outcome}");
        let error = format!("✗ cannot reach the server at {}", api.url());
        assert!(lines.contains(&&*error), "{outcome}");
    }
}

#[test]
fn a_prompt_that_ends_without_an_answer_ends_its_line() {
    let (sandbox, _api) = sandbox(answer("GET /v1/functions", 200, Value::Null));
    for keys in ["\u{4}", CTRL_C] {
        let mut terminal = sandbox.jelou("deploy").in_terminal();
        terminal.wait_for("(Y/n) ").press(keys);
        let outcome = terminal.finish();
        assert!(outcome.stdout().contains("(Y/n) \n✗ "), "{outcome}");
    }
}

/// The server has refused to set the secrets of a missing function.
#[test]
fn ctrl_c_at_a_question_after_a_refusal() {
    let (sandbox, api) = sandbox(answer("GET /v1/functions", 200, Value::Null));
    let mut terminal = in_a_shell(&sandbox, "secrets set A=1");
    terminal.wait_for("Create it? (Y/n) ").press(CTRL_C);
    terminal
        .wait_for("✗ Interrupted; nothing was changed")
        .wait_for("status=130")
        .answer("");
    terminal.finish();
    let change = "PATCH /v1/functions/mi-funcion/secrets";
    assert!(api.requests().iter().any(|request| request == change));
}

/// A dry run that precedes a question changes nothing.
#[test]
fn ctrl_c_at_a_question_after_a_dry_run() {
    let request = "POST /v1/functions/mi-funcion/token-import";
    let report = json!({ "dryRun": true, "items": [] });
    let (sandbox, api) = sandbox(answer(request, 200, report));
    sandbox.file("tokens.json", r#"{"function": "mi-funcion", "tokens": []}"#);
    let mut terminal = in_a_shell(&sandbox, "tokens import tokens.json --replace");
    terminal.wait_for("(y/N) ").press(CTRL_C);
    terminal
        .wait_for("✗ Interrupted; nothing was changed")
        .wait_for("status=130")
        .answer("");
    terminal.finish();
    assert_eq!(api.last_body()["dryRun"], true);
}
