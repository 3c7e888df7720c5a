//! `jelou tokens`.

use serde_json::{Value, json};

use crate::support::{
    FakeApi, Sandbox, Serve, Server, answer, assert_live_outcome, assert_outcome, function, problem,
};

const VALUE: &str = "jfn_rt_def4UVWXYZabcdefghijklmnopqrstuv0abcde";

pub(crate) fn token(name: &str, prefix: &str) -> Value {
    json!({
        "id": "tok_01arz3ndektsv4rrffq69g5fav",
        "name": name,
        "prefix": prefix,
        "lastUsedAt": null,
        "createdAt": "2026-04-05T09:00:00Z",
        "createdBy": "admin",
        "expiresAt": null,
        "scopes": null,
        "cidrs": null,
        "rate": null,
    })
}

/// Adds every kind of limit.
fn limited(mut token: Value) -> Value {
    token["scopes"] = json!(["invoke", "tool:sendEmail"]);
    token["cidrs"] = json!(["10.0.0.0/8", "2001:db8::/32"]);
    token["rate"] = "100/m".into();
    token
}

/// The use of the tokens of [`token`], which have one id.
fn usage() -> Value {
    let counts = json!({ "calls": 1200, "errors": 3, "refused": 45, "p95Ms": 12.5 });
    let mut day = counts.clone();
    day["date"] = "2026-04-05".into();
    json!({ "items": [{
        "id": "tok_01arz3ndektsv4rrffq69g5fav", "name": "later", "total": counts, "days": [day],
    }] })
}

fn created() -> Value {
    let mut created = token("ci-deploy", "jfn_rt_def4");
    created["token"] = VALUE.into();
    created
}

fn sandbox() -> (Sandbox, FakeApi) {
    let mut used = token("default", "jfn_rt_abc1");
    used["lastUsedAt"] = "2026-04-07T10:30:00Z".into();
    used["createdAt"] = "2026-04-01T14:00:00Z".into();
    used["id"] = "tok_01arz3ndektsv4rrffq69g5fax".into();
    let api = FakeApi::start(vec![
        answer(
            "GET /v1/functions/mi-funcion/tokens?limit=1000",
            200,
            json!({"items": [used, token("ci-deploy", "jfn_rt_def4")]}),
        ),
        answer("POST /v1/functions/mi-funcion/tokens", 201, created()),
        answer(
            "GET /v1/functions/mi-funcion/tokens/ci-deploy",
            200,
            token("ci-deploy", "jfn_rt_def4"),
        ),
        answer(
            "GET /v1/functions/mi-funcion/tokens/jfn_rt_def4",
            200,
            token("ci-deploy", "jfn_rt_def4"),
        ),
        answer(
            "DELETE /v1/functions/mi-funcion/tokens/tok_01arz3ndektsv4rrffq69g5fav",
            204,
            Value::Null,
        ),
        answer(
            "GET /v1/functions/unica/tokens/default",
            200,
            token("default", "jfn_rt_abc1"),
        ),
        answer(
            "DELETE /v1/functions/unica/tokens/tok_01arz3ndektsv4rrffq69g5fav",
            409,
            problem(409, "LAST_TOKEN", "it is the last active token of unica"),
        ),
        answer(
            "DELETE /v1/functions/unica/tokens/tok_01arz3ndektsv4rrffq69g5fav?force=true",
            204,
            Value::Null,
        ),
    ]);
    (Sandbox::new().with_api(&api), api)
}

#[test]
fn tokens_list_for_people() {
    let (sandbox, _api) = sandbox();
    assert_outcome!(
        sandbox
            .jelou("tokens list mi-funcion")
            .in_terminal()
            .finish()
    );
}

#[test]
fn tokens_list_in_json() {
    let (sandbox, _api) = sandbox();
    assert_outcome!(sandbox.jelou("functions tokens list mi-funcion").run());
}

/// The table has the documented columns for all tokens. `--wide` adds columns.
#[test]
fn tokens_list_with_expired_tokens() {
    let mut expired = token("a-name-longer-than-its-column", "jfn_rt_abc1");
    expired["expiresAt"] = "2026-01-01T00:00:00Z".into();
    let mut later = limited(token("later", "jfn_rt_xyz1"));
    later["expiresAt"] = "2999-01-01T00:00:00Z".into();
    let api = FakeApi::start(vec![
        answer(
            "GET /v1/functions/mi-funcion/tokens?limit=1000",
            200,
            json!({"items": [expired, later, token("default", "jfn_rt_def4")]}),
        ),
        answer(
            "GET /v1/functions/mi-funcion/tokens/later",
            200,
            later.clone(),
        ),
        answer(
            "GET /v1/functions/mi-funcion/token-usage?days=30",
            200,
            usage(),
        ),
        answer(
            "GET /v1/functions/mi-funcion/token-usage?days=7",
            200,
            usage(),
        ),
    ]);
    let sandbox = Sandbox::new().with_api(&api).env("TZ", "America/Guayaquil");
    assert_outcome!(sandbox.jelou("tokens list mi-funcion --human").run());
    assert_outcome!(sandbox.jelou("tokens list mi-funcion --wide --human").run());
    assert_outcome!(sandbox.jelou("tokens info mi-funcion later --human").run());
    let list = sandbox.jelou("tokens list mi-funcion").run().json();
    assert_eq!(list["data"][0]["status"], "expired");
    assert_eq!(list["data"][1]["status"], "unused");
}

/// The command does not ask if the change is impossible. Otherwise its question explains the consequences.
#[test]
fn revoking_the_last_active_token() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.deploy("mi-funcion", &function("() => 1"));
    let revoke = |line: &str| {
        sandbox
            .jelou(&format!("tokens revoke mi-funcion {line}"))
            .in_terminal()
    };
    assert_live_outcome!(revoke("default").finish());
    let mut terminal = revoke("default --force");
    terminal.wait_for("(y/N) ").answer("n");
    assert_live_outcome!(terminal.finish());
    // If another token is active, the question contains no warning.
    let other = "tokens create mi-funcion --name other";
    assert_eq!(sandbox.jelou(other).run().code, 0);
    let mut terminal = revoke("default");
    terminal.wait_for("(y/N) ").answer("y");
    let outcome = terminal.finish();
    assert!(!outcome.stdout().contains("last active"), "{outcome}");
    drop(server);
}

/// What cannot be done is an error before any question.
#[test]
fn nothing_is_asked_that_cannot_be_done() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.deploy("mi-funcion", &function("() => 1"));
    let outcome = sandbox.jelou("secrets set mi-funcion API_KEY=1").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let refused = |sandbox: &Sandbox, line: &str, code: i32, words: &str| {
        let outcome = sandbox.jelou(line).in_terminal().finish();
        assert_eq!(outcome.code, code, "{line}: {outcome}");
        let screen = outcome.stdout();
        assert!(screen.contains(words), "{line}: {outcome}");
        assert!(!screen.contains("? "), "{line}: {outcome}");
    };
    for (line, code, words) in [
        ("tokens disable mi-funcion default", 5, "last active token"),
        ("tokens revoke mi-funcion default", 5, "last active token"),
        ("tokens revoke mi-funcion nadie", 4, "nadie"),
        ("tokens revoke mi-funcion --tag nadie", 4, "this tag"),
        ("tokens rotate mi-funcion nadie", 4, "nadie"),
        (
            "tokens rotate mi-funcion default --finish",
            5,
            "no old value",
        ),
        ("functions delete no-hay", 4, "no-hay"),
        (
            "secrets delete mi-funcion API_KEYS",
            4,
            "did you mean `API_KEY`",
        ),
        (
            "secrets delete mi-funcion API_KEY --preview pr-9",
            4,
            "pr-9",
        ),
        ("secrets delete no-hay API_KEY", 4, "no-hay"),
        ("secret delete NADA", 4, "NADA"),
        ("access-tokens revoke nadie", 4, "nadie"),
        ("access-tokens rotate nadie", 4, "nadie"),
        ("access-tokens rotate nadie --finish", 4, "nadie"),
        ("access-tokens rotate default --finish", 5, "no old value"),
        ("previews delete mi-funcion pr-9", 4, "pr-9"),
        ("trust delete nadie", 4, "nadie"),
        ("auth remove nadie", 4, "nadie"),
        ("rollback mi-funcion", 5, "no other deployment"),
    ] {
        refused(&sandbox, line, code, words);
    }

    // With an access token that may only read.
    let reader = sandbox
        .jelou("access-tokens create --name reader --scope functions:read --json")
        .run();
    let token = reader.json()["data"]["token"].clone();
    let reader = Sandbox::new()
        .env("JELOU_API_URL", &format!("http://{}", server.address()))
        .env("JELOU_TOKEN", token.as_str().unwrap());
    reader.file("jelou.json", r#"{"function": "mi-funcion"}"#);
    reader.file("index.ts", function("() => 2"));
    for line in [
        "deploy",
        "deploy --preview pr-1",
        "functions delete mi-funcion",
        "secrets delete mi-funcion API_KEY",
        "secret delete API_KEY",
        "tokens disable mi-funcion default",
        "tokens revoke mi-funcion default --force",
        "tokens rotate mi-funcion default",
        "previews delete mi-funcion pr-9",
        "access-tokens revoke reader",
        "access-tokens rotate reader",
        "trust delete nadie",
        "master-key rotate",
    ] {
        refused(&reader, line, 3, "access token `reader` lacks the scope `");
    }
    assert_eq!(
        sandbox.jelou("tokens list mi-funcion").run().json()["data"][0]["name"],
        "default"
    );
}

/// The last administrator and the master key of an operator are kept without a question.
#[test]
fn the_last_administrator_and_a_given_master_key_are_kept() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .env("JELOU_MASTER_KEY", &"5a".repeat(32))
        .start();
    let rotated = sandbox.jelou("master-key rotate").in_terminal().finish();
    assert_eq!(rotated.code, 5, "{rotated}");
    assert!(
        rotated.stdout().contains("does not come from a file"),
        "{rotated}"
    );
    assert!(!rotated.stdout().contains("(y/N)"), "{rotated}");

    let admin = "access-tokens create --name admin --scope admin --json";
    let token = sandbox.jelou(admin).run().json()["data"]["token"].clone();
    let admin = Sandbox::new()
        .env("JELOU_API_URL", &format!("http://{}", server.address()))
        .env("JELOU_TOKEN", token.as_str().unwrap());
    for other in admin.jelou("access-tokens list").run().json()["data"]
        .as_array()
        .unwrap()
    {
        let id = other["id"].as_str().unwrap();
        if other["name"] != "admin" {
            let revoked = admin.jelou(&format!("access-tokens revoke {id} -y")).run();
            assert_eq!(revoked.code, 0, "{revoked}");
        }
    }
    let last = admin
        .jelou("access-tokens revoke admin")
        .in_terminal()
        .finish();
    assert_eq!(last.code, 5, "{last}");
    assert!(
        last.stdout()
            .contains("is the last access token with the scope `admin`"),
        "{last}"
    );
    assert!(!last.stdout().contains("(y/N)"), "{last}");
}

/// Only `--json` shows the limits of a token.
#[test]
fn the_table_of_tokens_is_the_same_with_limits() {
    let list = |tokens: [Value; 2]| {
        let api = FakeApi::start(vec![answer(
            "GET /v1/functions/mi-funcion/tokens?limit=1000",
            200,
            json!({ "items": tokens }),
        )]);
        let sandbox = Sandbox::new().with_api(&api);
        let list = |flag: &str| {
            sandbox
                .jelou(&format!("tokens list mi-funcion {flag}"))
                .run()
        };
        (
            list("--human").to_string(),
            list("--json").json()["data"].clone(),
        )
    };
    let plain = [token("default", "jfn_rt_abc1"), token("ci", "jfn_rt_def4")];
    let with_limits = plain.clone().map(limited);
    let (table, _) = list(plain);
    let (same_table, json) = list(with_limits.clone());
    assert_eq!(table, same_table);
    for (token, listed) in with_limits.iter().zip(json.as_array().unwrap()) {
        for limit in ["scopes", "cidrs", "rate"] {
            assert_eq!(listed[limit], token[limit], "{listed}");
        }
    }
}

const LIMITS: &str =
    "--scope invoke --scope tool:sendEmail --cidr 10.0.0.0/8 --cidr 2001:DB8::/32 --rate 100/m";

fn sandbox_with_limits() -> (Sandbox, FakeApi) {
    let mut created = limited(created());
    created["warnings"] = json!(["`mi-funcion` has no tool `sendEmail` now"]);
    let request = "POST /v1/functions/mi-funcion/tokens";
    let api = FakeApi::start(vec![answer(request, 201, created)]);
    (Sandbox::new().with_api(&api), api)
}

#[test]
fn tokens_create_with_limits_for_people() {
    let (sandbox, _api) = sandbox_with_limits();
    let create = format!("tokens create mi-funcion --name ci-deploy {LIMITS} --human");
    assert_outcome!(sandbox.jelou(&create).run());
}

#[test]
fn tokens_create_with_limits_in_json() {
    let (sandbox, api) = sandbox_with_limits();
    let create = format!("tokens create mi-funcion --name ci-deploy {LIMITS} --json");
    assert_outcome!(sandbox.jelou(&create).run());
    let body = json!({
        "name": "ci-deploy",
        "scopes": ["invoke", "tool:sendEmail"],
        "cidrs": ["10.0.0.0/8", "2001:db8::/32"],
        "rate": "100/m",
    });
    assert_eq!(api.last_body(), body);
}

#[test]
fn limits_that_cannot_be_are_refused_before_anything_is_asked() {
    let (sandbox, api) = sandbox_with_limits();
    let scopes: Vec<_> = (0..65)
        .map(|number| format!("--scope tool:t{number}"))
        .collect();
    let scopes = scopes.join(" ");
    let mut outcomes = Vec::new();
    for flags in [
        "--scope functions:read",
        "--scope tool:",
        "--cidr 10.1.2.3/8",
        "--cidr office",
        "--rate 0/m",
        "--rate 2000000/s",
        "--rate 100",
        "--rate -1/s",
        &scopes,
    ] {
        let outcome = sandbox
            .jelou(&format!(
                "tokens create mi-funcion --name ci {flags} --human"
            ))
            .run();
        let shown = if flags.len() > 40 {
            "(65 scopes)"
        } else {
            flags
        };
        outcomes.push(format!("{shown}\n{outcome}"));
    }
    assert_outcome!(outcomes.join("\n"));
    assert!(api.requests().is_empty());
}

#[test]
fn tokens_create_for_people() {
    let (sandbox, api) = sandbox();
    let outcome = sandbox
        .jelou("tokens create mi-funcion --name ci-deploy")
        .in_terminal()
        .finish();
    assert_outcome!(outcome);
    assert_eq!(api.last_body(), json!({"name": "ci-deploy"}));
}

#[test]
fn tokens_create_in_json_has_the_plain_value() {
    let (sandbox, api) = sandbox();
    let outcome = sandbox
        .jelou("tokens create mi-funcion --name ci-deploy --expires-in 90d --json")
        .run();
    assert_eq!(outcome.json()["data"]["token"], VALUE);
    assert_outcome!(outcome);
    assert_eq!(
        api.last_body(),
        json!({"name": "ci-deploy", "expiresIn": 7_776_000})
    );
}

#[test]
fn the_slug_comes_from_the_project() {
    let (sandbox, api) = sandbox();
    sandbox.file("jelou.json", r#"{"function": "mi-funcion"}"#);
    assert_eq!(sandbox.jelou("tokens list").run().code, 0);
    assert_eq!(sandbox.jelou("tokens revoke ci-deploy -y").run().code, 0);
    assert_eq!(
        api.requests(),
        [
            "GET /v1/functions/mi-funcion/tokens?limit=1000",
            "GET /v1/functions/mi-funcion/tokens/ci-deploy",
            "DELETE /v1/functions/mi-funcion/tokens/tok_01arz3ndektsv4rrffq69g5fav",
        ]
    );
}

#[test]
fn without_a_slug_and_a_project() {
    let (sandbox, _api) = sandbox();
    assert_outcome!(sandbox.jelou("tokens list").run());
}

#[test]
fn revoke_asks_first() {
    let (sandbox, api) = sandbox();
    let mut terminal = sandbox
        .jelou("tokens revoke mi-funcion jfn_rt_def4..")
        .in_terminal();
    terminal
        .wait_for("? Revoke token jfn_rt_def4... for mi-funcion? (y/N) ")
        .answer("y");
    assert_outcome!(terminal.finish());
    assert_eq!(api.requests().len(), 4);
}

#[test]
fn revoke_declined_does_nothing() {
    let (sandbox, api) = sandbox();
    let mut terminal = sandbox
        .jelou("tokens revoke mi-funcion ci-deploy")
        .in_terminal();
    terminal.wait_for("(y/N) ").answer("");
    assert_outcome!(terminal.finish());
    assert_eq!(
        api.requests(),
        [
            "GET /v1/whoami",
            "GET /v1/functions/mi-funcion/tokens/ci-deploy",
            "GET /v1/functions/mi-funcion/tokens?limit=1000"
        ]
    );
}

#[test]
fn revoke_without_a_terminal_names_the_flag() {
    let (sandbox, api) = sandbox();
    assert_outcome!(sandbox.jelou("tokens revoke mi-funcion ci-deploy").run());
    assert!(api.requests().is_empty());
}

#[test]
fn the_last_token_needs_force() {
    let (sandbox, _api) = sandbox();
    assert_outcome!(sandbox.jelou("tokens revoke unica default -y").run());
    let outcome = sandbox
        .jelou("tokens revoke unica default -y --force")
        .run();
    assert_eq!(outcome.code, 0, "{outcome}");
}
