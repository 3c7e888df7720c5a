//! Functions that tamper with the JavaScript built-ins that the platform's answers and logs use.

use serde_json::{Value, json};

use super::{Hostile, Stage, hostile};
#[cfg(debug_assertions)]
use crate::support::eventually;

const WELL: Hostile = hostile!("well");

#[test]
fn with_the_language_itself() {
    let stage = Stage::start(&[]);
    let prototypes = hostile!("prototypes");
    stage.deploy_all(&[prototypes, WELL]);
    let tokens = stage.management("/v1/functions/prototypes/tokens");
    let created = tokens.body(r#"{"name":"test"}"#).send();
    let token = created.json()["token"].as_str().unwrap().to_owned();
    let call = |token: &str, body: &str| {
        let request = stage.server.request("prototypes");
        let reply = request.token(token).body(body).send();
        (reply.status, reply.body)
    };
    let internal = (500, r#"{"error":"Internal function error"}"#.to_owned());
    let good = r#"{"email":"a@example.com"}"#;
    assert_eq!(call(&token, good), (200, good.to_owned()));
    let (status, body) = call(&token, r#"{"email":"nobody"}"#);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["error"]), (400, &json!("Validation failed")));
    assert_eq!(body["details"][0]["path"], json!(["email"]));

    call(&token, r#"{"email":"tamper@example.com"}"#);
    // The validation runs in the function's code, so the function broke its own validation. The platform's own code
    // still works.
    assert_eq!(call(&token, good), internal);
    assert_eq!(call(&token, r#"{"email":"nobody"}"#), internal);
    let (status, body) = call(&token, "{");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["error"]), (400, &json!("Invalid JSON")));
    assert_eq!(
        call("jfn_rt_wrong", good),
        (401, r#"{"error":"Unauthorized"}"#.to_owned())
    );
    for text in ["logged after all", "Error is not a constructor"] {
        let line = stage.wait_for_line(prototypes, &[text]);
        let start = line.find("{\"").unwrap();
        let mut values = serde_json::Deserializer::from_str(&line[start..]).into_iter::<Value>();
        let logged = values.next().unwrap().unwrap();
        assert_eq!(logged["function"], "prototypes", "{line}");
        assert_eq!(logged["requestId"].as_str().unwrap().len(), 36, "{line}");
    }
    assert_eq!(stage.call(WELL, &json!({})).body, "\"well\"");
}

/// Without the sandbox layers that protect the caches of its process, the function forges them. Its forged caches reach
/// no process of another function, no later process of the same function, and not the server's copies.
#[cfg(debug_assertions)]
#[test]
fn with_the_caches_of_its_process() {
    let forges = hostile!("forges_cache");
    let guarded = Stage::start(&[]);
    guarded.deploy_all(&[forges]);
    let answer = guarded.call(forges, &json!({ "others": [] })).json();
    for way in ["code", "imports"] {
        let refusal = answer[way].as_str().unwrap();
        assert!(!refusal.starts_with("GOT"), "{answer}");
    }

    let stage = Stage::start(&[
        ("SANDBOX__PERMISSIONS", "false"),
        ("SANDBOX__LANDLOCK", "false"),
        ("LIMITS__BLANK_WORKERS", "1"),
        ("LIMITS__MAX_BLANK_WORKERS", "1"),
    ]);
    let source = forges
        .source
        .replace("/* LARGE */ \"\"", &format!("{:?}", "x".repeat(100_000)));
    let large = Hostile {
        file: forges.file,
        source: source.leak(),
    };
    stage.deploy_all(&[large, WELL]);
    let builtins = stage.server.data.path().join("run/compiled-builtins");
    eventually("the compiled code of Node's modules", || {
        let is_there = |name: &str| builtins.join(name).exists();
        (is_there("v8_code_cache_v2") && !is_there("v8_code_cache_v2-wal")).then_some(())
    });
    let copies = || {
        let folders = ["artifacts", "run/compiled", "run/compiled-builtins"];
        let data = stage.server.data.path();
        let files = folders
            .iter()
            .flat_map(|folder| std::fs::read_dir(data.join(folder)).into_iter().flatten());
        files
            .map(|file| file.unwrap().path())
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let is_compiled =
        |path: &std::path::PathBuf| path.extension().is_some_and(|it| it == "compiled");
    let run = stage.server.data.path().join("run");
    let others: Vec<_> = (0..40)
        .map(|number| format!("file://{}/{number}/function/.bundle.js", run.display()))
        .collect();
    let forge = || stage.call(large, &json!({ "others": others })).json();
    let expected = json!({ "code": "GOT \"function\"", "imports": "GOT 6" });
    for round in 0..3 {
        let answer = forge();
        assert_eq!(answer["code"], expected["code"], "round {round}: {answer}");
        let before = copies();
        assert!(before.keys().any(is_compiled), "{:?}", before.keys());
        assert_eq!(stage.call(WELL, &json!({})).body, "\"well\"");
        for slug in [large.slug(), WELL.slug()] {
            let secret = format!(r#"{{"secrets":{{"ROUND":"{round}"}}}}"#);
            let path = format!("/v1/functions/{slug}/secrets");
            let changed = stage.management(&path).method("PATCH").body(&secret).send();
            assert!(changed.status < 300, "{changed:?}");
        }
        let after = copies();
        for (path, content) in &before {
            assert!(after.get(path) == Some(content), "{path:?} has changed");
        }
    }
}

#[test]
fn with_the_log() {
    let stage = Stage::start(&[
        ("LIMITS__MAX_LOG_LINE_BYTES", "2048"),
        // The function writes many lines at import.
        ("LIMITS__STARTUP_TIMEOUT_MS", "30000"),
    ]);
    let (output, flood) = (hostile!("output"), hostile!("log_flood"));
    stage.deploy_all(&[output, flood, WELL]);
    assert_eq!(stage.call(output, &json!({})).body, "\"written\"");
    // Every line is attributed to its real writer, even if its text claims another one.
    for text in [
        "forged line",
        "forged on stderr",
        "forged as the server",
        "after the long line",
    ] {
        stage.wait_for_line(output, &[text]);
    }
    let cut = stage.wait_for_line(output, &["xxxxxxxx"]);
    assert!(cut.len() < 2048 + 512, "{}", cut.len());
    assert!(
        cut.contains(
            "[truncated: a line holds 2048 bytes (limits.max_log_line_bytes, the server's)]"
        ),
        "{cut}"
    );
    let log = stage.server.data.log();
    for line in log.lines().filter(|line| line.contains("forged")) {
        let writer = line.rsplit("function=").next().unwrap();
        assert!(writer.starts_with("\"output\""), "{line}");
    }
    // The log contains no control characters that a terminal would interpret.
    let acts = |c: char| c.is_control() && c != '\n';
    assert!(
        !log.contains(acts),
        "{:?}",
        log.lines().find(|line| line.contains(acts))
    );

    // A function can log during its import. The server counts the surplus lines.
    assert_eq!(stage.call(flood, &json!({})).body, "\"logged\"");
    stage.wait_for_line(flood, &["while imported"]);
    stage.wait_for_line(
        flood,
        &["lines were dropped: more than 1000 in a second (limits.max_log_lines_per_second, a server setting)"],
    );
    assert_eq!(stage.call(WELL, &json!({})).body, "\"well\"");
    assert!(stage.lines_of(flood).len() < 20_000);
}
