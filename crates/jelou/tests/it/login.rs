//! `jelou login` and `jelou whoami`.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::{CTRL_C, FakeApi, Sandbox, answer, assert_outcome, problem};

pub(crate) fn who() -> Value {
    json!({
        "accessToken": {
            "id": "pat_01arz3ndektsv4rrffq69g5fav",
            "name": "admin",
            "prefix": "jfn_pat_abc1",
            "scopes": ["admin"],
            "lastUsedAt": null,
            "createdAt": "2026-04-01T14:00:00Z",
            "expiresAt": null,
        },
        "server": {
            "version": "9.9.9",
            "functions": "http://{slug}.fn.localhost:4400",
            "engine": "deno 2.9.6",
        },
    })
}

fn api() -> FakeApi {
    FakeApi::start(vec![answer("GET /v1/whoami", 200, who())])
}

#[test]
fn login_with_a_token_from_stdin() {
    let api = api();
    let sandbox = Sandbox::new();
    let outcome = sandbox
        .jelou(&format!("login --token - --api {}", api.url()))
        .run_with_stdin(&format!("{}\n", api.token()));
    assert_outcome!(outcome);

    let file = sandbox.home().join(".jelou/credentials.json");
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(file.clone()), 0o600);
    assert_eq!(mode(sandbox.home().join(".jelou")), 0o700);
    assert!(std::fs::read_to_string(file).unwrap().contains(api.token()));

    let outcome = sandbox.jelou("whoami --human").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    assert!(
        outcome.stdout().contains("profile default (active)"),
        "{outcome}"
    );
}

#[test]
fn login_asks_with_masked_input() {
    let api = api();
    let sandbox = Sandbox::new().env("JELOU_API_URL", api.url());
    let mut terminal = sandbox.jelou("login --profile work").in_terminal();
    terminal.wait_for("? Access token: ").answer(api.token());
    let outcome = terminal.finish();
    assert!(!outcome.to_string().contains(api.token()), "{outcome}");
    assert_outcome!(outcome);
}

#[test]
fn ctrl_c_at_masked_input() {
    let sandbox = Sandbox::new();
    let mut terminal = sandbox.jelou("login").in_terminal();
    terminal.wait_for("? Access token: ").press(CTRL_C);
    assert_outcome!(terminal.finish());
}

#[test]
fn the_terminal_shows_what_is_typed_again_after_ctrl_c() {
    let sandbox = Sandbox::new();
    let mut terminal = sandbox.shell_in_terminal("trap : INT; jelou login; stty -a");
    terminal.wait_for("? Access token: ").press(CTRL_C);
    let outcome = terminal.finish();
    for mode in ["\nisig ", " icanon ", " echo "] {
        assert!(outcome.stdout().contains(mode), "{outcome}");
    }
}

#[test]
fn login_without_a_terminal_names_the_flag() {
    assert_outcome!(Sandbox::new().jelou("login").run());
}

#[test]
fn a_refused_token_is_not_saved() {
    let api = FakeApi::start(vec![answer(
        "GET /v1/whoami",
        401,
        problem(401, "AUTH_ERROR", "the access token is not valid"),
    )]);
    let sandbox = Sandbox::new();
    let outcome = sandbox
        .jelou(&format!(
            "login --token {} --api {}",
            api.token(),
            api.url()
        ))
        .run();
    assert_outcome!(outcome);
    assert!(!sandbox.home().join(".jelou/credentials.json").exists());
}

#[test]
fn a_runtime_token_cannot_log_in() {
    let token = jelou_token::RuntimeToken::mint().unwrap();
    assert_outcome!(
        Sandbox::new()
            .jelou(&format!("login --token {} --human", token.expose()))
            .run()
    );
}

/// Tokens as CI services store them. White space is trimmed. Any other surplus text is reported without showing the
/// value.
#[test]
fn access_tokens_with_something_around_them() {
    let api = api();
    let token = api.token();
    let runtime = jelou_token::RuntimeToken::mint().unwrap();
    let trimmed = [
        format!("{token}\n"),
        format!("  {token}\r\n"),
        format!("\u{feff}{token}\t"),
    ];
    let refused = [
        format!("\"{token}\""),
        format!("'{token}'\n"),
        format!("Bearer {token}"),
        format!("JELOU_TOKEN={token}"),
        runtime.expose().to_owned(),
        format!("\"{}\"", runtime.expose()),
        "jfn_pat_short".to_owned(),
    ];
    let from_environment = |value: &str| {
        let sandbox = Sandbox::new()
            .env("JELOU_API_URL", &format!(" {}\n", api.url()))
            .env("JELOU_TOKEN", value);
        sandbox.jelou("whoami --human").run()
    };
    let from_stdin = |value: &str| {
        let line = format!("login --token - --api {} --human", api.url());
        Sandbox::new().jelou(&line).run_with_stdin(value)
    };
    for value in &trimmed {
        for outcome in [from_environment(value), from_stdin(value)] {
            assert_eq!(outcome.code, 0, "{value:?}: {outcome}");
        }
    }
    let mut screens = Vec::new();
    for value in &refused {
        for outcome in [from_environment(value), from_stdin(value)] {
            assert_eq!(outcome.code, 3, "{value:?}: {outcome}");
            let text = outcome.to_string();
            assert!(!text.contains(&token[12..]) && !text.contains(&runtime.expose()[11..]));
            screens.push(text);
        }
    }
    assert_outcome!(screens.join("\n"));
}

/// CI services set a missing value to an empty string or white space.
#[test]
fn an_empty_variable_is_not_set() {
    let sandbox = Sandbox::new()
        .env("JELOU_API_URL", " ")
        .env("JELOU_TOKEN", "\n");
    let outcome = sandbox.jelou("whoami").run();
    assert_eq!(outcome.code, 3, "{outcome}");
    assert!(outcome.stdout().contains("not logged in"), "{outcome}");
}

/// A container can have no home, another user's home, or a file of another version.
#[test]
fn a_complete_environment_needs_no_home() {
    let api = api();
    let sandbox = Sandbox::new().with_api(&api);
    let folder = sandbox.home().join(".jelou");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("credentials.json"), "{broken").unwrap();
    for script in [
        "jelou whoami",
        "HOME=/nonexistent jelou whoami",
        "unset HOME; jelou whoami",
        "HOME= jelou whoami",
    ] {
        let outcome = sandbox.shell(script);
        assert_eq!(outcome.code, 0, "{script}: {outcome}");
        assert!(!outcome.to_string().contains("⚠"), "{outcome}");
    }
    // The file is a folder, the folder a file.
    std::fs::remove_file(folder.join("credentials.json")).unwrap();
    std::fs::create_dir(folder.join("credentials.json")).unwrap();
    assert_eq!(sandbox.shell("jelou whoami").code, 0);
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "").unwrap();
    assert_eq!(sandbox.shell("jelou whoami").code, 0);
    std::fs::remove_file(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("credentials.json"), "{broken").unwrap();
    // If the environment is incomplete, the command reads the file.
    let outcome = sandbox.shell("unset JELOU_API_URL; jelou whoami");
    assert_eq!(outcome.code, 7, "{outcome}");
}

#[test]
fn login_with_a_bad_address() {
    assert_outcome!(
        Sandbox::new()
            .jelou("login --token - --api localhost:4400")
            .run()
    );
}

#[test]
fn whoami_for_people() {
    let api = api();
    assert_outcome!(Sandbox::new().with_api(&api).jelou("whoami --human").run());
}

#[test]
fn whoami_in_json() {
    let api = api();
    assert_outcome!(Sandbox::new().with_api(&api).jelou("whoami").run());
}
