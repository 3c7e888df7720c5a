//! While another process locks the database, function calls still work, and changes are refused until the lock is
//! released.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::{Sandbox, Serve, assert_live_outcome, function};

/// Another process that locks the database until this value is dropped.
struct Lock(Child);

impl Lock {
    fn take(database: &Path) -> Self {
        let mut process = Command::new("sqlite3")
            // Waits for a concurrent write of the server, and prints nothing without the lock.
            .args(["-bail", "-cmd", ".timeout 30000"])
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.as_mut().unwrap();
        writeln!(input, "BEGIN EXCLUSIVE; SELECT 'locked';").unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "locked\n");
        Self(process)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The process ends at the end of its input.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[test]
fn calls_go_on_without_the_database() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .env("JELOU_DATABASE__BUSY_TIMEOUT_MS", "100")
        .start();
    let secret = function("(input, ctx) => ({ secret: ctx.env.get('SECRET') })");
    let warm = sandbox.deploy("caliente", &secret);
    let cold = sandbox.deploy("fria", &secret);
    for slug in ["caliente", "fria"] {
        let set = format!("secrets set {slug} SECRET=de-{slug}");
        assert_eq!(sandbox.jelou(&set).run().code, 0);
    }
    let call = |slug, token: &str| server.call(slug, Some(token), "{}");
    let warm_answer = (200, r#"{"secret":"de-caliente"}"#.to_owned());
    assert_eq!(call("caliente", &warm), warm_answer);

    let lock = Lock::take(&server.data.database());
    assert_eq!(call("caliente", &warm), warm_answer);
    assert_eq!(
        call("fria", &cold),
        (200, r#"{"secret":"de-fria"}"#.to_owned())
    );
    assert_eq!(call("fria", "jfn_rt_abc").0, 401);

    sandbox.function("caliente", &function("() => 'new'"));
    for line in [
        "tokens create caliente --name nuevo",
        "tokens revoke caliente default -y --force",
        "secrets set caliente SECRET=otro",
        "secrets delete caliente SECRET -y",
        "deploy caliente -y",
        "functions create otra",
        "functions delete fria -y",
    ] {
        let outcome = sandbox.jelou(line).run();
        assert_eq!(outcome.code, 6, "{line}: {outcome}");
        assert_eq!(outcome.json()["error"]["code"], "TRANSIENT_ERROR");
        assert_eq!(outcome.json()["error"]["retryable"], true, "{outcome}");
    }
    assert_live_outcome!(sandbox.jelou("tokens create fria --name x --human").run());
    let reply = server
        .manage(
            server.access_token.as_ref().unwrap(),
            "/v1/functions/fria/tokens",
        )
        .body(&json!({"name": "x"}).to_string())
        .send();
    assert_eq!(reply.status, 503, "{reply:?}");
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
    assert_eq!(call("caliente", &warm), warm_answer);
    assert_eq!(call("fria", &cold).0, 200);

    drop(lock);
    let line = "tokens create caliente --name nuevo --json";
    let created = sandbox.jelou(line).run();
    assert_eq!(created.code, 0, "{created}");
    let created = created.json()["data"]["token"].clone();
    assert_eq!(call("caliente", created.as_str().unwrap()), warm_answer);
    sandbox.deploy("caliente", &function("() => 'new'"));
    assert_eq!(call("caliente", &warm), (200, r#""new""#.to_owned()));
}
