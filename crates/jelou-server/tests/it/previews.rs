//! Previews as callers see them: their addresses, and their separation from the live deployment.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use jelou_client::ClientError;
use jelou_core::api::{DeployResult, OpenPreview};
use jelou_core::{Clock, ErrorCode};
use serde_json::{Value, json};

use crate::support::{Call, Reply, TestServer, eventually};

/// Public when it is live. Returns its version, and the data that it can access.
const SOURCE: &str = r#"
const atImport = Deno.env.has("KEY") ? "a secret" : "none";
export default app({ config: { public: true }, tools: {
  show: define({
    description: `Imported with ${atImport}`,
    config: { methods: ["GET", "POST", "OPTIONS"], cors: false },
    handler: async (input, ctx, request) => {
      const { key, value } = input ?? {};
      if (value) await ctx.memory.set(key, value, 600);
      return {
        version: "VERSION", url: request.url, isPublic: ctx.isHttp, functionSlug: ctx.functionSlug,
        env: ctx.env.toObject(), process: Deno.env.get("KEY") ?? null, memory: key ? await ctx.memory.get(key) : null,
        headers: [...request.headers.keys()].filter((name) => name.startsWith("x-jelou")),
      };
    },
  }),
} });"#;

fn version(name: &str) -> String {
    SOURCE.replace("VERSION", name)
}

fn named(name: &str) -> OpenPreview {
    OpenPreview {
        name: Some(name.parse().unwrap()),
        ..OpenPreview::default()
    }
}

fn id_of(deployed: &DeployResult) -> String {
    deployed.deployment.as_ref().unwrap().id.to_string()
}

/// A live function, which is public, and a preview of it.
fn start() -> (TestServer, String, DeployResult) {
    let server = TestServer::start();
    let token = server.deploy("mi-funcion", &version("live"));
    let deployed = server.preview("mi-funcion", &version("preview"), named("pr-7"));
    (server, token, deployed.unwrap())
}

fn refused(result: Result<DeployResult, ClientError>) -> (ErrorCode, String) {
    match result {
        Err(ClientError::Problem(problem)) => {
            let hint = problem.hint.unwrap_or_default();
            (problem.code, format!("{} | {hint}", problem.detail))
        }
        other => panic!("{other:?}"),
    }
}

fn set_preview_secret(server: &TestServer, name: &str, key: &str, value: &str) {
    let path = format!("/v1/functions/mi-funcion/previews/{name}/secrets");
    let (status, body) = server.manage("PATCH", &path, &json!({ "secrets": { key: value } }));
    assert_eq!(status, 200, "{body}");
}

fn show(call: Call, input: &Value) -> Value {
    let reply = call.json(input).send();
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

#[test]
fn a_preview_answers_beside_what_is_live() {
    let (server, token, deployed) = start();
    let label = "pr-7--mi-funcion";
    assert_eq!(deployed.url, server.origin(label));
    let preview = deployed.preview.as_ref().unwrap();
    assert_eq!(
        preview.deployment,
        deployed.deployment.as_ref().map(|one| one.id.clone())
    );
    // The live deployment stays, and stays public.
    let live = server.call("mi-funcion", "/show").send();
    assert_eq!(
        (live.status, &live.json()["version"]),
        (200, &json!("live"))
    );
    let shown = show(server.call(label, "/show").token(&token), &json!({}));
    assert_eq!(shown["version"], "preview");
    assert_eq!(shown["url"], format!("{}/show", server.origin(label)));
    assert_eq!(shown["functionSlug"], "mi-funcion");
    assert_eq!(shown["env"]["JELOU_PREVIEW"], "pr-7");
    // The path for tools that cannot resolve the name.
    let path = format!("/fn/{label}/show");
    let by_path = Call::new(server.address(), server.address(), &path);
    assert_eq!(by_path.clone().send().status, 401);
    assert_eq!(by_path.token(&token).send().json()["version"], "preview");
    // The documents describe the preview, and its need for a token.
    let document = server
        .call(label, "/openapi.json")
        .token(&token)
        .send()
        .json();
    assert_eq!(document["servers"][0]["url"], server.origin(label));
    assert_eq!(document["info"]["version"], id_of(&deployed));
    assert_eq!(document["security"], json!([{ "jelouToken": [] }]));
    let listed = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let mcp = server.call(label, "/mcp").token(&token);
    let mcp = mcp.header("accept", "application/json, text/event-stream");
    let tools = mcp.json(&listed).send();
    assert!(tools.body.contains("\"show\""), "{tools:?}");
    // A second deploy to the name replaces the first one.
    server
        .preview("mi-funcion", &version("second"), named("pr-7"))
        .unwrap();
    let shown = show(server.call(label, "/show").token(&token), &json!({}));
    assert_eq!(shown["version"], "second");
    let (_, function) = server.manage("GET", "/v1/functions/mi-funcion", &Value::Null);
    assert_eq!(function["previews"], 1);
}

#[test]
fn nothing_of_a_preview_is_served_without_a_token() {
    let (server, token, deployed) = start();
    let other = server.deploy("otra-funcion", &version("other"));
    let id = id_of(&deployed);
    let by_address = |path: &str| server.call("pr-7--mi-funcion", path);
    let by_header = |path: &str| {
        server
            .call("mi-funcion", path)
            .header("x-jelou-deployment", &id)
    };
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let refused = |reply: &Reply, what: &str| {
        assert_eq!(reply.status, 401, "{what}: {reply:?}");
        assert_eq!(reply.body, "{\"error\":\"Unauthorized\"}", "{what}");
    };
    for path in [
        "/show",
        "/",
        "/nothing",
        "/__health",
        "/openapi.json",
        "/mcp",
        "/__token",
        "/.well-known/x",
    ] {
        for (call, how) in [(by_address(path), "address"), (by_header(path), "header")] {
            for method in ["GET", "POST", "HEAD", "OPTIONS", "DELETE"] {
                let reply = call.clone().method(method).send();
                assert_eq!(reply.status, 401, "{method} {path} by {how}: {reply:?}");
            }
            refused(&call.clone().json(&list).send(), path);
            // The token of another function, the access token, and other places for a token.
            refused(&call.clone().token(&other).send(), path);
            refused(&call.clone().token(server.access_token()).send(), path);
            let bearer = format!("Bearer {token}");
            refused(&call.header("authorization", &bearer).send(), path);
        }
    }
    // The platform answers preflights; the function never does, although it would if it were live.
    let preflight = |call: Call| {
        let call = call.method("OPTIONS");
        call.header("access-control-request-method", "POST").send()
    };
    let live = preflight(server.call("mi-funcion", "/show"));
    assert!(live.body.contains("live"), "{live:?}");
    let reply = preflight(by_address("/show"));
    assert_eq!((reply.status, reply.body.as_str()), (204, ""), "{reply:?}");
    // With the token, the documents are served.
    for path in ["/__health", "/openapi.json", "/__token"] {
        assert_eq!(by_address(path).token(&token).send().status, 200, "{path}");
        assert_eq!(by_header(path).token(&token).send().status, 200, "{path}");
    }
    // The limits of a token apply, and both addresses share its rate.
    let limited = server
        .create_token("mi-funcion", json!({ "name": "few", "rate": "1/h" }))
        .token;
    assert_eq!(by_address("/show").token(&limited).send().status, 200);
    assert_eq!(by_address("/show").token(&limited).send().status, 429);
    assert_eq!(by_header("/show").token(&limited).send().status, 429);
}

#[test]
fn the_header_selects_a_preview() {
    let (server, token, deployed) = start();
    let id = id_of(&deployed);
    let call = |value: &str| {
        server
            .call("mi-funcion", "/show")
            .header("x-jelou-deployment", value)
    };
    let shown = show(call(&id).token(&token), &json!({}));
    assert_eq!(shown["version"], "preview");
    assert_eq!(shown["headers"], json!([]));
    // The live deployment by its own id.
    let (_, function) = server.manage("GET", "/v1/functions/mi-funcion", &Value::Null);
    let live = call(function["liveDeployment"].as_str().unwrap()).send();
    assert_eq!(live.json()["version"], "live");
    // For any other value, callers with a token get 404.
    let unknown = "dep_01jabcdefghjkmnpqrstvwxyz0";
    for value in [unknown, "dep_x", "", "pr-7", "latest"] {
        assert_eq!(call(value).send().status, 401, "{value}");
        let reply = call(value).token(&token).send();
        assert_eq!(reply.status, 404, "{value}: {reply:?}");
        assert_eq!(reply.body, "{\"error\":\"Deployment not found\"}");
    }
    let twice = call(&id).header("x-jelou-deployment", &id).token(&token);
    assert_eq!(twice.send().status, 404);
    // A deployment of another function.
    let other = server.deploy("otra-funcion", &version("other"));
    let foreign = server
        .call("otra-funcion", "/show")
        .header("x-jelou-deployment", &id);
    assert_eq!(foreign.token(&other).send().status, 404);
    // Without an address, only the header selects the preview.
    let hidden = OpenPreview {
        header_only: true,
        ..named("hidden")
    };
    let hidden = server
        .preview("mi-funcion", &version("hidden"), hidden)
        .unwrap();
    assert_eq!(hidden.preview.as_ref().unwrap().url, None);
    assert_eq!(hidden.url, server.origin("mi-funcion"));
    let by_address = server.call("hidden--mi-funcion", "/show").token(&token);
    assert_eq!(by_address.send().status, 404);
    let shown = show(call(&id_of(&hidden)).token(&token), &json!({}));
    assert_eq!(shown["version"], "hidden");
}

#[test]
fn a_preview_reads_neither_secrets_nor_memory_of_the_function() {
    let server = TestServer::start();
    let token = server.deploy("mi-funcion", &version("live"));
    server.set_secret("mi-funcion", "KEY", "secret-of-the-live-function");
    server.set_secret("mi-funcion", "ONLY_LIVE", "another-live-secret");
    let live = |input: &Value| show(server.call("mi-funcion", "/show"), input);
    let preview = |input: &Value| {
        show(
            server.call("pr-7--mi-funcion", "/show").token(&token),
            input,
        )
    };
    live(&json!({ "key": "shared", "value": "of live" }));
    let deployed = server
        .preview("mi-funcion", &version("preview"), named("pr-7"))
        .unwrap();
    let shown = preview(&json!({ "key": "shared" }));
    assert_eq!(shown["env"], json!({ "JELOU_PREVIEW": "pr-7" }));
    assert_eq!(
        (&shown["process"], &shown["memory"]),
        (&Value::Null, &Value::Null)
    );
    // Its code was inspected without the function's secrets too.
    let path = format!("/v1/functions/mi-funcion/deployments/{}", id_of(&deployed));
    let details = server.manage("GET", &path, &Value::Null).1;
    assert_eq!(details["tools"][0]["description"], "Imported with none");
    // The values that the preview stores stay in its own memory.
    preview(&json!({ "key": "shared", "value": "of the preview" }));
    set_preview_secret(&server, "pr-7", "KEY", "secret-of-the-preview");
    let shown = preview(&json!({ "key": "shared" }));
    assert_eq!(shown["env"]["KEY"], "secret-of-the-preview");
    assert_eq!(shown["memory"], "of the preview");
    let shown = live(&json!({ "key": "shared" }));
    assert_eq!(shown["env"]["KEY"], "secret-of-the-live-function");
    assert_eq!(shown["memory"], "of live");
    // A live secret that is set later does not reach the preview either.
    server.set_secret("mi-funcion", "LATER", "set-after-the-preview");
    assert_eq!(preview(&json!({}))["env"]["LATER"], Value::Null);
    // Two previews are separated in the same way.
    server
        .preview("mi-funcion", &version("other"), named("pr-8"))
        .unwrap();
    let other = server.call("pr-8--mi-funcion", "/show").token(&token);
    let shown = show(other, &json!({ "key": "shared" }));
    assert_eq!(shown["env"], json!({ "JELOU_PREVIEW": "pr-8" }));
    assert_eq!(shown["memory"], Value::Null);

    // If a deploy requests it, the preview inherits secrets until the next deploy. Its own secrets take precedence.
    let inheriting = OpenPreview {
        with_secrets: true,
        ..named("pr-7")
    };
    server
        .preview("mi-funcion", &version("inherits"), inheriting)
        .unwrap();
    let shown = preview(&json!({ "key": "shared" }));
    assert_eq!(shown["env"]["ONLY_LIVE"], "another-live-secret");
    assert_eq!(shown["env"]["KEY"], "secret-of-the-preview");
    assert_eq!(shown["memory"], "of the preview");
    server.set_secret("mi-funcion", "ONLY_LIVE", "changed-live-secret");
    assert_eq!(
        preview(&json!({}))["env"]["ONLY_LIVE"],
        "changed-live-secret"
    );
    server
        .preview("mi-funcion", &version("alone"), named("pr-7"))
        .unwrap();
    assert_eq!(preview(&json!({}))["env"]["ONLY_LIVE"], Value::Null);
    // All of this survives a restart.
    let server = server.restart(|_| {});
    let again = server.call("pr-7--mi-funcion", "/show").token(&token);
    let shown = show(again, &json!({ "key": "shared" }));
    assert_eq!(shown["version"], "alone");
    assert_eq!(
        shown["env"],
        json!({ "JELOU_PREVIEW": "pr-7", "KEY": "secret-of-the-preview" })
    );
    assert_eq!(shown["memory"], "of the preview");
    let records = server
        .manage("GET", "/v1/functions/mi-funcion/secrets", &Value::Null)
        .1;
    assert_eq!(records["items"].as_array().unwrap().len(), 3);
}

#[test]
fn a_deploy_to_a_preview_loses_no_call() {
    let (server, token, _) = start();
    let (stop, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let call = server.call("pr-7--mi-funcion", "/show").token(&token);
                    show(call, &json!({}));
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for number in 0..5 {
            let before = calls.load(Ordering::Relaxed);
            let source = version(&format!("v{number}"));
            server
                .preview("mi-funcion", &source, named("pr-7"))
                .unwrap();
            let call = server.call("pr-7--mi-funcion", "/show").token(&token);
            assert_eq!(show(call, &json!({}))["version"], format!("v{number}"));
            eventually("calls between two deploys", || {
                (calls.load(Ordering::Relaxed) > before + 3).then_some(())
            });
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_preview_ends() {
    let clock = Clock::fixed("2026-11-29T10:00:00Z".parse().unwrap());
    let server = TestServer::start_with_clock(clock.clone(), |_| {});
    let token = server.deploy("mi-funcion", &version("live"));
    let open = |name: &str, expires_in| OpenPreview {
        expires_in,
        ..named(name)
    };
    let usual = server
        .preview("mi-funcion", &version("a"), named("usual"))
        .unwrap();
    assert_eq!(
        usual.preview.unwrap().expires_at,
        "2026-12-13T10:00:00Z".parse().unwrap()
    );
    server
        .preview("mi-funcion", &version("b"), open("short", Some(3600)))
        .unwrap();
    set_preview_secret(&server, "short", "KEY", "secret-of-the-first");
    let call = |server: &TestServer| {
        let call = server.call("short--mi-funcion", "/show").token(&token);
        call.json(&json!({ "key": "kept", "value": "x" })).send()
    };
    assert_eq!(call(&server).status, 200);
    // A deploy of the same files extends the preview, and builds nothing.
    clock.set("2026-11-29T10:30:00Z".parse().unwrap());
    let again = server
        .preview("mi-funcion", &version("b"), open("short", Some(3600)))
        .unwrap();
    assert!(again.already_live);
    clock.set("2026-11-29T11:29:59Z".parse().unwrap());
    assert_eq!(call(&server).status, 200);
    clock.set("2026-11-29T11:30:00Z".parse().unwrap());
    let gone = call(&server);
    assert_eq!(
        (gone.status, gone.body.as_str()),
        (404, "{\"error\":\"Function not found\"}")
    );
    let listed = server
        .manage("GET", "/v1/functions/mi-funcion/previews", &Value::Null)
        .1;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    // A restart does not bring the preview back, and its data is deleted.
    let server = server.restart(|_| {});
    assert_eq!(call(&server).status, 404);
    eventually("the end of the preview in the audit trail", || {
        let audit = server.manage("GET", "/v1/audit", &Value::Null).1;
        audit.to_string().contains("preview.expire").then_some(())
    });
    let count = |sql: &str| {
        let asked = Command::new("sqlite3")
            .arg(server.database())
            .arg(sql)
            .output();
        let output = String::from_utf8(asked.unwrap().stdout).unwrap();
        output.trim().parse::<u32>().unwrap()
    };
    assert_eq!(count("SELECT count(*) FROM secrets"), 0);
    assert_eq!(count("SELECT count(*) FROM memory"), 0);
    assert_eq!(count("SELECT count(*) FROM previews"), 1);
    // Its name is free for a new preview, which gets none of its data.
    server
        .preview("mi-funcion", &version("c"), open("short", None))
        .unwrap();
    let fresh = server.call("short--mi-funcion", "/show").token(&token);
    let shown = show(fresh, &json!({ "key": "kept" }));
    assert_eq!(
        (&shown["env"]["KEY"], &shown["memory"]),
        (&Value::Null, &Value::Null)
    );
    for seconds in [0, 40_000_000] {
        let result = server.preview("mi-funcion", &version("d"), open("long", Some(seconds)));
        let (code, text) = refused(result);
        assert_eq!(code, ErrorCode::ValidationError);
        assert!(text.contains("expiresIn"), "{text}");
    }
}

#[test]
fn an_address_belongs_to_one() {
    let server = TestServer::start_with(|config| config.limits.max_previews = 2);
    let token = server.deploy("mi-funcion", &version("live"));
    // A function keeps its address, even if it was created after the preview.
    let exact = server.deploy("pr-7--mi-funcion", &version("exact"));
    let result = server.preview("mi-funcion", &version("preview"), named("pr-7"));
    let (code, text) = refused(result);
    assert_eq!(code, ErrorCode::Conflict);
    assert!(text.contains("X-Jelou-Deployment"), "{text}");
    server
        .preview("mi-funcion", &version("first"), named("pr-8"))
        .unwrap();
    let of_preview = server.call("pr-8--mi-funcion", "/show").token(&token);
    assert_eq!(show(of_preview.clone(), &json!({}))["version"], "first");
    let later = server.deploy("pr-8--mi-funcion", &version("taken"));
    let of_function = server.call("pr-8--mi-funcion", "/show").token(&later);
    assert_eq!(show(of_function, &json!({}))["version"], "taken");
    let previews = "/v1/functions/mi-funcion/previews";
    let listed = server.manage("GET", previews, &Value::Null).1;
    assert_eq!(listed["items"][0]["url"], Value::Null);
    // The slug of a function may have the separator too.
    let odd = server.deploy("a--b", &version("odd"));
    server
        .preview("a--b", &version("of a--b"), named("x"))
        .unwrap();
    let shown = show(server.call("x--a--b", "/show").token(&odd), &json!({}));
    assert_eq!(shown["version"], "of a--b");
    assert_eq!(
        server.call("x--a--b", "/show").token(&exact).send().status,
        401
    );
    // A DNS label has at most 63 characters.
    let long = "m".repeat(60);
    let long_token = server.deploy(&long, &version("long"));
    let (code, text) = refused(server.preview(&long, &version("x"), named("pr-9")));
    assert_eq!(code, ErrorCode::ValidationError);
    assert!(
        text.contains("66 characters") && text.contains("X-Jelou-Deployment"),
        "{text}"
    );
    let hidden = OpenPreview {
        header_only: true,
        ..named("pr-9")
    };
    let hidden = server
        .preview(&long, &version("by header"), hidden)
        .unwrap();
    let call = server.call(&long, "/show").token(&long_token);
    let shown = show(
        call.header("x-jelou-deployment", &id_of(&hidden)),
        &json!({}),
    );
    assert_eq!(shown["version"], "by header");
    // A function has a limit of previews, and a deploy that fails creates none.
    let broken = server.preview("mi-funcion", "this is no code", named("broken"));
    assert_eq!(refused(broken).0, ErrorCode::ValidationError);
    server
        .preview("mi-funcion", &version("second"), named("two"))
        .unwrap();
    let (code, text) = refused(server.preview("mi-funcion", &version("third"), named("three")));
    assert_eq!(code, ErrorCode::Conflict);
    assert!(text.contains("limits.max_previews"), "{text}");
    let (status, _) = server.manage("DELETE", &format!("{previews}/two"), &Value::Null);
    assert_eq!(status, 204);
    assert_eq!(
        server
            .call("two--mi-funcion", "/show")
            .token(&token)
            .send()
            .status,
        404
    );
    // Without a name, the end of the id is the name.
    let unnamed = server.preview("mi-funcion", &version("unnamed"), OpenPreview::default());
    let unnamed = unnamed.unwrap();
    let id = id_of(&unnamed);
    assert_eq!(
        unnamed.url,
        server.origin(&format!("{}--mi-funcion", &id[id.len() - 8..]))
    );
    // A function has to exist first.
    let (code, _) = refused(server.preview("no-such", &version("x"), named("pr-1")));
    assert_eq!(code, ErrorCode::NotFound);
}

#[test]
fn a_deployment_is_promoted_and_kept() {
    let server = TestServer::start_with(|config| config.limits.max_deployments = 1);
    let token = server.deploy("mi-funcion", &version("live"));
    let cron = version("promoted").replace(
        "config: { methods:",
        "config: { cron: [{ expression: \"0 3 * * *\", name: \"nightly\" }], methods:",
    );
    let deployed = server.preview("mi-funcion", &cron, named("pr-7")).unwrap();
    let id = id_of(&deployed);
    set_preview_secret(&server, "pr-7", "KEY", "secret-of-the-preview");
    let path = "/v1/functions/mi-funcion";
    let schedules = || {
        let schedules = server
            .manage("GET", &format!("{path}/schedules"), &Value::Null)
            .1;
        schedules["items"].as_array().unwrap().len()
    };
    // A preview has no schedules, and is no target of a rollback.
    assert_eq!(schedules(), 0);
    let rollback = |body: &Value| server.manage("POST", &format!("{path}/rollback"), body).0;
    assert_eq!(rollback(&json!({})), 409);
    assert_eq!(rollback(&json!({ "deployment": id })), 409);
    // A deployment is kept while a preview serves it, in addition to the live deployments that are kept.
    for number in 0..3 {
        server.deploy("mi-funcion", &version(&format!("v{number}")));
        let other = format!("o{number}");
        server
            .preview("mi-funcion", &version(&other), named("other"))
            .unwrap();
    }
    let listed = server
        .manage("GET", &format!("{path}/deployments"), &Value::Null)
        .1;
    let listed = listed["items"].as_array().unwrap();
    let found = listed.iter().find(|one| one["id"] == id.as_str()).unwrap();
    assert_eq!(
        (&found["previews"], &found["wasLive"]),
        (&json!(["pr-7"]), &json!(false))
    );
    assert_eq!(listed.len(), 3, "{listed:?}");
    let former = listed.iter().find(|one| one["live"] == true).unwrap()["id"].clone();

    let promote = format!("{path}/deployments/{id}/promote");
    let (status, planned) = server.manage("POST", &promote, &json!({ "dryRun": true }));
    assert_eq!(
        (status, &planned["missingSecrets"]),
        (200, &json!(["KEY"])),
        "{planned}"
    );
    assert_eq!(schedules(), 0);
    let (status, promoted) = server.manage("POST", &promote, &json!({ "reason": "it works" }));
    assert_eq!(
        (status, &promoted["replaces"]),
        (200, &former),
        "{promoted}"
    );
    assert_eq!(promoted["schedules"][0]["name"], "nightly");
    assert_eq!(schedules(), 1);
    // The promoted deployment is public and has the function's secrets. The preview still needs a token.
    let live = server
        .call("mi-funcion", "/show")
        .json(&json!({}))
        .send()
        .json();
    assert_eq!(
        (&live["version"], &live["env"]),
        (&json!("promoted"), &json!({}))
    );
    assert_eq!(server.call("pr-7--mi-funcion", "/show").send().status, 401);
    let preview = show(
        server.call("pr-7--mi-funcion", "/show").token(&token),
        &json!({}),
    );
    assert_eq!(preview["env"]["KEY"], "secret-of-the-preview");
    // A rollback restores the replaced deployment, which counts as healthy.
    let (status, back) = server.manage("POST", &format!("{path}/rollback"), &json!({}));
    assert_eq!(
        (status, &back["deployment"]["id"]),
        (200, &former),
        "{back}"
    );
    // The deployment can be promoted again, although the rollback replaced it.
    let (status, _) = server.manage("POST", &promote, &json!({}));
    assert_eq!(status, 200);
    let audit = server
        .manage("GET", "/v1/audit", &Value::Null)
        .1
        .to_string();
    assert!(
        audit.contains("deployment.promote") && audit.contains("it works"),
        "{audit}"
    );
    let unknown = format!("{path}/deployments/dep_01jabcdefghjkmnpqrstvwxyz0/promote");
    assert_eq!(server.manage("POST", &unknown, &json!({})).0, 404);
}

#[test]
fn what_cannot_start_with_the_live_secrets_is_not_promoted() {
    let server = TestServer::start();
    server.deploy("mi-funcion", &version("live"));
    let needy = "if (!Deno.env.get(\"KEY\")) throw new Error(\"KEY is missing\");\n";
    let source = format!("{needy}{}", version("needy"));
    // Its secret exists before its first deploy.
    let previews = "/v1/functions/mi-funcion/previews";
    assert_eq!(
        server
            .manage("POST", previews, &json!({ "name": "pr-7" }))
            .0,
        201
    );
    assert_eq!(
        server
            .manage("POST", previews, &json!({ "name": "pr-7" }))
            .0,
        409
    );
    assert_eq!(server.call("pr-7--mi-funcion", "/show").send().status, 404);
    set_preview_secret(&server, "pr-7", "KEY", "secret-of-the-preview");
    let deployed = server
        .preview("mi-funcion", &source, named("pr-7"))
        .unwrap();
    let promote = format!(
        "/v1/functions/mi-funcion/deployments/{}/promote",
        id_of(&deployed)
    );
    let (status, problem) = server.manage("POST", &promote, &json!({}));
    assert_eq!(status, 422, "{problem}");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("KEY is missing"),
        "{problem}"
    );
    assert_eq!(
        server.call("mi-funcion", "/show").send().json()["version"],
        "live"
    );
    server.set_secret("mi-funcion", "KEY", "secret-of-the-function");
    assert_eq!(server.manage("POST", &promote, &json!({})).0, 200);
    let live = server.call("mi-funcion", "/show").json(&json!({})).send();
    assert_eq!(live.json()["env"]["KEY"], "secret-of-the-function");
}

#[test]
fn functions_call_previews_and_take_them_along() {
    let (server, token, _) = start();
    let caller = server.deploy(
        "caller",
        r#"export default define({ description: "Calls", handler: async (input) => {
          const headers = { "content-type": "application/json", "x-jelou-token": input.token };
          const reply = await fetch(input.url, { method: "POST", headers, body: "{}" });
          return { status: reply.status, body: await reply.text() };
        } });"#,
    );
    let url = format!("{}/show", server.origin("pr-7--mi-funcion"));
    let call = |token: &str| {
        let input = json!({ "url": url, "token": token });
        show(server.call("caller", "/").token(&caller), &input)
    };
    assert_eq!(call(&caller)["status"], 401);
    let answered = call(&token);
    assert!(
        answered["body"].as_str().unwrap().contains("\"preview\""),
        "{answered}"
    );
    // The deletion of a function also deletes its previews.
    let (status, _) = server.manage("DELETE", "/v1/functions/mi-funcion", &Value::Null);
    assert_eq!(status, 204);
    assert_eq!(call(&token)["status"], 404);
    let again = server.deploy("mi-funcion", &version("again"));
    let gone = server.call("pr-7--mi-funcion", "/show").token(&again);
    assert_eq!(gone.send().status, 404);
    let listed = server
        .manage("GET", "/v1/functions/mi-funcion/previews", &Value::Null)
        .1;
    assert_eq!(listed["items"], json!([]));
}
