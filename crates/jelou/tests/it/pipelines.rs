//! Runs the commands of `docs/ci.md` like a pipeline: with the login from the environment, and more than once.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Outcome, Sandbox, Server, assert_live_outcome, function};

const PAGE: &str = include_str!("../../../../docs/ci.md");
/// The command from the documentation of runtime tokens.
const DOCUMENTED: &str = r#"TOKEN=$(jelou tokens create mi-funcion --name ci-staging --json | jq -r '.data.token')
echo "::add-mask::$TOKEN"
"#;

/// A server with one function, and a pipeline that is logged in to the server.
fn start() -> (Sandbox, Server, Sandbox) {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.deploy("mi-funcion", &function("() => 1"));
    let pipeline = sandbox.pipeline(&server);
    (sandbox, server, pipeline)
}

/// The code block of the page that contains this text.
fn block(text: &str) -> &'static str {
    PAGE.split("```")
        .find(|block| block.starts_with("sh\n") && block.contains(text))
        .unwrap()
        .strip_prefix("sh\n")
        .unwrap()
}

fn bash(pipeline: &Sandbox, script: &str) -> Outcome {
    pipeline.file("job.sh", script);
    pipeline.shell("bash job.sh")
}

fn masked(outcome: &Outcome) -> &str {
    outcome
        .stdout()
        .trim()
        .strip_prefix("::add-mask::")
        .unwrap()
}

#[test]
fn the_documented_lines_run_twice() {
    let (_sandbox, server, pipeline) = start();
    let works = |token: &str| server.call("mi-funcion", Some(token), "{}").0 == 200;
    let first = bash(&pipeline, DOCUMENTED);
    assert!(works(masked(&first)), "{first}");
    // The name is taken. jq gets only JSON on standard output, so the reason is in the job's log.
    let second = bash(&pipeline, DOCUMENTED);
    assert_live_outcome!(second);
    assert!(works(masked(&first)));

    let lines = block("tokens create mi-funcion --name ci-staging --replace");
    let third = bash(&pipeline, lines);
    assert_eq!(third.code, 0, "{third}");
    assert!(works(masked(&third)));
    assert!(!works(masked(&first)));
    let fourth = bash(&pipeline, lines);
    assert!(works(masked(&fourth)), "{fourth}");
    assert!(!works(masked(&third)));

    // An error must end the job.
    let broken = bash(&pipeline, &lines.replace("mi-funcion", "no-hay"));
    assert_ne!(broken.code, 0, "{broken}");
    assert!(!broken.stdout().contains("add-mask"), "{broken}");
}

#[test]
fn a_first_deploy_keeps_its_token_out_of_the_log() {
    let (_sandbox, server, pipeline) = start();
    pipeline.function("nueva", &function("() => 1"));
    let deploy = |flags: &str| {
        pipeline
            .jelou(&format!("deploy nueva --no-confirm {flags}"))
            .run()
    };
    let unwritable = deploy("--token-output no/such/folder");
    assert_eq!(unwritable.code, 2, "{unwritable}");
    let folder = deploy("--token-output nueva");
    assert_eq!(folder.code, 2, "{folder}");

    let first = deploy("--token-output token.txt --human");
    assert!(!first.to_string().contains("jfn_rt_"), "{first}");
    assert_live_outcome!(first);
    let path = pipeline.project().join("token.txt");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = pipeline.read("token.txt");
    assert_eq!(server.call("nueva", Some(&token), "{}").0, 200);

    let second = deploy("--token-output token.txt");
    assert_eq!(second.code, 0, "{second}");
    assert_eq!(pipeline.read("token.txt"), token);
}

#[test]
fn a_deploy_without_a_token_needs_one() {
    let (_sandbox, server, pipeline) = start();
    pipeline.function("nueva", &function("() => 1"));
    let deploy = || pipeline.jelou("deploy nueva --no-confirm --no-token").run();
    assert_live_outcome!(deploy());
    let script = "set -e
        jelou functions create nueva
        jelou tokens create nueva --name ci-staging --token-output token.txt";
    let created = pipeline.shell(script);
    assert_eq!(created.code, 0, "{created}");
    assert!(!created.to_string().contains(&pipeline.read("token.txt")));
    let deployed = deploy();
    assert_eq!(deployed.code, 0, "{deployed}");
    assert!(deployed.json()["data"]["token"].is_null(), "{deployed}");
    let list = pipeline.jelou("tokens list nueva").run();
    assert_eq!(list.json()["data"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(deploy().code, 0);
    let token = pipeline.read("token.txt");
    assert_eq!(server.call("nueva", Some(&token), "{}").0, 200);
}

/// The runner reads both streams. The standard output must stay one JSON object.
#[test]
fn github_actions_hide_new_tokens() {
    let (_sandbox, _server, pipeline) = start();
    let pipeline = pipeline.env("GITHUB_ACTIONS", "true");
    pipeline.function("nueva", &function("() => 1"));
    for line in [
        "deploy nueva -y",
        "tokens create mi-funcion --name other",
        "tokens create mi-funcion --name file --token-output token.txt",
    ] {
        let outcome = pipeline.jelou(line).run();
        let token = match outcome.json()["data"]["token"].as_str() {
            Some(token) => token.to_owned(),
            None => pipeline.read("token.txt"),
        };
        let crate::support::Streams::Separate { stderr, .. } = &outcome.streams else {
            unreachable!("there is no terminal");
        };
        assert_eq!(*stderr, format!("::add-mask::{token}\n"), "{line}");
    }
}

/// The documented lines for secrets, with values that a shell or a line-based reader would change.
#[test]
fn secrets_of_a_pipeline() {
    let (sandbox, server, pipeline) = start();
    let source = function("(_input, ctx) => ctx.env.toObject()");
    sandbox.file("mi-funcion/index.ts", source);
    let deployed = sandbox.jelou("deploy mi-funcion -y").run();
    assert_eq!(deployed.code, 0, "{deployed}");
    let created = sandbox
        .jelou("tokens create mi-funcion --name t --json")
        .run();
    let token = created.json()["data"]["token"].as_str().unwrap().to_owned();

    let pipeline = pipeline.env("API_KEY", " $a \"b\" ");
    pipeline
        .file("key.pem", "-----BEGIN\nx\n-----END\n")
        .file("production.env", "FROM_FILE=1\n");
    for _ in 0..2 {
        let outcome = bash(
            &pipeline,
            &format!("set -euo pipefail\n{}", block("PRIVATE_KEY=-")),
        );
        assert_eq!(outcome.code, 0, "{outcome}");
    }
    let reply = server.call("mi-funcion", Some(&token), "{}").1;
    let secrets: serde_json::Value = serde_json::from_str(&reply).unwrap();
    assert_eq!(secrets["API_KEY"], " $a \"b\" ");
    assert_eq!(secrets["PRIVATE_KEY"], "-----BEGIN\nx\n-----END\n");
    assert_eq!(secrets["FROM_FILE"], "1");
}

#[test]
fn a_pipeline_with_the_scope_of_one_function_deploys_it() {
    let (sandbox, server, pipeline) = start();
    let create = "access-tokens create --name narrow --scope deploy:estrecha --json";
    let created = sandbox.jelou(create).run();
    assert_eq!(created.code, 0, "{created}");
    let token = created.json()["data"]["token"].as_str().unwrap().to_owned();
    let pipeline = pipeline.env("JELOU_TOKEN", &token);
    pipeline.function("estrecha", &function("() => 1"));
    pipeline.function("ancha", &function("() => 1"));
    for _ in 0..2 {
        let deployed = pipeline.jelou("deploy estrecha --no-confirm").run();
        assert_eq!(deployed.code, 0, "{deployed}");
    }
    for line in [
        "deploy ancha --no-confirm",
        "tokens create estrecha --name more",
        "secrets set estrecha KEY=1",
        "functions delete estrecha -y",
    ] {
        let refused = pipeline.jelou(line).run();
        assert_eq!(refused.code, 3, "{line}: {refused}");
        assert!(refused.to_string().contains("lacks the scope"), "{refused}");
    }
    drop(server);
}
