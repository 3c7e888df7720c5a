//! `jelou audit`.

use serde_json::{Value, json};

use crate::support::{FakeApi, Outcome, Sandbox, Server, answer, assert_outcome};

#[test]
fn audit_for_people_and_in_json() {
    let api = FakeApi::start(vec![answer(
        "GET /v1/audit?limit=1",
        200,
        json!({
            "items": [{
                "id": 7,
                "at": "2026-04-07T10:30:00Z",
                "actor": "pat_01arz3ndektsv4rrffq69g5fav",
                "action": "token.revoke",
                "function": "mi-funcion",
                "target": "tok_01arz3ndektsv4rrffq69g5fav",
                "detail": "ci-deploy",
            }],
            "next": 7,
        }),
    )]);
    let sandbox = Sandbox::new().with_api(&api);
    assert_outcome!(sandbox.jelou("audit --limit 1 --human").run());
    assert_outcome!(sandbox.jelou("audit --limit 1").run());
}

type Forgery = fn(&mut Vec<String>);

#[test]
fn a_changed_export_is_found_without_a_server() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.jelou("functions create fine").run();
    sandbox.jelou("tokens create fine --name ci").run();
    sandbox
        .jelou("limits set fine request_timeout_ms=1000")
        .run();
    let run = |line: &str| -> Outcome { sandbox.jelou(&format!("{line} --json")).run() };
    let verified = run("audit verify");
    assert_eq!(verified.code, 0, "{verified}");
    let exported = run("audit export -o trail.ndjson");
    assert_eq!(exported.code, 0, "{exported}");
    let good = sandbox.read("trail.ndjson");
    assert_eq!(run("audit export").stdout(), good);
    let lines: Vec<String> = good.lines().map(str::to_owned).collect();
    let count = verified.json()["data"]["entries"].clone();
    assert_eq!(exported.json()["data"]["entries"], count);
    let entries: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = entries.last().unwrap();
    assert_eq!(last["address"], "127.0.0.1", "{last}");
    assert_eq!(last["after"], json!({ "value": 1000 }), "{last}");
    // The export contains no value of a token.
    assert!(jelou_token::scan(&good).next().is_none(), "{good}");

    // The program in the documentation gets the same result.
    let page = include_str!("../../../../docs/audit.md");
    let program = page.split("```python\n").nth(1).unwrap();
    let program = program.split("```").next().unwrap();
    sandbox.file("verify.py", program);
    let python = |expected: i32| {
        let outcome = sandbox.shell("python3 verify.py");
        assert_eq!(outcome.code, expected, "{outcome}");
    };
    python(0);

    drop(server);
    let hash = last["hash"].as_str().unwrap();
    let offline = run(&format!("audit verify trail.ndjson --contains {hash}"));
    assert_eq!(offline.code, 0, "{offline}");
    let report = offline.json();
    assert_eq!(report["data"]["first"], 1, "{report}");
    for part in ["00".to_owned(), hash[..63].to_owned(), hash.to_uppercase()] {
        let refused = run(&format!("audit verify trail.ndjson --contains {part}"));
        assert_eq!(refused.code, 2, "{part}: {refused}");
        assert!(
            refused.to_string().contains("64 digits"),
            "{part}: {refused}"
        );
    }
    let zeros = "0".repeat(64);
    let other = run(&format!("audit verify trail.ndjson --contains {zeros}"));
    assert_eq!(other.code, 7, "{other}");
    assert!(
        other.to_string().contains("no entry has the hash"),
        "{other}"
    );
    sandbox.file("late.ndjson", lines[1..].join("\n"));
    let late = sandbox.jelou("audit verify late.ndjson --human").run();
    assert_eq!(late.code, 0, "{late}");
    assert!(late.stdout().contains("begins at entry 2"), "{late}");
    for nothing in ["", "\n\n"] {
        sandbox.file("empty.ndjson", nothing);
        let empty = run("audit verify empty.ndjson");
        assert_eq!(empty.code, 7, "{empty}");
        assert!(empty.to_string().contains("no audit entries"), "{empty}");
    }
    let forgeries: [(Forgery, &str); 7] = [
        (
            |lines| lines[1] = lines[1].replacen('{', "{\"approvedBy\":\"ana\",", 1),
            "entry 2 was changed: its member `approvedBy`",
        ),
        (
            |lines| lines[1] = lines[1].replacen(",\"before\":null", "", 1),
            "entry 2 was changed: its member `before`",
        ),
        (
            |lines| lines[1] = lines[1].replacen("Z\",", "+00:00\",", 1),
            "entry 2 was changed: its member `at`",
        ),
        (
            |lines| lines[1] = lines[1].replace("\"action\":\"", "\"action\":\"un"),
            "entry 2 was changed",
        ),
        (|lines| drop(lines.remove(1)), "entry 2 is missing"),
        (|lines| lines.swap(1, 2), "entry 2 is missing"),
        (
            |lines| lines[2] = "{}".to_owned(),
            "line 3 is not an audit entry",
        ),
    ];
    for (forge, words) in forgeries {
        let mut forged = lines.clone();
        forge(&mut forged);
        sandbox.file("trail.ndjson", forged.join("\n"));
        python(1);
        let refused = run("audit verify trail.ndjson");
        assert_eq!(refused.code, 7, "{words}: {refused}");
        assert!(refused.to_string().contains(words), "{words}: {refused}");
    }
}
