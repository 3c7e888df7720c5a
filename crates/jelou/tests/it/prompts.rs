//! Prompts on a real pseudo-terminal.

use serde_json::{Value, json};

use crate::support::{
    Answer, CTRL_C, CTRL_D, FakeApi, Sandbox, Server, Terminal, answer, assert_live_outcome,
    assert_outcome, function,
};

fn sandbox() -> (Sandbox, FakeApi) {
    let api = FakeApi::start(vec![
        answer(
            "DELETE /v1/functions/mi-funcion/secrets/API_KEY",
            204,
            Value::Null,
        ),
        listed("API_KEY"),
    ]);
    (Sandbox::new().with_api(&api), api)
}

/// The list of secrets, in which a command looks before it asks.
fn listed(key: &str) -> Answer {
    let secret = json!({ "key": key, "updatedAt": "2026-04-05T09:00:00Z", "updatedBy": "admin" });
    let list = json!({ "items": [secret] });
    answer("GET /v1/functions/mi-funcion/secrets", 200, list)
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
    // Whether the terminal shows "^C" depends on how fast the program ends.
    let outcome = terminal.finish().to_string().replace("^C", "");
    assert_outcome!(outcome);
    assert!(api.is_unchanged());
}

#[test]
fn end_of_input_at_a_prompt() {
    let (sandbox, api) = sandbox();
    let mut terminal = sandbox.jelou(COMMAND).in_terminal();
    terminal.wait_for("(y/N) ").press(CTRL_D);
    assert_outcome!(terminal.finish());
    assert!(api.is_unchanged());
}

/// With `--no-input` or in CI, the command does not ask, even on a terminal.
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

/// Runs every command that asks, without input.
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
        "master-key rotate",
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

/// A key of 28 lines, as `openssl genrsa` writes it.
fn pem() -> String {
    let line = format!(
        "{}\n",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
            .get(..64)
            .unwrap()
    );
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY-----\n",
        line.repeat(26)
    )
}

/// A shell that prints the input that remains after the command.
fn with_a_shell_behind(sandbox: &Sandbox, line: &str) -> Terminal {
    let script =
        format!("jelou {line}; echo \"status=$?\"; IFS= read -r rest; echo \"left=[$rest]\"");
    sandbox.shell_in_terminal(&script)
}

fn setting_secrets() -> (Sandbox, FakeApi) {
    let api = FakeApi::start(vec![
        answer(
            "PATCH /v1/functions/mi-funcion/secrets",
            200,
            json!({"keys": ["KEY"]}),
        ),
        listed("KEY"),
    ]);
    (Sandbox::new().with_api(&api), api)
}

#[test]
fn a_paste_of_several_lines_is_one_value() {
    let (sandbox, api) = setting_secrets();
    let mut terminal = with_a_shell_behind(&sandbox, "secrets set mi-funcion KEY");
    terminal.wait_for("? Value of KEY: ").paste(&pem());
    terminal.wait_for("[28 lines]").press("\r");
    terminal.wait_for("status=0").answer("nothing");
    let outcome = terminal.finish();
    assert!(outcome.stdout().contains("left=[nothing]"), "{outcome}");
    assert!(!outcome.stdout().contains("MII"), "{outcome}");
    assert_eq!(api.last_body()["secrets"]["KEY"], pem());
}

/// Keys and files as people copy them, in one paste or in several, after typing errors.
#[test]
fn pastes_of_every_kind_are_the_value() {
    let service_account =
        "{\n  \"type\": \"service_account\",\n\t\"key\": \"-----BEGIN\\\\n\"\n}\n";
    for (pastes, value) in [
        (&[service_account][..], service_account),
        (
            &["ssh-rsa AAAA= ana@example\n"],
            "ssh-rsa AAAA= ana@example",
        ),
        (&["contraseña", "€😀"], "contraseña€😀"),
        (&["", "\u{3}\u{1b}[31m"], "\u{3}\u{1b}[31m"),
    ] {
        let (sandbox, api) = setting_secrets();
        let mut terminal = with_a_shell_behind(&sandbox, "secrets set mi-funcion KEY");
        // An empty answer is no value, so the command asks again.
        terminal.wait_for("? Value of KEY: ").press("\r");
        terminal.wait_for("? Value of KEY: ");
        for paste in pastes {
            terminal.paste(paste);
        }
        terminal.press("\r");
        terminal.wait_for("status=0").answer("nothing");
        let outcome = terminal.finish();
        assert!(outcome.stdout().contains("left=[nothing]"), "{outcome}");
        assert_eq!(api.last_body()["secrets"]["KEY"], value);
    }
}

/// The user pastes a line of a `.env` file when asked for the key.
#[test]
fn a_key_may_come_with_its_value() {
    let (sandbox, api) = setting_secrets();
    let mut terminal = sandbox.jelou("secrets set mi-funcion").in_terminal();
    terminal
        .wait_for("? Key: ")
        .paste("KEY=two words=3\n")
        .press("\r");
    let outcome = terminal.finish();
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_eq!(api.last_body()["secrets"]["KEY"], "two words=3");
}

#[test]
fn a_pasted_line_may_end_in_a_line_break() {
    let (sandbox, api) = setting_secrets();
    let mut terminal = sandbox.jelou("secrets set mi-funcion KEY").in_terminal();
    terminal.wait_for("? Value of KEY: ").paste("hunter2\n");
    terminal.wait_for("*******").press("\r");
    assert_eq!(terminal.finish().code, 0);
    assert_eq!(api.last_body()["secrets"]["KEY"], "hunter2");
}

/// Tests every prompt on a terminal that does not mark pastes. The pasted lines must not be stored, answer the next
/// question, or reach the shell.
#[test]
fn an_unmarked_paste_of_several_lines_is_refused_and_drained() {
    let pasted = "y\nEVIL=1\ntouch evil\n";
    for (line, question) in [
        ("secrets set mi-funcion KEY", "? Value of KEY: "),
        ("secrets set mi-funcion", "? Key: "),
        ("secrets delete mi-funcion KEY", "(y/N) "),
        ("login", "? Access token: "),
        ("tokens create mi-funcion", "? Token name: "),
        ("init Mi_Otra", "? Slug of the function: (mi-otra) "),
    ] {
        let (sandbox, api) = setting_secrets();
        for paste in [pasted.to_owned(), format!("{}{pasted}", pem())] {
            let mut terminal = with_a_shell_behind(&sandbox, line);
            terminal.wait_for(question).paste_unmarked(&paste);
            terminal.wait_for("several lines were pasted");
            terminal.wait_for("status=2").answer("nothing");
            let outcome = terminal.finish();
            assert!(
                outcome.stdout().contains("left=[nothing]"),
                "{line}: {outcome}"
            );
        }
        assert!(api.is_unchanged(), "{line}: {:?}", api.requests());
    }
}

/// A prompt for a single line refuses a marked paste of several lines.
#[test]
fn a_line_is_one_line() {
    let (sandbox, api) = setting_secrets();
    let mut terminal = with_a_shell_behind(&sandbox, "secrets delete mi-funcion KEY");
    terminal
        .wait_for("(y/N) ")
        .paste("y\ntouch evil\n")
        .press("\r");
    terminal.wait_for("several lines were pasted");
    terminal.wait_for("status=2").answer("nothing");
    assert!(terminal.finish().stdout().contains("left=[nothing]"));
    assert!(api.is_unchanged());
}

#[test]
fn keys_edit_the_answer() {
    let (sandbox, api) = setting_secrets();
    let mut terminal = sandbox.jelou("secrets set mi-funcion").in_terminal();
    terminal.wait_for("? Key: ").answer("wrong\u{15}KEYS\u{7f}");
    terminal
        .wait_for("? Value of KEY: ")
        .answer("año\u{7f}\u{7f}\u{1b}[Db");
    assert_eq!(terminal.finish().code, 0);
    assert_eq!(api.last_body()["secrets"]["KEY"], "ab");
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
