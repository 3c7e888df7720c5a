//! `jelou logs`, against a real server.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::{Sandbox, Serve, Server, eventually, function, times, turn};

/// All records of a function that `filter` finds.
fn records(sandbox: &Sandbox, line: &str) -> Vec<Value> {
    let outcome = sandbox.jelou(&format!("logs {line} --json")).run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let lines = outcome.stdout().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Waits until a search finds this many records.
fn found(sandbox: &Sandbox, line: &str, count: usize) -> Vec<Value> {
    for _ in 0..200 {
        let found = records(sandbox, line);
        if found.len() >= count {
            assert_eq!(found.len(), count, "{found:?}");
            return found;
        }
    }
    panic!(
        "{line} did not find {count} records: {:?}",
        records(sandbox, line)
    );
}

#[test]
fn a_failed_call_is_explained_by_its_records() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).start();
    let source = function(
        "(_input, ctx) => {\n    ctx.log(\"Buscando cliente\", { telefono: \"593987654321\" });\n    throw new Error(\"no hay cliente\");\n  }",
    );
    let token = sandbox.deploy("mi-funcion", &source);
    let reply = server.request("mi-funcion").token(&token).body("{}").send();
    assert_eq!(reply.status, 500, "{reply:?}");
    let request = reply.header("x-request-id").unwrap().to_owned();
    let of_request = found(&sandbox, &format!("mi-funcion --request {request}"), 3);
    // The process sends its lines and the gateway the call, so either may be first.
    let (calls, lines): (Vec<_>, Vec<_>) = of_request
        .iter()
        .partition(|record| record["kind"] == "call");
    assert_eq!(lines[0]["args"][0], "Buscando cliente");
    let [call] = calls[..] else {
        panic!("{calls:?}")
    };
    assert_eq!(call["status"], 500);
    assert_eq!(call["cold"], true);
    assert_eq!(call["tokenName"], "default");
    assert!(call["durationMs"].as_f64().unwrap() > 0.0);
    let shown = sandbox
        .jelou(&format!("logs mi-funcion --request {request} --human"))
        .run();
    let text = shown.stdout();
    for part in [
        "  INFO  Buscando cliente { telefono: \"593987654321\" }",
        "  ERROR Error: no hay cliente",
        "index.ts:",
        "→ 500 in",
        "(cold start, token default)",
        &request,
        "◇ Fetched 3 logs",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(server.call("mi-funcion", None, "{}").0, 401);
    for (filter, count) in [
        ("status:5xx", 1),
        ("error:unauthorized", 1),
        ("token:default", 1),
        ("kind:call", 2),
        ("args.telefono=593987654321", 1),
        ("event:deployment.live", 1),
        ("event:process.started", 1),
    ] {
        found(&sandbox, &format!("mi-funcion {filter} --history"), count);
    }
    let outcome = sandbox
        .jelou("logs mi-funcion statsu:5xx --history --human")
        .run();
    assert_eq!(outcome.code, 7, "{outcome}");
    assert!(
        outcome.to_string().contains("did you mean `status`?"),
        "{outcome}"
    );
    assert!(outcome.to_string().contains("^^^^^^"), "{outcome}");
    let groups = sandbox
        .jelou("logs stats mi-funcion --by status,token --json")
        .run();
    let groups = groups.json();
    assert_eq!(groups["data"].as_array().unwrap().len(), 2, "{groups}");
}

/// A follower in its own process, and the records that it has shown.
struct Follower {
    process: Child,
    seen: Arc<Mutex<Vec<(u64, String)>>>,
}

impl Follower {
    fn start(sandbox: &Sandbox, slug: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_jelou"))
            .args(["logs", slug, "--json"])
            .env_clear()
            .env("HOME", sandbox.home())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let record: Value = serde_json::from_str(&line).unwrap();
                let text = record["args"][0].as_str().unwrap_or_default().to_owned();
                shared
                    .lock()
                    .unwrap()
                    .push((record["seq"].as_u64().unwrap(), text));
            }
        });
        Self { process, seen }
    }

    fn wait_for(&self, text: &str) {
        for _ in 0..6000 {
            if self
                .seen
                .lock()
                .unwrap()
                .iter()
                .any(|(_, seen)| seen == text)
            {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{text} was not followed: {:?}", self.seen.lock().unwrap());
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn say(server: &Server, token: &str, text: &str) {
    let body = format!("{{\"text\":\"{text}\"}}");
    let reply = server
        .request("parrot")
        .token(token)
        .header("content-type", "application/json")
        .body(&body)
        .send();
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[test]
fn followers_see_every_record_once_across_a_killed_server_and_a_rollback() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).start();
    let address = server.address().to_owned();
    let parrot = function("(input, ctx) => { ctx.log(input.text); return \"ok\"; }").replace(
        "handler",
        "input: z.object({ text: z.string() }),\n  handler",
    );
    let token = sandbox.deploy("parrot", &parrot);
    say(&server, &token, "first");
    let follower = Follower::start(&sandbox, "parrot");
    let stopped = Follower::start(&sandbox, "parrot");
    follower.wait_for("first");
    stopped.wait_for("first");
    let pid = rustix::process::Pid::from_child(&stopped.process);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    for number in 0..50 {
        say(&server, &token, &format!("before {number}"));
    }
    follower.wait_for("before 49");
    let data = server.kill();
    let server = Serve::new(&sandbox)
        .on(&data)
        .arguments(&format!("--listen {address}"))
        .start();
    for number in 0..50 {
        match number {
            10 => drop(sandbox.deploy("parrot", &format!("{parrot}// changed\n"))),
            30 => {
                let rolled_back = sandbox.jelou("rollback parrot -y").run();
                assert_eq!(rolled_back.code, 0, "{rolled_back}");
            }
            _ => {}
        }
        say(&server, &token, &format!("after {number}"));
    }
    follower.wait_for("after 49");
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    stopped.wait_for("after 49");
    let stored = found(&sandbox, "parrot kind:line --history --tail 1000", 101);
    let stored: Vec<u64> = stored
        .iter()
        .map(|record| record["seq"].as_u64().unwrap())
        .collect();
    for follower in [&follower, &stopped] {
        let seen = follower.seen.lock().unwrap().clone();
        assert!(seen.is_sorted_by(|a, b| a.0 < b.0), "{seen:?}");
        let lines: Vec<u64> = seen
            .iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(seq, _)| *seq)
            .collect();
        assert_eq!(lines, stored);
    }
}

/// Data of a caller may be logged, but must not hide the line, change its level, or reach the terminal unescaped.
#[test]
fn no_character_of_a_caller_hides_a_line() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let source = function(
        "(_input, ctx) => {\n    ctx.log.error(\"uno\", \"a\\u007f\\u0080\\u009b\\u202eb\");\n    ctx.log.error(\"dos\", \"b\\ud800b\", { \"\\udc00\": 1 });\n    throw new Error(\"tres \\u0085\\ud800\");\n  }",
    );
    let token = sandbox.deploy("mi-funcion", &source);
    let reply = server.request("mi-funcion").token(&token).send();
    let request = reply.header("x-request-id").unwrap().to_owned();
    let lines = found(
        &sandbox,
        &format!("mi-funcion --request {request} --level error kind:line"),
        3,
    );
    assert_eq!(lines[0]["args"][1], "a\u{7f}\u{80}\u{9b}\u{202e}b");
    assert_eq!(lines[1]["args"][1], "b\u{fffd}b");
    let shown = sandbox
        .jelou(&format!("logs mi-funcion --request {request} --human"))
        .run();
    for part in [
        r"uno a\u{7f}\u{80}\u{9b}\u{202e}b",
        "dos b\u{fffd}b",
        r"tres \u{85}",
    ] {
        assert!(shown.stdout().contains(part), "{part}: {shown}");
    }
    let json = sandbox
        .jelou(&format!("logs mi-funcion --request {request} --json"))
        .run();
    for output in [shown.stdout(), json.stdout()] {
        for hidden in ['\u{7f}', '\u{80}', '\u{85}', '\u{9b}', '\u{202e}'] {
            assert!(!output.contains(hidden), "{hidden:?} in {output:?}");
        }
    }
}

#[test]
fn a_secret_across_a_cut_is_masked() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let source = function(
        "(_input, ctx) => {\n    const key = ctx.env.get(\"API_KEY\")!;\n    for (const length of [16_100, 16_200, 16_370]) {\n      ctx.log(\"x\".repeat(length) + key);\n      process.stdout.write(\"x\".repeat(length) + key + \"y\".repeat(300) + \"\\n\");\n    }\n    return \"ok\";\n  }",
    );
    let token = sandbox.deploy("keeper", &source);
    let secret = "canary-".repeat(18);
    let set = sandbox
        .jelou(&format!("secrets set keeper API_KEY={secret}"))
        .run();
    assert_eq!(set.code, 0, "{set}");
    assert_eq!(server.call("keeper", Some(&token), "{}").0, 200);
    for line in found(&sandbox, "keeper kind:line --history", 6) {
        let line = line.to_string();
        assert!(!line.contains("cana"), "{}", &line[line.len() - 500..]);
    }
}

#[test]
fn a_secret_reaches_neither_the_disk_nor_the_stream() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).start();
    let source = function(
        "async (_input, ctx) => {\n    const key = ctx.env.get(\"API_KEY\")!;\n    ctx.log(key, { nested: [key] });\n    console.log(btoa(`x${key}`), encodeURIComponent(key), JSON.stringify({ key }));\n    console.error(new Error(`failed with ${key}`));\n    console.log(ctx.env.get(\"PEM\"));\n    process.stdout.write(ctx.env.get(\"PEM\") + \"\\n\");\n    await fetch(`http://127.0.0.1:9/?key=${encodeURIComponent(key)}`).catch((error) => console.log(error));\n    return \"ok\";\n  }",
    );
    let token = sandbox.deploy("keeper", &source);
    let secret = "canary/9f\\\"3 value+ñ";
    let pem = "PEM=\"-----BEGIN-----\\ncanarycanary1\\ncanarycanary2\\n-----END-----\"\n";
    sandbox.file("secrets.env", format!("API_KEY='{secret}'\n{pem}"));
    let set = sandbox
        .jelou("secrets set keeper --from-env secrets.env")
        .run();
    assert_eq!(set.code, 0, "{set}");
    assert_eq!(server.call("keeper", Some(&token), "{}").0, 200);
    found(&sandbox, "keeper kind:call --history", 1);
    let stream = sandbox
        .jelou("logs keeper --history --json")
        .run()
        .to_string();
    let data = server.stop();
    let mut written = stream;
    let logs = data.path().join("logs");
    for folder in std::fs::read_dir(logs).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            written.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    assert!(written.contains("[masked]"), "{written}");
    for part in ["canary", "Y2FuYXJ5", "NhbmFye", "jYW5hcn"] {
        assert!(!written.contains(part), "{part} is in {written}");
    }
}

#[test]
fn sampling_drops_whole_requests_but_no_errors() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).start();
    let source = function(
        "(input, ctx) => {\n    ctx.log.debug(\"debug\");\n    ctx.log(\"plain\");\n    ctx.log.warn(\"warn\");\n    if (input.fail) throw new Error(\"no\");\n    return \"ok\";\n  }",
    )
    .replace("handler", "input: z.object({ fail: z.boolean().optional() }),\n  handler");
    sandbox.file(
        "picky/jelou.json",
        "{\"function\": \"picky\", \"logs\": {\"level\": \"info\", \"sample\": 0.5}}",
    );
    let token = sandbox.deploy("picky", &source);
    let mut kept = 0;
    for number in 0..40 {
        let fails = number % 10 == 9;
        let body = format!("{{\"fail\":{fails}}}");
        let reply = server.request("picky").token(&token).body(&body).send();
        assert_eq!(reply.status, if fails { 500 } else { 200 }, "{reply:?}");
        let request = reply.header("x-request-id").unwrap();
        // The first digits of the id decide.
        let is_selected = u8::from_str_radix(&request[..1], 16).unwrap() < 8;
        kept += usize::from(fails || is_selected);
    }
    // A last request fails, so that all records before it are written.
    server
        .request("picky")
        .token(&token)
        .body("{\"fail\":true}")
        .send();
    found(&sandbox, "picky kind:call --history --tail 1000", kept + 1);
    let lines = found(
        &sandbox,
        "picky kind:line level<error --history --tail 1000",
        2 * (kept + 1),
    );
    for line in lines {
        assert!(
            ["plain", "warn"].contains(&line["args"][0].as_str().unwrap()),
            "{line}"
        );
    }
    let errors = found(&sandbox, "picky kind:line level:error --history", 5);
    assert_eq!(errors.len(), 5);
}

#[test]
fn a_flood_of_lines_is_dropped_and_slows_no_other_function() {
    let sandbox = Sandbox::new();
    let _turn = turn();
    let server = Serve::new(&sandbox)
        .env("JELOU_LOG__FUNCTIONS", "false")
        .start();
    let flood = function(
        "async (_input, ctx) => {\n    const end = Date.now() + SECONDS * 1000;\n    let lines = 0;\n    while (Date.now() < end) {\n      for (let i = 0; i < 100; i++) ctx.log(\"flood\", { number: lines++ });\n      await new Promise((done) => setTimeout(done, 10));\n    }\n    return lines;\n  }",
    );
    let seconds = times(3, 25);
    let flooding = sandbox.deploy("flooding", &flood.replace("SECONDS", &seconds.to_string()));
    let quiet = sandbox.deploy("quiet", &function("() => \"ok\""));
    let p99 = || {
        let mut times: Vec<_> = (0..200 * seconds)
            .map(|_| {
                let start = std::time::Instant::now();
                assert_eq!(server.call("quiet", Some(&quiet), "{}").0, 200);
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[times.len() * 99 / 100]
    };
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    let before = p99();
    let memory_before = memory();
    let (written, during) = std::thread::scope(|scope| {
        let flood = scope.spawn(|| server.call("flooding", Some(&flooding), "{}"));
        let during = p99();
        let (status, body) = flood.join().unwrap();
        assert_eq!(status, 200, "{body}");
        (body.parse::<usize>().unwrap(), during)
    });
    let grown = memory().saturating_sub(memory_before) / 1024;
    println!(
        "{written} lines in {seconds} s; p99 before {before:?}, during {during:?}; {grown} MiB more"
    );
    let dropped = || -> usize {
        let dropped = records(&sandbox, "flooding event:log.dropped --history --tail 1000");
        let count = |record: &Value| {
            let message = record["message"].as_str().unwrap().to_owned();
            message.split(' ').next().unwrap().parse::<usize>().unwrap()
        };
        dropped.iter().map(count).sum()
    };
    // The end of the last second is reported with the next line.
    server.call("flooding", Some(&flooding), "{}");
    let stored = records(&sandbox, "flooding --filter flood --history --tail 10000").len();
    assert!(written > 2000 * seconds, "{written} lines were written");
    assert!(stored < 3000 * (seconds + 2), "{stored} lines were stored");
    assert!(
        dropped() > written / 2,
        "{} of {written} were dropped",
        dropped()
    );
    assert!(grown < 64, "the server has {grown} MiB more");
    // Other tests use the same processors, so the limit is generous.
    assert!(
        during < before * 10 + std::time::Duration::from_millis(50),
        "{before:?}, then {during:?}"
    );
}

#[test]
fn a_stopped_follower_disturbs_no_other() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .env("JELOU_LOG__FUNCTIONS", "false")
        .env("JELOU_LIMITS__MAX_LOG_LINES_PER_SECOND", "100000")
        .start();
    let chatty = function(
        "(_input, ctx) => { for (let i = 0; i < 200; i++) ctx.log(`${i} ${\"x\".repeat(1000)}`); ctx.log(\"end\"); return \"ok\"; }",
    );
    let token = sandbox.deploy("parrot", &chatty);
    let followers: Vec<_> = (0..20)
        .map(|_| Follower::start(&sandbox, "parrot"))
        .collect();
    for follower in &followers {
        follower.wait_for("");
    }
    let pid = rustix::process::Pid::from_child(&followers[0].process);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    // More than fits into the buffers of a connection.
    for _ in 0..10 {
        assert_eq!(server.call("parrot", Some(&token), "{}").0, 200);
    }
    let counted = |follower: &Follower| {
        let seen = follower.seen.lock().unwrap();
        seen.iter().filter(|(_, text)| text == "end").count()
    };
    for follower in &followers[1..] {
        eventually("the last line", || (counted(follower) == 10).then_some(()));
    }
    assert!(counted(&followers[0]) < 10);
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    eventually("the rest of the lines", || {
        (counted(&followers[0]) == 10).then_some(())
    });
    let seen = followers[0].seen.lock().unwrap();
    assert!(seen.is_sorted_by(|a, b| a.0 < b.0), "{seen:?}");
}
