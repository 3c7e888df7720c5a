//! `jelou deploy --preview`, `jelou previews` and `jelou deployments promote`, as users see them.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Sandbox, Serve, Server, function, times};

fn returning(value: &str) -> String {
    function(&format!(
        "(_, ctx) => ({{ value: \"{value}\", key: ctx.env.get(\"KEY\") ?? null }})"
    ))
}

fn run(sandbox: &Sandbox, line: &str) -> Value {
    let outcome = sandbox.jelou(line).run();
    assert_eq!(outcome.code, 0, "{line}: {outcome}");
    outcome.json()["data"].clone()
}

fn call(server: &Server, label: &str, token: &str) -> Value {
    let (status, body) = server.call(label, Some(token), "{}");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

#[test]
fn from_a_branch_to_live() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", &returning("live"));
    sandbox.function("mi-funcion", &returning("preview"));
    // The error for a name that is no DNS label suggests a valid name.
    let branch = sandbox
        .jelou("deploy mi-funcion -y --preview Feature/Form")
        .run();
    assert_eq!(branch.code, 7, "{branch}");
    assert!(branch.to_string().contains("feature-form"), "{branch}");
    // The secret is set before the first deploy.
    let unknown = sandbox
        .jelou("secrets set mi-funcion KEY=value-of-preview --preview pr-7")
        .run();
    assert_eq!(unknown.code, 4, "{unknown}");
    assert!(unknown.to_string().contains("--create"), "{unknown}");
    run(
        &sandbox,
        "secrets set mi-funcion KEY=value-of-preview --preview pr-7 --create",
    );
    let human = sandbox
        .jelou("deploy mi-funcion -y --human --preview pr-7")
        .run();
    assert_eq!(human.code, 0, "{human}");
    for expected in [
        "✓ Deployed to the preview pr-7",
        "▸ URL: http://pr-7--mi-funcion.fn.localhost:",
        "/fn/pr-7--mi-funcion/",
        "▸ Secrets: 1 of its own",
        "▸ Expires: ",
        "▸ Make it live: jelou deployments promote mi-funcion dep_",
    ] {
        let screen = human.to_string();
        assert!(screen.contains(expected), "{expected}: {human}");
    }
    let shown = call(&server, "pr-7--mi-funcion", &token);
    assert_eq!(
        (&shown["value"], &shown["key"]),
        (&"preview".into(), &"value-of-preview".into())
    );
    assert_eq!(call(&server, "mi-funcion", &token)["value"], "live");
    assert_eq!(server.call("pr-7--mi-funcion", None, "{}").0, 401);

    let again = run(
        &sandbox,
        "deploy mi-funcion -y --preview pr-7 --expires-in 2d",
    );
    assert_eq!(
        (&again["alreadyLive"], &again["preview"]["name"]),
        (&true.into(), &"pr-7".into())
    );
    let id = again["deploymentId"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let listed = run(&sandbox, "functions previews list mi-funcion");
    assert_eq!(listed[0]["deployment"], id.as_str());
    assert_eq!(listed[0]["secrets"], 1);
    assert_eq!(run(&sandbox, "functions info mi-funcion")["previews"], 1);
    let keys = run(&sandbox, "secrets list mi-funcion --preview pr-7");
    assert_eq!(keys[0]["key"], "KEY");
    assert_eq!(
        run(&sandbox, "secrets list mi-funcion"),
        Value::Array(Vec::new())
    );
    let status = sandbox.jelou("deployments list mi-funcion --human").run();
    assert!(status.stdout().contains("preview pr-7"), "{status}");

    // A line of the preview is in the function's log, under its deployment.
    let logged = sandbox
        .jelou(&format!("logs mi-funcion --history --json deployment:{id}"))
        .run();
    assert!(logged.stdout().contains(&id), "{logged}");

    let promoted = sandbox
        .jelou(&format!("deployments promote mi-funcion {id} -y --human"))
        .run();
    let screen = promoted.to_string();
    assert!(
        screen.contains(&format!("✓ Promoted {id}: it is live")),
        "{promoted}"
    );
    assert!(screen.contains("KEY"), "{promoted}");
    let shown = call(&server, "mi-funcion", &token);
    assert_eq!(
        (&shown["value"], &shown["key"]),
        (&"preview".into(), &Value::Null)
    );
    let same = run(&sandbox, &format!("deployments promote mi-funcion {id} -y"));
    assert_eq!(same["changed"], false);

    run(&sandbox, "secrets delete mi-funcion KEY -y --preview pr-7");
    assert_eq!(
        call(&server, "pr-7--mi-funcion", &token)["key"],
        Value::Null
    );
    run(&sandbox, "previews delete mi-funcion pr-7 -y");
    let gone = sandbox
        .jelou("previews delete mi-funcion pr-7 -y --json")
        .run();
    assert_eq!(gone.code, 4, "{gone}");
    assert_eq!(server.call("pr-7--mi-funcion", Some(&token), "{}").0, 404);
}

/// A function with live code, and a preview `pr-7` with other code. Returns a token of the function.
fn with_preview(sandbox: &Sandbox) -> String {
    let token = sandbox.deploy("mi-funcion", &returning("live"));
    sandbox.function("mi-funcion", &returning("preview"));
    run(sandbox, "deploy mi-funcion -y --preview pr-7");
    token
}

#[test]
fn a_preview_is_called_by_its_name_or_its_address() {
    let sandbox = Sandbox::new();
    let _server = Server::start(&sandbox);
    let token = with_preview(&sandbox);
    let listed = run(&sandbox, "previews list mi-funcion");
    let url = listed[0]["url"].as_str().unwrap();
    run(
        &sandbox,
        "deploy mi-funcion -y --preview hidden --header-only",
    );
    for (target, value) in [
        ("--function mi-funcion".to_owned(), "live"),
        ("--function mi-funcion --preview pr-7".to_owned(), "preview"),
        (
            "--function mi-funcion --preview hidden".to_owned(),
            "preview",
        ),
        (format!("--url {url}"), "preview"),
    ] {
        let called = sandbox
            .jelou(&format!("call {target} --token {token} --json"))
            .run();
        assert_eq!(called.code, 0, "{target}: {called}");
        assert_eq!(
            called.json()["data"]["body"]["value"],
            value,
            "{target}: {called}"
        );
        let refused = sandbox.jelou(&format!("call {target} --json")).run();
        assert_ne!(refused.code, 0, "{target}: {refused}");
        assert!(
            refused.to_string().contains("JELOU_FUNCTION_TOKEN"),
            "{target}: {refused}"
        );
    }
    let id = listed[0]["deployment"].as_str().unwrap();
    let logged = sandbox
        .jelou("logs mi-funcion --history --json --preview pr-7")
        .run();
    let lines: Vec<_> = logged.stdout().lines().collect();
    assert!(!lines.is_empty(), "{logged}");
    assert!(lines.iter().all(|line| line.contains(id)), "{logged}");
    let unknown = sandbox
        .jelou("call --function mi-funcion --preview pr-8")
        .run();
    assert_eq!(unknown.code, 4, "{unknown}");
}

/// Kills the server at different moments of a promotion. The preview stays, with its secret, and either the promoted or
/// the earlier code is live.
#[test]
fn a_power_cut_keeps_previews_and_promotes_wholly_or_not_at_all() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = with_preview(&sandbox);
    run(
        &sandbox,
        "secrets set mi-funcion KEY=value-of-preview --preview pr-7",
    );
    let live = run(&sandbox, "functions info mi-funcion")["liveDeployment"].clone();
    let preview = run(&sandbox, "previews list mi-funcion")[0]["deployment"].clone();
    let access_token = server.access_token.clone().unwrap();
    let mut data = server.kill();
    let mut wanted = ("preview", preview.as_str().unwrap());
    let mut other = ("live", live.as_str().unwrap());
    for round in 0..times(4, 40) {
        let server = Serve::new(&sandbox).on(&data).start();
        let shown = call(&server, "pr-7--mi-funcion", &token);
        assert_eq!(shown["value"], "preview", "round {round}");
        assert_eq!(shown["key"], "value-of-preview", "round {round}");
        assert_eq!(call(&server, "mi-funcion", &token)["value"], other.0);
        let path = format!("/v1/functions/mi-funcion/deployments/{}/promote", wanted.1);
        let promote = server.manage(&access_token, &path).body("{}");
        let promotion =
            thread::spawn(move || promote.try_send().is_ok_and(|reply| reply.status == 200));
        // The kill comes at a different moment in every round.
        thread::sleep(Duration::from_millis(4 * round as u64 % 120));
        data = server.kill();
        let acknowledged = promotion.join().unwrap();
        let server = Serve::new(&sandbox).on(&data).start();
        let now = call(&server, "mi-funcion", &token)["value"].clone();
        assert!(!acknowledged || now == wanted.0, "round {round}: {now}");
        if now == wanted.0 {
            std::mem::swap(&mut wanted, &mut other);
        }
        data = server.kill();
    }
}

#[test]
fn the_secrets_of_a_preview() {
    let sandbox = Sandbox::new();
    let _server = Server::start(&sandbox);
    with_preview(&sandbox);
    // A preview that inherits shows the secrets of the function, unless it has its own.
    run(
        &sandbox,
        "secrets set mi-funcion KEY=value-of-live SHARED=value-of-live",
    );
    run(
        &sandbox,
        "deploy mi-funcion -y --preview heir --with-secrets",
    );
    run(
        &sandbox,
        "secrets set mi-funcion KEY=value-of-heir --preview heir",
    );
    let keys = run(&sandbox, "secrets list mi-funcion --preview heir");
    assert_eq!(
        (&keys[0]["key"], &keys[0]["inherited"]),
        (&"KEY".into(), &Value::Null),
        "{keys}"
    );
    assert_eq!(
        (&keys[1]["key"], &keys[1]["inherited"]),
        (&"SHARED".into(), &true.into()),
        "{keys}"
    );
    assert_eq!(
        run(&sandbox, "secrets list mi-funcion --preview pr-7")[1],
        Value::Null
    );
    // The platform sets this variable itself.
    sandbox.file("platform.env", "JELOU_PREVIEW=live\nJELOU_OTHER=fine\n");
    for set in [
        "secrets set mi-funcion JELOU_PREVIEW=live",
        "secrets set mi-funcion JELOU_PREVIEW=live --preview pr-7",
        "secrets set mi-funcion --from-env platform.env",
    ] {
        let refused = sandbox.jelou(set).run();
        assert_eq!(refused.code, 7, "{set}: {refused}");
        assert!(
            refused
                .to_string()
                .contains("the platform sets `JELOU_PREVIEW`"),
            "{set}: {refused}"
        );
    }
}

#[test]
fn a_preview_needs_a_function() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.function("mi-funcion", &returning("preview"));
    let refused = sandbox
        .jelou("deploy mi-funcion -y --json --preview pr-7")
        .run();
    assert_eq!(refused.code, 4, "{refused}");
    let hint = refused.json()["error"]["hint"].to_string();
    assert!(
        hint.contains("jelou functions create mi-funcion"),
        "{refused}"
    );
    run(&sandbox, "functions create mi-funcion");
    // The first deployment creates the token, even if it is for a preview.
    let deployed = run(&sandbox, "deploy mi-funcion -y --preview --header-only");
    let token = deployed["token"].as_str().unwrap_or_default();
    let id = deployed["deploymentId"].as_str().unwrap_or_default();
    assert_eq!(deployed["preview"]["url"], Value::Null);
    assert_eq!(server.call("mi-funcion", Some(token), "{}").0, 404);
    let selected = server.request("mi-funcion").token(token);
    let selected = selected.header("X-Jelou-Deployment", id).send();
    assert_eq!(selected.status, 200, "{selected:?}");
    run(&sandbox, &format!("deployments promote mi-funcion {id} -y"));
    assert_eq!(server.call("mi-funcion", Some(token), "{}").0, 200);
}
