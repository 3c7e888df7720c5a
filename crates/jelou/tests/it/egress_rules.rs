//! `jelou egress`: the effect of a rule, for which functions, and how long.

use std::io::Write as _;
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};

use crate::support::{Sandbox, Serve, Server, eventually, function};

/// Connects to an address and returns the data that it sends.
const READS: &str = r"async ({ host, port }) => {
  try {
    const conn = await Deno.connect({ hostname: host, port });
    const text = await new Response(conn.readable).text();
    return { text };
  } catch (error) {
    return { error: error.message };
  }
}";

/// A server that sends its name on every connection.
fn listen(address: &str, name: &'static str) -> u16 {
    let listener = TcpListener::bind(address).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(name.as_bytes());
        }
    });
    port
}

struct Stage {
    sandbox: Sandbox,
    server: Server,
    tokens: Vec<String>,
}

const SLUGS: [&str; 2] = ["una", "otra"];

impl Stage {
    fn start(with: impl FnOnce(Serve<'_>) -> Serve<'_>) -> Self {
        let sandbox = Sandbox::new();
        let server = with(Serve::new(&sandbox)).start();
        let deploy = |slug: &&str| sandbox.deploy(slug, &function(READS));
        let tokens = SLUGS.iter().map(deploy).collect();
        Self {
            sandbox,
            server,
            tokens,
        }
    }

    fn jelou(&self, line: &str) -> Value {
        let outcome = self.sandbox.jelou(line).run();
        assert_eq!(outcome.code, 0, "{outcome}");
        outcome.json()["data"].clone()
    }

    /// Returns what a function reads from this address, or the error.
    fn read(&self, function: usize, host: &str, port: u16) -> Result<String, String> {
        let body = json!({ "host": host, "port": port }).to_string();
        let token = Some(self.tokens[function].as_str());
        let (status, answer) = self.server.call(SLUGS[function], token, &body);
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        match answer["text"].as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(answer["error"].as_str().unwrap().to_owned()),
        }
    }
}

#[test]
fn a_rule_is_for_one_function_one_host_and_one_port() {
    let stage = Stage::start(|serve| serve);
    let open = listen("127.0.0.1:0", "open");
    let closed = listen("127.0.0.1:0", "closed");
    let beside = listen(&format!("127.0.0.2:{open}"), "beside");
    let refused = stage.read(0, "127.0.0.1", open).unwrap_err();
    assert_eq!(
        refused,
        format!(
            "`127.0.0.1:{open}` is refused: 127.0.0.0/8 is this machine; an administrator can open it: \
             jelou egress allow una 127.0.0.1:{open} (for every function: egress.allow in the server's settings)"
        )
    );

    let rules = stage.jelou(&format!("egress allow una localhost:{open}"));
    assert_eq!(rules["function"], json!([format!("localhost:{open}")]));
    for host in ["localhost", "127.0.0.1"] {
        assert_eq!(stage.read(0, host, open).as_deref(), Ok("open"), "{host}");
        let refused = stage.read(0, host, closed).unwrap_err();
        let told = format!("of which only localhost:{open} is open to this function");
        assert!(refused.contains(&told), "{refused}");
    }
    let refused = stage.read(0, "127.0.0.2", beside).unwrap_err();
    let told = format!("localhost:{open} was 127.0.0.1 when this process started");
    assert!(refused.contains(&told), "{refused}");
    assert!(
        stage.read(1, "127.0.0.1", open).is_err(),
        "another function"
    );

    // A second rule of the same range, and a network with a port.
    stage.jelou(&format!(
        "egress allow una 127.0.0.2/31:{beside} 127.0.0.1:{closed}"
    ));
    assert_eq!(stage.read(0, "127.0.0.2", beside).as_deref(), Ok("beside"));
    assert_eq!(stage.read(0, "127.0.0.1", closed).as_deref(), Ok("closed"));
    assert!(stage.read(0, "127.0.0.2", closed).is_err());

    // After a restart of the server, the rules still apply.
    let Stage {
        sandbox,
        server,
        tokens,
    } = stage;
    let data = server.stop();
    let server = Serve::new(&sandbox).on(&data).start();
    let stage = Stage {
        sandbox,
        server,
        tokens,
    };
    assert_eq!(stage.read(0, "localhost", open).as_deref(), Ok("open"));
    assert!(stage.read(1, "localhost", open).is_err());

    stage.jelou(&format!("egress deny una localhost:{open}"));
    assert!(stage.read(0, "localhost", open).is_err());
    let audit = stage.jelou("audit --limit 3");
    let entry = &audit[0];
    assert_eq!(entry["action"], "egress.deny", "{audit}");
    assert_eq!(entry["target"], format!("localhost:{open}"));
}

#[test]
fn rules_for_every_function_have_names_and_ports_too() {
    let open = listen("127.0.0.1:0", "open");
    let closed = listen("127.0.0.1:0", "closed");
    let allow = format!(r#"["localhost:{open}", "10.20.0.0/16"]"#);
    let stage = Stage::start(|serve| serve.env("JELOU_EGRESS__ALLOW", &allow));
    for function in 0..SLUGS.len() {
        assert_eq!(
            stage.read(function, "localhost", open).as_deref(),
            Ok("open")
        );
        assert!(stage.read(function, "localhost", closed).is_err());
    }
    let rules = stage.jelou("egress list una");
    assert_eq!(rules["function"], json!([]));
    assert_eq!(
        rules["server"],
        json!([format!("localhost:{open}"), "10.20.0.0/16"])
    );
}

/// Needs IPv6 on this machine.
#[test]
fn rules_open_ports_of_ipv6() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    let stage = Stage::start(|serve| serve.env("JELOU_SANDBOX__IPV6", "true"));
    let open = listen("[::1]:0", "open");
    let closed = listen("[::1]:0", "closed");
    let refused = stage.read(0, "::1", open).unwrap_err();
    let told = format!(
        "`[::1]:{open}` is refused: it is this machine; an administrator can open it: \
         jelou egress allow una [::1]:{open}"
    );
    assert!(refused.contains(&told), "{refused}");
    let rules = stage.jelou(&format!("egress allow una [0::1]:{open}"));
    assert_eq!(rules["function"], json!([format!("[::1]:{open}")]));
    assert_eq!(stage.read(0, "::1", open).as_deref(), Ok("open"));
    let refused = stage.read(0, "::1", closed).unwrap_err();
    let told = format!("of which only [::1]:{open} is open to this function");
    assert!(refused.contains(&told), "{refused}");
    // The mapped form is IPv4, for which there is no rule.
    for host in ["::ffff:127.0.0.1", "127.0.0.1"] {
        assert!(stage.read(0, host, open).is_err(), "{host}");
    }
    assert!(stage.read(1, "::1", open).is_err(), "another function");
}

#[test]
fn rules_are_changed_by_administrators_only() {
    let stage = Stage::start(|serve| serve);
    let pipeline = stage.sandbox.pipeline(&stage.server);
    let outcome = pipeline.jelou("egress list una").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    for line in [
        "egress allow una db.internal:5432",
        "limits set una max_memory_mib=512",
    ] {
        let outcome = pipeline.jelou(line).run();
        assert_eq!(outcome.code, 3, "{outcome}");
        assert!(outcome.to_string().contains("`admin`"), "{outcome}");
    }
    let wrong = [
        (
            "egress allow una [::1]:80",
            7,
            "functions have no IPv6 on this server",
        ),
        ("egress allow una [::1]80", 2, "it needs brackets"),
        ("egress allow una", 2, "no host after `una`"),
        ("egress allow una postgres://u@db:5432/x", 2, "URL"),
        (
            "egress deny una db.internal:5432",
            4,
            "there is no egress rule `db.internal:5432`",
        ),
        (
            "egress allow nadie db.internal:5432",
            4,
            "there is no function `nadie`",
        ),
    ];
    for (line, code, reason) in wrong {
        let outcome = stage.sandbox.jelou(line).run();
        assert_eq!(outcome.code, code, "{line}: {outcome}");
        assert!(outcome.to_string().contains(reason), "{line}: {outcome}");
    }
}

#[test]
fn a_rule_that_opens_too_much_is_taken_with_a_warning() {
    let stage = Stage::start(|serve| serve.env("JELOU_EGRESS__ALLOW", r#"["169.254.0.0/16"]"#));
    for (rule, opens) in [
        ("169.254.169.254", "the metadata service of clouds"),
        ("0.0.0.0/0", "every service of this machine"),
        (
            "metadata.google.internal:80",
            "the metadata service of clouds",
        ),
    ] {
        let allow = stage
            .sandbox
            .jelou(&format!("egress allow una {rule} --human"));
        let outcome = allow.run();
        assert_eq!(outcome.code, 0, "{outcome}");
        let warning = format!("⚠ `{rule}` opens {opens}");
        assert!(outcome.to_string().contains(&warning), "{outcome}");
        let rules = stage.jelou("egress list una");
        assert_eq!(rules["warnings"].as_array().unwrap().len(), 1, "{rules}");
        stage.jelou(&format!("egress deny una {rule}"));
    }
    let rules = stage.jelou("egress allow una db.internal:5432");
    assert!(rules["warnings"].is_null(), "{rules}");
    let log = stage.server.stop().log();
    assert!(
        log.contains("egress.allow: `169.254.0.0/16` opens the metadata"),
        "{log}"
    );
}

/// Needs root, for a separate file of host names.
#[test]
fn a_name_that_moves_is_found_again() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can mount a file over /etc/hosts");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (hosts, start) = (folder.path().join("hosts"), folder.path().join("start"));
    let script = format!("mount --bind {} /etc/hosts\nexec \"$@\"\n", hosts.display());
    std::fs::write(&start, script).unwrap();
    let move_to = |address: &str| {
        let lines = format!("127.0.0.1 localhost\n{address} db.test\n");
        // The file is mounted, so it must be written in place.
        std::fs::write(&hosts, lines).unwrap();
    };
    move_to("127.0.0.1");
    let before = format!("unshare --mount sh {}", start.display());
    let stage = Stage::start(|serve| serve.through(&before));
    let port = listen("127.0.0.1:0", "one");
    listen(&format!("127.0.0.2:{port}"), "two");
    stage.jelou(&format!(
        "egress allow una db.test:{port} no.such.name.invalid:1"
    ));
    assert_eq!(stage.read(0, "db.test", port).as_deref(), Ok("one"));
    let told = "the function cannot connect to no.such.name.invalid:1: the name does not resolve";
    eventually("the unresolved name in the log", || {
        stage.server.data.log().contains(told).then_some(())
    });

    move_to("127.0.0.2");
    let refused = stage.read(0, "db.test", port).unwrap_err();
    let told = format!("db.test:{port} was 127.0.0.1 when this process started");
    assert!(refused.contains(&told), "{refused}");
    let text = eventually("a process with the new address", || {
        stage.read(0, "db.test", port).ok()
    });
    assert_eq!(text, "two");
    assert!(
        stage.read(0, "127.0.0.1", port).is_err(),
        "the old address is closed"
    );
}
