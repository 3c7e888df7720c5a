//! Errors in the use of the command line, and connection errors.

use std::net::{TcpListener, TcpStream};

use crate::support::{FakeApi, Sandbox, answer, assert_outcome, problem};

#[test]
fn unknown_command_in_json() {
    assert_outcome!(Sandbox::new().jelou("deplo").run());
}

#[test]
fn unknown_command_for_people() {
    assert_outcome!(Sandbox::new().jelou("deplo --human").run());
}

#[test]
fn unknown_flag_names_the_near_one() {
    assert_outcome!(
        Sandbox::new()
            .jelou("tokens create x --nam y --human")
            .run()
    );
}

#[test]
fn mistyped_subcommands_get_a_suggestion() {
    let sandbox = Sandbox::new();
    for (line, near) in [
        ("tokens lst", "'list'"),
        ("cron puase", "'pause'"),
        ("help deplo", "'deploy'"),
        ("help tokens rotat", "'rotate'"),
        ("functions tokens creat", "'create'"),
    ] {
        let outcome = sandbox.jelou(line).run();
        assert_eq!(outcome.code, 2, "{line}: {outcome}");
        let hint = outcome.json()["error"]["hint"].to_string();
        assert!(hint.contains(near), "{line}: {outcome}");
    }
}

/// Help has colours only on a terminal, and only without `NO_COLOR`.
#[test]
fn the_colours_of_help() {
    let sandbox = Sandbox::new();
    let plain = Sandbox::new().env("NO_COLOR", "1");
    for line in [
        "help",
        "help tokens create",
        "--help",
        "test --help",
        "tokens",
    ] {
        let screen = sandbox.jelou(line).in_terminal().finish_raw();
        assert!(screen.contains("Usage:"), "{line}: {screen:?}");
        assert!(screen.contains("\u{1b}["), "{line}: {screen:?}");
        for screen in [
            plain.jelou(line).in_terminal().finish_raw(),
            sandbox.jelou(line).run().to_string(),
            sandbox.jelou(&format!("{line} --human")).run().to_string(),
        ] {
            assert!(!screen.contains('\u{1b}'), "{line}: {screen:?}");
        }
    }
}

/// There is a hint even if no command or flag has similar letters.
#[test]
fn words_of_other_tools() {
    let sandbox = Sandbox::new();
    for (line, hint) in [
        ("watch", "`jelou dev` serves the project here"),
        ("new x", "`jelou init` starts a project"),
        ("invoke mi-funcion", "`jelou call` calls a function"),
        ("env set A=1", "`jelou secrets` manages"),
        ("version", "`jelou --version`"),
        ("bananas", "`jelou --help` lists the commands"),
        ("functions rm x", "`jelou functions delete SLUG`"),
        ("tokens delete x y", "`jelou tokens revoke SLUG TOKEN`"),
        ("secrets get x KEY", "`jelou secrets list` shows the keys"),
        ("tokens bananas", "`jelou tokens --help` lists the commands"),
        ("serve --port 80", "`--listen 127.0.0.1:4400`"),
        ("serve --port=80", "`--listen 127.0.0.1:4400`"),
        ("secrets set x --env-file .env", "`--from-env FILE`"),
        ("deploy --slug x", "`--function SLUG`"),
        ("logs x -z 5", "`jelou logs --help` lists the arguments"),
        ("deploy a b", "`jelou deploy --help` lists the arguments"),
    ] {
        let outcome = sandbox.jelou(line).run();
        assert_eq!(outcome.code, 2, "{line}: {outcome}");
        let found = outcome.json()["error"]["hint"].to_string();
        assert!(found.contains(hint), "{line}: {outcome}");
    }
}

#[test]
fn missing_subcommand() {
    assert_outcome!(Sandbox::new().jelou("tokens --agent").run());
}

#[test]
fn a_value_against_its_rule() {
    assert_outcome!(Sandbox::new().jelou("tokens list Mi_Funcion").run());
}

#[test]
fn human_and_json_exclude_each_other() {
    assert_outcome!(Sandbox::new().jelou("whoami --human --json").run());
}

#[test]
fn not_logged_in() {
    assert_outcome!(Sandbox::new().jelou("functions list").run());
}

#[test]
fn not_logged_in_for_people() {
    let sandbox = Sandbox::new().env("JELOU_FORCE_HUMAN_OUTPUT", "1");
    assert_outcome!(sandbox.jelou("functions list").run());
}

#[test]
fn mistyped_token_in_the_environment() {
    let sandbox = Sandbox::new().env("JELOU_TOKEN", "jfn_pat_abc");
    assert_outcome!(sandbox.jelou("functions list").run());
}

#[test]
fn server_down() {
    let api = FakeApi::start(Vec::new());
    // The port of a live connection: nobody listens on it, and no other test can get it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let nobody = connection.local_addr().unwrap();
    let sandbox = Sandbox::new()
        .env("JELOU_TOKEN", api.token())
        .env("JELOU_API_URL", &format!("http://{nobody}"));
    assert_outcome!(sandbox.jelou("whoami").run());
    assert_outcome!(sandbox.jelou("whoami --human").run());
}

#[test]
fn each_code_has_its_exit_status() {
    for (code, status, exit) in [
        ("AUTH_ERROR", 401, 3),
        ("FORBIDDEN", 403, 3),
        ("NOT_FOUND", 404, 4),
        ("CONFLICT", 409, 5),
        ("LAST_TOKEN", 409, 5),
        ("VALIDATION_ERROR", 422, 7),
        ("API_ERROR", 500, 1),
        ("TRANSIENT_ERROR", 503, 6),
    ] {
        let api = FakeApi::start(vec![answer(
            "GET /v1/functions",
            status,
            problem(status, code, "because"),
        )]);
        let outcome = Sandbox::new().with_api(&api).jelou("functions list").run();
        assert_eq!(outcome.code, exit, "{outcome}");
        let json = outcome.json();
        assert_eq!(json["ok"], false);
        assert_eq!(json["error"]["code"], code);
        assert_eq!(json["error"]["message"], "because");
    }
}

#[test]
fn the_token_is_in_no_error() {
    let api = FakeApi::start(Vec::new());
    let token = jelou_token::RuntimeToken::mint().unwrap();
    let sandbox = Sandbox::new().with_api(&api);
    for line in [
        format!("tokens list {}", token.expose()),
        format!("tokens revoke mi-funcion {} -y", token.expose()),
        format!("login --token {}", token.expose()),
        format!("tokens create mi-funcion --name {}", token.expose()),
        format!("{} --human", token.expose()),
    ] {
        let outcome = sandbox.jelou(&line).run().to_string();
        assert!(!outcome.contains(token.expose()), "{outcome}");
    }
    assert!(!api.requests().join("\n").contains(token.expose()));
}
