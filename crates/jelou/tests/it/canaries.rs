//! A search for the values of every kind of credential in everything that leaves the server and the command line, or
//! stays on the disk.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{Call, DataFolder, Outcome, Reply, Sandbox, Serve, function, mistyped};
use crate::trust::Actions;

/// The values, each with its name.
#[derive(Default)]
struct Canaries(Vec<(&'static str, String)>);

impl Canaries {
    /// Adds a value. The second half alone is searched for too, because the start of a token may be shown.
    fn add(&mut self, name: &'static str, value: &str) {
        assert!(value.len() >= 20, "{name}");
        self.0.push((name, value[value.len() / 2..].to_owned()));
        // Each alignment has its own form, of which the ends depend on the neighbours.
        for skipped in 0..3 {
            let form = STANDARD.encode(&value[skipped..]);
            self.0.push((name, form[4..form.len() - 8].to_owned()));
        }
    }

    fn assert_absent(&self, place: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        for (name, value) in &self.0 {
            // Names no value, because the output of a test is a log too.
            assert!(!text.contains(value), "the {name} in {place}");
        }
    }
}

/// Records the arguments and the environment of each process of a server, until it is stopped.
struct Watch {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<BTreeSet<(String, Vec<u8>)>>,
}

impl Watch {
    /// The server's own environment is not recorded, nor that of its forks before they run another program: the operator
    /// has put secrets there.
    fn start(data: Arc<DataFolder>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !ended.load(Ordering::Relaxed) {
                for process in data.processes() {
                    let program = process.command_line.split(' ').next().unwrap_or_default();
                    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
                    if program != "jelou" {
                        // The process may have ended already.
                        let read = std::fs::read(format!("/proc/{}/environ", process.id));
                        seen.insert((
                            format!("the environment of {program}"),
                            read.unwrap_or_default(),
                        ));
                    }
                    let place = format!("the arguments of {program}");
                    seen.insert((place, process.command_line.into_bytes()));
                }
            }
            seen
        });
        Self { is_over, thread }
    }

    fn stop(self) -> BTreeSet<(String, Vec<u8>)> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Writes a program that records its arguments and its environment, and then runs `script`.
fn recording(program: &Path, record: &Path, script: &str) {
    let text = format!(
        "#!/bin/sh\ncat /proc/$$/cmdline /proc/$$/environ >>{}\n{script}\n",
        record.display()
    );
    std::fs::write(program, text).unwrap();
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn for_each_file(folder: &Path, check: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            for_each_file(&entry.path(), check);
        } else if kind.is_file() {
            check(&entry.path());
        }
    }
}

const KEEPER: &str = "async (_input, ctx) => {
    const key = ctx.env.get(\"API_KEY\")!;
    console.log(key, ctx);
    ctx.log(key, { key });
    throw new Error(key);
  }";

#[test]
#[expect(clippy::too_many_lines, reason = "one server for all kinds and places")]
fn no_credential_is_in_any_output_or_file() {
    let mut canaries = Canaries::default();
    let outside = tempfile::tempdir().unwrap();
    let record = outside.path().join("record");
    let (key, program) = (outside.path().join("key"), outside.path().join("fetch-key"));
    let master_key = STANDARD.encode(*b"canary of the master key, 32 byt");
    canaries.add("master key", &master_key);
    canaries.add("master key", "canary of the master key, 32 byt");
    std::fs::write(&key, &master_key).unwrap();
    recording(&program, &record, &format!("cat {}", key.display()));

    let actions = Actions::start();
    let webhook_secret = "canary-of-the-webhook-secret-0123456789";
    let github_token = "canary-of-the-token-of-github-0123456789";
    let otlp_key = "canary-of-the-key-of-the-collector-0123456789";
    canaries.add("webhook secret", webhook_secret);
    canaries.add("token of GitHub", github_token);
    canaries.add("key of the collector", otlp_key);

    let admin = Sandbox::new();
    let config = outside.path().join("jelou.toml");
    std::fs::write(
        &config,
        format!("[master_key]\ncommand = [\"{}\"]\n", program.display()),
    )
    .unwrap();
    let serve = Serve::new(&admin)
        .arguments(&format!(
            "--listen 127.0.0.1:0 --config {}",
            config.display()
        ))
        .env("JELOU_LOG", "trace")
        .env("JELOU_LEAKS__GITHUB_WEBHOOK_SECRET", webhook_secret)
        .env("JELOU_LEAKS__GITHUB_TOKEN", github_token)
        .env("JELOU_LEAKS__GITHUB_API", "http://127.0.0.1:9")
        .env("JELOU_OTLP__ENDPOINT", "http://127.0.0.1:9")
        .env("JELOU_OTLP__HEADERS__X_KEY", otlp_key);
    let server = serve.start();
    let watch = Watch::start(Arc::clone(&server.data));
    let access = server.access_token.clone().unwrap();
    canaries.add("access token", &access);

    // Every kind of value comes into being and is used.
    let ran = |sandbox: &Sandbox, line: &str| {
        let outcome = sandbox.jelou(&format!("{line} --json")).run();
        assert_eq!(outcome.code, 0, "{line}: {outcome}");
        outcome.json()["data"].clone()
    };
    let secret = "canary/of-the+secret-value-0123456789";
    canaries.add("secret", secret);
    admin.file("secrets.env", format!("API_KEY='{secret}'\n"));
    ran(&admin, "secrets set keeper --create --from-env secrets.env");
    std::fs::remove_file(admin.project().join("secrets.env")).unwrap();
    admin.function("keeper", &function(KEEPER));
    let deployed = ran(&admin, "deploy keeper -y");
    let mut tokens: Vec<String> = deployed["token"]
        .as_str()
        .map(str::to_owned)
        .into_iter()
        .collect();
    let created = ran(&admin, "tokens create keeper --name another");
    tokens.push(created["token"].as_str().unwrap().to_owned());
    let rotated = ran(&admin, "tokens rotate keeper another --grace 1h");
    tokens.push(rotated["token"].as_str().unwrap().to_owned());
    let revoked = ran(&admin, "tokens create keeper --name former");
    tokens.push(revoked["token"].as_str().unwrap().to_owned());
    ran(&admin, "tokens revoke keeper former -y");
    for token in &tokens {
        canaries.add("runtime token", token);
    }
    let token = rotated["token"].as_str().unwrap();

    ran(
        &admin,
        &format!(
            "trust create --issuer github --issuer-url {} --repository org/repo --workflow deploy.yml \
             --environment production --scope deploy:keeper",
            actions.issuer_url()
        ),
    );
    let api = format!("http://{}", server.address());
    let assertion = actions.assertion(&api);
    canaries.add("assertion", &assertion);
    let job = Sandbox::new()
        .env("CI", "true")
        .env("JELOU_API_URL", &api)
        .env("JELOU_ID_TOKEN", &assertion);
    job.function("keeper", &function(KEEPER));
    for sandbox in [&admin, &job] {
        recording(
            &sandbox.binary_folder().join("git"),
            &record,
            "exec git.real \"$@\"",
        );
        let git = ["/usr/bin/git", "/usr/local/bin/git"];
        let git = git.iter().find(|path| Path::new(path).exists()).unwrap();
        std::os::unix::fs::symlink(git, sandbox.binary_folder().join("git.real")).unwrap();
    }
    ran(&job, "deploy keeper -y --replace");

    // Refusals, and answers of failed calls.
    let mut replies: Vec<(&str, Reply)> = Vec::new();
    let call = || server.request("keeper");
    let mut send = |what, call: Call| replies.push((what, call.send()));
    send("a failed call", call().token(token));
    send("a mistyped token", call().token(&mistyped(token)));
    send("a revoked token", call().token(&tokens[tokens.len() - 1]));
    send("two tokens", call().token(token).token(&tokens[0]));
    send(
        "a bearer",
        call().header("authorization", &format!("Bearer {token}")),
    );
    send("a query", call().path(&format!("/?token={token}")));
    send("a path", call().path(&format!("/{token}")));
    send("an access token", call().token(&access));
    let manage = |token: &str, path: &str| server.manage(token, path).method("GET").body("");
    send("another kind", manage(token, "/v1/functions"));
    send(
        "mistyped access",
        manage(&mistyped(&access), "/v1/functions"),
    );
    send("an unknown path", manage(&access, &format!("/v1/{token}")));
    send(
        "a bad slug",
        manage(&access, &format!("/v1/functions/{token}/tokens")),
    );
    send(
        "no such token",
        manage(&access, &format!("/v1/functions/keeper/tokens/{token}")),
    );
    let post = |path: &str, body: String| server.manage(&access, path).body(&body);
    let name = json!({ "name": token }).to_string();
    send("a bad name", post("/v1/functions/keeper/tokens", name));
    let field = json!({ "name": "x", token: 1, "rate": token }).to_string();
    send(
        "an unknown field",
        post("/v1/functions/keeper/tokens", field),
    );
    let purpose = json!({ "name": "labelled", "purpose": token, "owner": token }).to_string();
    send("a label", post("/v1/functions/keeper/tokens", purpose));
    let report = json!({ "values": [tokens[tokens.len() - 1]] }).to_string();
    send("a leak", post("/v1/leaked-tokens", report));
    let form = |assertion: &str| {
        format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt&subject_token={assertion}"
        )
    };
    let exchange = |assertion: &str| {
        Call::new(server.address(), server.address())
            .path("/v1/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(&form(assertion))
    };
    send("a used assertion", exchange(&assertion));
    send("a forged assertion", exchange(&mistyped(&assertion)));
    let event = json!({
        "action": "created", "alert": { "number": 42, "secret_type": "jelou_runtime_token" },
        "repository": { "full_name": "org/repo" },
    })
    .to_string();
    let hmac_key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, webhook_secret.as_bytes());
    let tag = ring::hmac::sign(&hmac_key, event.as_bytes());
    let tag: Vec<String> = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let tag = tag.concat();
    for (what, tag) in [("an alert", tag.as_str()), ("a forged alert", "00")] {
        let webhook = Call::new(server.address(), server.address())
            .path("/v1/webhooks/github")
            .header("x-github-event", "secret_scanning_alert")
            .header("x-hub-signature-256", &format!("sha256={tag}"));
        send(what, webhook.body(&event));
    }
    send(
        "the metrics",
        Call::new(server.address(), server.address()).get("/metrics"),
    );

    // Commands that fail, and those that show what the server has recorded.
    let bad = Sandbox::new()
        .env("JELOU_API_URL", &api)
        .env("JELOU_TOKEN", &mistyped(&access))
        .env("JELOU_FUNCTION_TOKEN", token);
    recording(&bad.binary_folder().join("git"), &record, "exit 1");
    bad.function("keeper", &function(KEEPER));
    let mut outcomes: Vec<(String, Outcome)> = Vec::new();
    for line in [
        "functions list".to_owned(),
        "deploy keeper -y".to_owned(),
        format!(
            "call keeper --url {}",
            server.functions.replace("{slug}", "keeper")
        ),
        format!("login --api {api} --token {}", mistyped(&access)),
        format!("login {access}"),
        format!("call keeper --tokn {token}"),
        format!("tokens info keeper {token}"),
        format!("tokens {token}"),
    ] {
        for line in [format!("{line} --json"), format!("{line} --human")] {
            let outcome = bad.jelou(&line).run();
            assert_ne!(outcome.code, 0, "{line}");
            outcomes.push((line.split(' ').take(2).collect(), outcome));
        }
    }
    for line in [
        format!("tokens info keeper {token}"),
        format!("tokens create keeper --name {token}"),
        format!("secrets set keeper lower-case={secret}"),
        "audit export".to_owned(),
        "audit --json".to_owned(),
        "logs keeper --history --json".to_owned(),
        "logs keeper --history --human".to_owned(),
        "tokens list keeper --json".to_owned(),
        "secrets list keeper --json".to_owned(),
        "whoami --json".to_owned(),
        "auth list --json".to_owned(),
        format!("doctor --json --data {}", server.data.path().display()),
    ] {
        outcomes.push((line.split(' ').take(2).collect(), admin.jelou(&line).run()));
    }

    assert_eq!(replies[0].1.status, 500, "{}", replies[0].1.status);
    for (what, reply) in &replies {
        canaries.assert_absent(what, format!("{reply:?}").as_bytes());
    }
    for (what, outcome) in &outcomes {
        canaries.assert_absent(what, outcome.to_string().as_bytes());
    }
    let output = |name: &str| {
        let mut found = outcomes.iter().filter(|(what, _)| what == name);
        found.next().unwrap().1.stdout().to_owned()
    };
    assert!(output("auditexport").contains("token.revoke"));
    assert!(output("logskeeper").contains("[masked]"));

    // A crash leaves no dump.
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    assert!(limits.contains("Max core file size        1 "), "{limits}");
    let seen = watch.stop();
    let places: BTreeSet<&str> = seen.iter().map(|(place, _)| place.as_str()).collect();
    assert!(places.len() >= 3, "{places:?}");
    for (place, bytes) in &seen {
        canaries.assert_absent(place, bytes);
    }
    let recorded = std::fs::read(&record).unwrap();
    let text = String::from_utf8_lossy(&recorded);
    assert!(
        text.contains("rev-parse") || text.contains("log"),
        "git was not started"
    );
    assert!(
        text.contains("fetch-key"),
        "the key's program was not started"
    );
    canaries.assert_absent("a child of the server or the command line", &recorded);

    server.signal(Signal::ABORT);
    let data = server.kill();
    canaries.assert_absent("the server's log", data.log().as_bytes());
    let mut files = 0;
    let mut check = |path: &Path| {
        files += 1;
        let name = path.file_name().unwrap().to_string_lossy();
        let number = name.strip_prefix("core.").map(str::parse::<u32>);
        assert!(name != "core" && !matches!(number, Some(Ok(_))), "{name}");
        canaries.assert_absent(&name, &std::fs::read(path).unwrap());
    };
    for folder in std::fs::read_dir(data.path()).unwrap() {
        let folder = folder.unwrap();
        // The engine's binaries are links to shared files.
        if folder.file_name() != "engine" && folder.file_type().unwrap().is_dir() {
            for_each_file(&folder.path(), &mut check);
        } else if folder.file_type().unwrap().is_file() {
            check(&folder.path());
        }
    }
    for_each_file(&job.project(), &mut check);
    assert!(files > 10, "{files}");
}
