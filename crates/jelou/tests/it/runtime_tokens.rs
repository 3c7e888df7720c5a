//! The life of runtime tokens from the command line, against a real server.

use crate::support::{Sandbox, Server, assert_live_outcome};

const INPUT: &str = r#"{"telefono": "593987654321"}"#;
const UNAUTHORIZED: (u16, &str) = (401, r#"{"error":"Unauthorized"}"#);

#[test]
fn runtime_tokens() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let call = |token: Option<&str>| server.call("mi-funcion", token, INPUT);

    // The first deploy shows the token once, later ones do not.
    assert_eq!(sandbox.jelou("init").run().code, 0);
    let mut terminal = sandbox.jelou("deploy").in_terminal();
    terminal.wait_for("? Deploy mi-funcion? (Y/n) ").answer("y");
    let deployed = terminal.finish();
    let default = last_word(deployed.stdout());
    assert_live_outcome!(deployed);
    assert_live_outcome!(sandbox.jelou("deploy --no-confirm").in_terminal().finish());

    let unauthorized = (UNAUTHORIZED.0, UNAUTHORIZED.1.to_owned());
    assert_eq!(call(None), unauthorized);
    let (status, body) = call(Some(&default));
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("593987654321"), "{body}");

    // A second one, for a pipeline.
    let created = sandbox
        .jelou("tokens create mi-funcion --name ci-deploy --json")
        .run()
        .json();
    let second = created["data"]["token"].as_str().unwrap().to_owned();
    assert_eq!(call(Some(&second)).0, 200);
    assert_live_outcome!(
        sandbox
            .jelou("tokens list mi-funcion")
            .in_terminal()
            .finish()
    );

    // Revoking one leaves the other alone; the last one stays.
    let prefix = created["data"]["prefix"].as_str().unwrap();
    let mut terminal = sandbox
        .jelou(&format!("tokens revoke mi-funcion {prefix}"))
        .in_terminal();
    terminal
        .wait_for(&format!(
            "? Revoke token {prefix}... for mi-funcion? (y/N) "
        ))
        .answer("y");
    assert_live_outcome!(terminal.finish());
    assert_eq!(call(Some(&second)), unauthorized);
    assert_eq!(call(Some(&default)).0, 200);
    let outcome = sandbox.jelou("tokens revoke mi-funcion default -y").run();
    assert_eq!(outcome.code, 5, "{outcome}");
    assert_eq!(outcome.json()["error"]["code"], "LAST_TOKEN");

    let outcome = sandbox
        .jelou(&format!(
            "secrets set mi-funcion OTRA_FUNCION_TOKEN={default} --human"
        ))
        .run();
    assert_eq!(outcome.stdout(), "✓ Set 1 secret\n", "{outcome}");
    let list = sandbox.jelou("tokens list mi-funcion").run();
    assert!(!list.stdout().contains(&default), "{list}");
}

fn last_word(screen: &str) -> String {
    screen.split_whitespace().last().unwrap().to_owned()
}
