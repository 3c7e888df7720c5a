//! Packages as people use them: a function for each package is deployed and called, and must give its known answer.
//! Functions send nothing outside the machine: clients of services call a function that returns their requests.

use serde_json::Value;

use super::case::{self, Case, NATIVE, configuration};
use crate::support::{Outcome, Sandbox, Serve, Server, times};

#[test]
fn packages_give_their_known_answers() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .with_registry()
        // The machine may be busy, and this test does not measure speed.
        .env("JELOU_LIMITS__STARTUP_TIMEOUT_MS", "30000")
        .start();
    sandbox.file("peer/jelou.json", r#"{"function": "peer", "public": true}"#);
    let peer = std::fs::read_to_string(case::folder().join("peer.ts")).unwrap();
    sandbox.deploy("peer", &peer);

    let mut cases = case::all();
    cases.sort_by_key(|case| !case.is_short);
    let short = cases.iter().filter(|case| case.is_short).count();
    let count = times(short, cases.len());
    let failures: Vec<String> = cases[..count]
        .iter()
        .filter_map(|case| {
            Some(format!(
                "{}: {}",
                case.slug,
                failure(&sandbox, &server, case)?
            ))
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {count} packages fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Returns the error of a case, if there is one.
fn failure(sandbox: &Sandbox, server: &Server, case: &Case) -> Option<String> {
    let Case { slug, .. } = case;
    let deployed = deploy(sandbox, slug, &case.configuration(), &case.source);
    if deployed.code != 0 {
        return Some(deployed.to_string());
    }
    let token = deployed.json()["data"]["token"].clone();
    let (status, body) = server.call(slug, token.as_str(), &case.input);
    let answer: Option<Value> = serde_json::from_str(&body).ok();
    let is_known = status == 200 && answer.as_ref() == Some(&case.answer);
    (!is_known).then(|| format!("{status} {body}, and not {}", case.answer))
}

fn deploy(sandbox: &Sandbox, slug: &str, configuration: &str, source: &str) -> Outcome {
    sandbox.file(&format!("{slug}/deno.json"), configuration);
    sandbox.function(slug, source);
    sandbox.jelou(&format!("deploy {slug} -y --json")).run()
}

#[test]
fn native_packages_are_refused_in_one_line() {
    let sandbox = Sandbox::new();
    let _server = Serve::new(&sandbox).with_registry().start();
    for (package, instead) in NATIVE {
        let (name, _) = package.rsplit_once('@').unwrap();
        let source = format!(
            "import it from \"{name}\";\nexport default {{ fetch: () => Response.json(it) }};\n"
        );
        let imports = configuration([package].into_iter());
        let refused = deploy(&sandbox, "nativo", &imports, &source);
        assert_eq!(refused.code, 7, "{package}: {refused}");
        let error = refused.json()["error"]["message"].clone();
        let expected = format!(
            "`{name}` has native code, which cannot run here; use `{instead}` (without native code)"
        );
        assert_eq!(error, Value::from(expected), "{package}");
    }
}
