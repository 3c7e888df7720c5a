//! The logs of two servers as one stream.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Cluster, KEY, node};
use crate::databases::postgres::Postgres;
use crate::support::{Sandbox, Server, eventually, function, times};

fn logging() -> String {
    function("({ texto }, ctx) => { ctx.log(texto); return \"ok\"; }")
}

/// Makes a call that logs the text, in another millisecond than the next one.
fn log(server: &Server, token: &str, text: &str) {
    let body = json!({ "texto": text }).to_string();
    eventually("an answer", || {
        (server.call("hola", Some(token), &body).0 == 200).then_some(())
    });
    std::thread::sleep(Duration::from_millis(5));
}

fn text(record: &Value) -> &str {
    record["args"][0].as_str().unwrap_or_default()
}

/// The records that a command shows.
fn shown(sandbox: &Sandbox, line: &str) -> Vec<Value> {
    let outcome = sandbox.jelou(&format!("logs {line} --json")).run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let lines = outcome.stdout().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// `jelou logs` in a process of its own.
struct Follower {
    process: Child,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Follower {
    fn start(sandbox: &Sandbox) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_jelou"))
            .args(["logs", "hola", "--json"])
            .env_clear()
            .env("HOME", sandbox.home())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let shared = Arc::clone(&seen);
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                shared
                    .lock()
                    .unwrap()
                    .push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { process, seen }
    }

    fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits for a record, and returns it.
    fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || {
            self.seen().into_iter().find(|record| wanted(record))
        })
    }

    /// Waits for the texts, and checks that each was shown once.
    fn has_once(&self, texts: &[String]) {
        for wanted in texts {
            self.wait_for(wanted, |record| text(record) == wanted);
        }
        let seen = self.seen();
        for wanted in texts {
            let count = seen.iter().filter(|record| text(record) == wanted).count();
            assert_eq!(count, 1, "{wanted}: {seen:?}");
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads events until one has the text. Returns its id.
fn read_until(
    server: &Server,
    token: &str,
    last_id: Option<&str>,
    wanted: &str,
) -> (String, Vec<Value>) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    // HTTP/1.0, so that the body has no chunks.
    let last_id = last_id.map(|id| format!("Last-Event-ID: {id}\r\n"));
    write!(
        stream,
        "GET /v1/functions/hola/logs?follow=true HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n{}\r\n",
        server.address(),
        last_id.unwrap_or_default()
    )
    .unwrap();
    let (mut id, mut records) = (String::new(), Vec::new());
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        if let Some(next) = line.strip_prefix("id: ") {
            next.clone_into(&mut id);
        } else if let Some(data) = line.strip_prefix("data: ") {
            let record: Value = serde_json::from_str(data).unwrap();
            let is_wanted = text(&record) == wanted;
            records.push(record);
            if is_wanted {
                return (id, records);
            }
        }
    }
    panic!("the stream has ended: {records:?}");
}

#[test]
fn records_of_all_servers_are_one_stream() {
    let cluster = Cluster::start();
    let Cluster {
        sandbox,
        first,
        second,
        access_token,
        ..
    } = &cluster;
    let token = sandbox.deploy("hola", &logging());
    let mut texts = Vec::new();
    for n in 0..times(10, 200) {
        let server = [first, second][n % 2];
        texts.push(format!("linea {n}"));
        log(server, &token, &texts[n]);
    }
    let is_complete = || {
        let records = shown(sandbox, "hola --history -n 1000 kind:line");
        (records.len() == texts.len()).then_some(records)
    };
    let records = eventually("all lines", is_complete);
    let found: Vec<_> = records.iter().map(text).collect();
    assert_eq!(found, texts, "in the order of their times");
    let nodes: BTreeSet<_> = records
        .iter()
        .map(|record| record["node"].as_str())
        .collect();
    assert_eq!(nodes.len(), 2, "{records:?}");
    let last = shown(sandbox, "hola --history -n 3 kind:line");
    let last: Vec<_> = last.iter().map(text).collect();
    assert_eq!(last, texts[texts.len() - 3..]);

    // Selects one request, which the other server handled.
    let reply = first
        .request("hola")
        .token(&token)
        .body("{\"texto\":\"una\"}")
        .send();
    let request = reply.header("x-request-id").unwrap().to_owned();
    let of_request = eventually("the line and the call", || {
        let records = shown(sandbox, &format!("hola --request {request}"));
        (records.len() == 2).then_some(records)
    });
    assert!(
        of_request.iter().any(|record| record["kind"] == "call"),
        "{of_request:?}"
    );
    assert!(
        of_request
            .iter()
            .any(|record| record["tokenName"] == "default"),
        "{of_request:?}"
    );

    let calls = texts.len() + 1;
    eventually("all calls", || {
        let stats = sandbox
            .jelou("logs stats hola --by token --json")
            .run()
            .json();
        (stats["data"][0]["calls"] == calls).then_some(())
    });

    // A client reconnects to the other server.
    let last = texts.last().unwrap();
    let (id, _) = read_until(first, access_token, None, "una");
    log(first, &token, "dos");
    log(second, &token, "tres");
    eventually("the lines on the disk", || {
        let lines = shown(sandbox, "hola --history -n 1000 kind:line");
        (lines.len() == texts.len() + 3).then_some(())
    });
    let (_, records) = read_until(second, access_token, Some(&id), "tres");
    let found: Vec<_> = records
        .iter()
        .map(text)
        .filter(|text| !text.is_empty())
        .collect();
    assert_eq!(found, ["dos", "tres"], "after {last}");

    // Only servers may use the routes between servers.
    let path = "/v1/functions/hola";
    let info = first.manage(access_token, path).get(path).send().json();
    let id = info["id"].as_str().unwrap();
    for path in [
        format!("/v1/nodes/logs/{id}"),
        format!("/v1/nodes/statistics/{id}"),
    ] {
        let refused = first.manage(access_token, &path).get(&path).send();
        assert_eq!(refused.status, 401, "{}", refused.body);
    }
    let wrong = first.manage(access_token, "/").header("last-event-id", "7");
    let wrong = wrong.get("/v1/functions/hola/logs?follow=true").send();
    assert_eq!(wrong.status, 422, "{}", wrong.body);
}

#[test]
fn a_server_that_is_killed_is_a_notice_and_its_records_follow_when_it_is_back() {
    let Cluster {
        url,
        sandbox,
        first,
        second,
        postgres: _postgres,
        ..
    } = Cluster::start();
    let token = sandbox.deploy("hola", &logging());
    let follower = Follower::start(&sandbox);
    let line = |n: usize| format!("linea {n}");
    for n in 0..4 {
        log([&first, &second][n % 2], &token, &line(n));
    }
    follower.has_once(&(0..4).map(line).collect::<Vec<_>>());
    let address = first.address().to_owned();
    let data = first.kill();
    let notice = follower.wait_for("the notice", |record| record["event"] == "log.unreachable");
    let message = notice["message"].as_str().unwrap();
    assert!(
        message.starts_with(&format!("the server http://{address} does not answer: ")),
        "{message}"
    );
    assert_eq!(notice["level"], "WARN");
    for n in 4..6 {
        log(&second, &token, &line(n));
    }
    follower.has_once(&(0..6).map(line).collect::<Vec<_>>());

    // The stored records and the statistics name the missing server.
    let records = shown(&sandbox, "hola --history");
    assert!(
        records.iter().any(|record| text(record) == line(5)),
        "{records:?}"
    );
    let notices = records
        .iter()
        .filter(|record| record["event"] == "log.unreachable");
    assert_eq!(notices.count(), 1, "{records:?}");
    let times = records
        .iter()
        .map(|record| record["time"].as_str().unwrap());
    let times: Vec<jiff::Timestamp> = times.map(|time| time.parse().unwrap()).collect();
    assert!(times.is_sorted(), "{records:?}");
    let stats = sandbox.jelou("logs stats hola --json").run();
    assert_eq!(stats.code, 0, "{stats}");
    let missing = format!("so that their part is missing: http://{address}");
    assert!(stats.to_string().contains(&missing), "{stats}");

    // The server restarts with another port.
    let first = node(&sandbox, &url, KEY).on(&data).start();
    for n in 6..8 {
        log(&first, &token, &line(n));
        log(&second, &token, &line(n + 2));
    }
    follower.has_once(&(0..10).map(line).collect::<Vec<_>>());
    let records = shown(&sandbox, "hola --history -n 1000 kind:line");
    let found: Vec<_> = records.iter().map(text).map(str::to_owned).collect();
    assert_eq!(found, [0, 1, 2, 3, 4, 5, 6, 8, 7, 9].map(line));
}

/// Passes requests on to a server, and changes its answers: `verdad` becomes `mentir`.
fn forger(server: Arc<OnceLock<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, address) = (client.unwrap(), server.wait());
            let server = TcpStream::connect(address).unwrap();
            let (mut requests, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut requests, &mut to));
            std::thread::spawn(move || change(server, client));
        }
    });
    format!("http://{address}")
}

fn change(mut from: TcpStream, mut to: TcpStream) -> std::io::Result<()> {
    let mut piece = [0; 16 * 1024];
    loop {
        let count = from.read(&mut piece)?;
        if count == 0 {
            return to.shutdown(std::net::Shutdown::Both);
        }
        let piece = &mut piece[..count];
        for start in 0..count {
            if piece[start..].starts_with(b"verdad") {
                piece[start..start + 6].copy_from_slice(b"mentir");
            }
        }
        to.write_all(piece)?;
    }
}

#[test]
fn an_answer_that_was_changed_between_two_servers_is_refused() {
    let address = Arc::<OnceLock<String>>::default();
    let advertised = forger(Arc::clone(&address));
    let cluster = Cluster::with(
        Postgres::start(),
        |first| first.env("JELOU_ADVERTISE", &advertised),
        |second| second,
    );
    let Cluster { sandbox, first, .. } = &cluster;
    address.set(first.address().to_owned()).unwrap();
    // Commands go to the second server, which asks the first one.
    let token = sandbox.deploy("hola", &logging());
    log(first, &token, "limpia");
    let lines = || shown(sandbox, "hola --history -n 1000");
    eventually("an answer that was not changed", || {
        lines()
            .iter()
            .any(|record| text(record) == "limpia")
            .then_some(())
    });
    log(first, &token, "verdad");
    let records = eventually("the notice", || {
        let records = lines();
        let mut notices = records.iter();
        let is_lost = notices.any(|record| record["event"] == "log.unreachable");
        (is_lost || records.iter().any(|record| text(record) == "mentir")).then_some(records)
    });
    let shown = format!("{records:?}");
    assert!(!shown.contains("mentir"), "{shown}");
    assert!(
        shown.contains("is not signed with the master key"),
        "{shown}"
    );
}
