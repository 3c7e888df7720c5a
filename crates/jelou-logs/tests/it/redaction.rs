//! Tests that secrets and tokens are masked.

use jelou_logs::{LogSettings, MASKED, What};

use crate::support::{Log, call};

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
    log.send(What::Call(Box::new(entry)));
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
