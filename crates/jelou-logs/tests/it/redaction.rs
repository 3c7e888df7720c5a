//! Tests that secrets and tokens are masked.

use jelou_logs::{EntryContent, Level, LogSettings, MASKED, Query};

use crate::support::{Log, call};

#[test]
fn lines_of_the_sdk_are_parsed_with_any_character() {
    let log = Log::new(LogSettings::default());
    let secret = "first\u{7f}second\u{80}third";
    log.logs().add_secrets(&log.function, [secret]);
    let request = "550e8400-e29b-41d4-a716-446655440000";
    let line = |argument: &str| {
        log.line(&format!(
            r#"{{"requestId":"{request}","function":"f","company":null,"timestamp":"","level":"ERROR","args":["{argument}"]}}"#
        ));
    };
    for argument in [
        "a\u{7f}b",
        "a\u{80}b",
        "a\u{9b}b",
        r"b\ud800b",
        r"\udc00",
        r"\ud83d\ude00",
    ] {
        line(argument);
    }
    line(secret);
    log.settle();
    let all = log.everything();
    let found: Vec<_> = all
        .iter()
        .map(|found| {
            assert_eq!(found.record.level, Level::Error, "{}", found.json);
            assert_eq!(found.record.request_id.as_deref(), Some(request));
            let record: serde_json::Value = serde_json::from_str(&found.json).unwrap();
            record["args"][0].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        found,
        [
            "a\u{7f}b",
            "a\u{80}b",
            "a\u{9b}b",
            "b\u{fffd}b",
            "\u{fffd}",
            "😀",
            MASKED
        ]
    );
    let query = |filter: &str| Query {
        filter: filter.parse().unwrap(),
        ..Query::default()
    };
    assert_eq!(log.last(&query("\"b\u{fffd}b\""), 9).len(), 1);
}

#[test]
fn a_token_in_a_percent_encoded_path_is_truncated() {
    let log = Log::new(LogSettings::default());
    let token = jelou_token::RuntimeToken::mint().unwrap();
    for spelled in [
        token.expose().replacen('j', "%6a", 1),
        token.expose().replace('_', "%5F"),
    ] {
        let mut entry = call(401);
        entry.path = format!("/{spelled}/x").into();
        log.send(EntryContent::Call(Box::new(entry)));
    }
    log.settle();
    for found in log.everything() {
        let path = format!("/{}.../x", &token.expose()[..11]);
        assert!(found.json.contains(&path), "{}", found.json);
    }
}

#[test]
fn no_form_of_a_secret_reaches_the_disk() {
    let mut log = Log::new(LogSettings::default());
    let secret = "hunter2-is/not+good";
    let token = jelou_token::RuntimeToken::mint().unwrap();
    log.logs().add_secrets(&log.function, [secret]);
    log.line(secret);
    log.line(&format!(
        r#"{{"requestId":null,"level":"INFO","args":["a",{{"k":"x{secret}y"}}]}}"#
    ));
    log.line(token.expose());
    let mut entry = call(200);
    entry.path = format!("/x/{secret}").into();
    log.send(EntryContent::Call(Box::new(entry)));
    // A replaced secret stays masked, because a process with the old value may still run.
    log.logs().add_secrets(&log.function, ["another-secret"]);
    log.line(&format!("{secret} another-secret"));
    log.settle();
    log.stop();
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(log.folder()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let text = String::from_utf8_lossy(&bytes);
    for canary in [secret, "another-secret", token.expose()] {
        assert!(!text.contains(canary), "{canary} in {text}");
    }
    assert_eq!(text.matches(MASKED).count(), 5, "{text}");
}
