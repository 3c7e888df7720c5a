//! Secrets of the organisation, versions of secrets, and the master key, by the command line.

use serde_json::json;

use crate::support::{Outcome, Sandbox, Server, function};

fn run(sandbox: &Sandbox, line: &str) -> Outcome {
    let outcome = sandbox.jelou(line).run();
    assert_eq!(outcome.code, 0, "{line}: {outcome}");
    outcome
}

fn with_stdin(sandbox: &Sandbox, line: &str, value: &str) -> Outcome {
    let outcome = sandbox.jelou(line).run_with_stdin(value);
    assert_eq!(outcome.code, 0, "{line}: {outcome}");
    assert!(!outcome.to_string().contains(value), "{outcome}");
    outcome
}

#[test]
fn secrets_of_the_organisation_and_their_versions() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let source = function("(_input, ctx) => ctx.env.get(\"DSN\") ?? \"none\"");
    let token = sandbox.deploy("mi-funcion", &source);
    let seen = || server.call("mi-funcion", Some(&token), "{}").1;
    assert_eq!(seen(), "\"none\"");
    with_stdin(&sandbox, "secret set DSN -", "organisation-1");
    assert_eq!(seen(), "\"organisation-1\"");
    with_stdin(&sandbox, "secret set DSN=-", "organisation-2");
    assert_eq!(seen(), "\"organisation-2\"");
    let rolled_back = run(&sandbox, "secret rollback DSN --human");
    assert!(
        rolled_back
            .to_string()
            .contains("DSN has the value of version 1 again, as version 3"),
        "{rolled_back}"
    );
    assert_eq!(seen(), "\"organisation-1\"");

    // The function's own value takes precedence.
    with_stdin(&sandbox, "secrets set mi-funcion DSN -", "function-1");
    with_stdin(&sandbox, "secrets set mi-funcion DSN -", "function-2");
    assert_eq!(seen(), "\"function-2\"");
    let rolled_back = run(&sandbox, "secrets rollback mi-funcion DSN");
    assert_eq!(
        rolled_back.json()["data"],
        json!({ "key": "DSN", "version": 3, "restored": 1 })
    );
    assert_eq!(seen(), "\"function-1\"");
    let none = sandbox
        .jelou("secrets rollback mi-funcion DSN --version 9")
        .run();
    assert_eq!(none.code, 5, "{none}");
    let listed = run(&sandbox, "secrets list mi-funcion").json();
    assert_eq!(listed["data"][0]["earlier"][0]["version"], 2, "{listed}");

    let rotated = run(&sandbox, "master-key rotate -y");
    assert!(
        rotated.json()["data"]["values"].as_u64().unwrap() > 0,
        "{rotated}"
    );
    run(&sandbox, "secrets delete mi-funcion DSN -y");
    assert_eq!(seen(), "\"organisation-1\"");
    run(&sandbox, "secret delete DSN -y");
    assert_eq!(seen(), "\"none\"");
    assert_eq!(run(&sandbox, "secret list").json()["data"], json!([]));

    // `jelou secret` takes no slug, and `-` (stdin) needs a key before it.
    for line in [
        "secret set mi-funcion A=1",
        "secret set -",
        "secrets set mi-funcion -",
    ] {
        let refused = sandbox.jelou(line).run();
        assert_ne!(refused.code, 0, "{line}: {refused}");
    }
}
