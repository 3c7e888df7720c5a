//! Schedules on a server whose clock the test sets.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use jelou_core::Clock;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{TestServer, eventually, logged};

/// Records the trigger of each run. A call returns the records, or releases the waiting runs.
const SOURCE: &str = r#"
const seen: unknown[] = [], waiting: (() => void)[] = [];
let failures = 0;
export default define({
  description: "Remembers its runs",
  config: { public: true, timeout: 60_000, cron: CRON },
  handler: async (input, ctx) => {
    if (ctx.path === "/seen") return seen;
    if (ctx.path === "/release") return void waiting.splice(0).forEach((go) => go());
    const { trigger } = ctx;
    if (trigger.type !== "cron") return new Response("no run", { status: 400 });
    const { method, path, isCron, isHttp, bot } = ctx;
    seen.push({ trigger, method, path, isCron, isHttp, bot, input });
    const name = trigger.cronName ?? "";
    if (name.startsWith("waits")) await new Promise<void>((go) => waiting.push(go));
    if (name === "fails-twice" && failures++ < 2) throw new Error("not yet");
    if (name === "fails") return new Response("no", { status: 418 });
    if (name === "hangs") await new Promise(() => {});
  },
});"#;

fn source(cron: &Value) -> String {
    SOURCE.replace("CRON", &cron.to_string())
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn start(time: &str) -> (TestServer, Clock) {
    let clock = Clock::fixed(at(time));
    let server = TestServer::start_with_clock(clock.clone(), |config| {
        // The function keeps the record of its runs in one process.
        config.limits.max_processes_per_function = Some(1);
    });
    (server, clock)
}

fn get(server: &TestServer, path: &str) -> Value {
    let (status, body) = server.manage("GET", path, &Value::Null);
    assert_eq!(status, 200, "{path}: {body}");
    body
}

/// The runs of a schedule, or of all, oldest first.
fn runs(server: &TestServer, schedule: &str) -> Vec<Value> {
    let filter = match schedule {
        "" => String::new(),
        name => format!("&schedule={name}"),
    };
    let page = get(
        server,
        &format!("/v1/functions/timed/runs?limit=1000{filter}"),
    );
    let mut runs = page["items"].as_array().unwrap().clone();
    runs.reverse();
    runs
}

/// Waits until that many runs of a schedule have ended, and returns them.
fn ended(server: &TestServer, schedule: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} runs of {schedule}"), || {
        let runs = runs(server, schedule);
        let is_over = runs.len() >= count && runs.iter().all(|run| run["state"] != "RUNNING");
        is_over.then_some(runs)
    })
}

fn states(runs: &[Value]) -> Vec<String> {
    runs.iter()
        .map(|run| {
            let reason = run["reason"].as_str().unwrap_or_default();
            format!("{} {reason}", run["state"].as_str().unwrap())
                .trim()
                .to_owned()
        })
        .collect()
}

fn seen(server: &TestServer) -> Vec<Value> {
    server
        .call("timed", "/seen")
        .send()
        .json()
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn a_due_time_runs_once_whatever_the_clock_does() {
    let (server, clock) = start("2026-11-29T10:00:30Z");
    let cron = json!([{
        "expression": "* * * * *", "timezone": "America/Guayaquil", "name": "minutely", "botId": "bot-7",
    }]);
    server.deploy("timed", &source(&cron));
    clock.set(at("2026-11-29T10:01:00Z"));
    let first = ended(&server, "minutely", 1);
    assert_eq!(states(&first), ["OK"]);
    assert_eq!(first[0]["dueAt"], "2026-11-29T10:01:00Z");
    assert_eq!(
        (&first[0]["attempts"], &first[0]["status"]),
        (&json!(1), &json!(204))
    );
    assert_eq!(
        seen(&server),
        [json!({
            "trigger": {
                "type": "cron", "cron": "* * * * *", "cronName": "minutely",
                "scheduledTime": at("2026-11-29T10:01:00Z").as_millisecond(),
            },
            "method": "POST", "path": "/", "isCron": true, "isHttp": false, "bot": { "id": "bot-7" }, "input": {},
        })]
    );

    // Sets the clock back an hour, and passes the same due time again.
    clock.set(at("2026-11-29T09:00:59Z"));
    clock.set(at("2026-11-29T10:00:59Z"));
    clock.set(at("2026-11-29T10:01:30Z"));
    clock.set(at("2026-11-29T10:02:00Z"));
    assert_eq!(states(&ended(&server, "minutely", 2)), ["OK", "OK"]);

    // Sets the clock an hour ahead.
    clock.set(at("2026-11-29T11:02:10Z"));
    let all = ended(&server, "minutely", 4);
    assert_eq!(states(&all), ["OK", "OK", "MISSED server_asleep", "OK"]);
    assert_eq!(
        (&all[2]["missed"], &all[2]["dueAt"]),
        (&json!(59), &json!("2026-11-29T11:01:00Z"))
    );
    assert_eq!(seen(&server).len(), 3);

    // The records are linked by the id of the request.
    let id = all[3]["requestId"].as_str().unwrap();
    let log = eventually("the record of the call", || {
        let path = format!("/v1/functions/timed/logs?request={id}");
        let call = jelou_log(&server, &path);
        (call.iter().any(|record| record["kind"] == "call")).then_some(call)
    });
    let call = log.iter().find(|record| record["kind"] == "call").unwrap();
    assert_eq!(
        (&call["protocol"], &call["status"]),
        (&json!("cron"), &json!(204))
    );
    assert!(
        log.iter().any(|record| record["event"] == "cron.run"),
        "{log:?}"
    );
    let missed = jelou_log(&server, "/v1/functions/timed/logs?filter=event:cron.missed");
    assert!(
        missed[0]["message"]
            .as_str()
            .unwrap()
            .contains("did not run 59 times"),
        "{missed:?}"
    );
}

fn jelou_log(server: &TestServer, path: &str) -> Vec<Value> {
    let token = format!("Bearer {}", server.access_token());
    let address = server.address();
    let reply = crate::support::Call::new(address, address, path)
        .header("authorization", &token)
        .send();
    reply
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn an_earlier_run_that_still_runs_is_respected() {
    let (server, clock) = start("2026-11-29T10:00:30Z");
    let cron = ["skip", "queue", "allow"].map(|overlap| {
        json!({ "expression": "* * * * *", "name": format!("waits-{overlap}"), "overlap": overlap })
    });
    server.deploy("timed", &source(&json!(cron)));
    let begun = |count: usize| {
        eventually("runs that wait", || {
            (seen(&server).len() == count).then_some(())
        });
    };
    clock.set(at("2026-11-29T10:01:00Z"));
    begun(3);
    clock.set(at("2026-11-29T10:02:00Z"));
    begun(4);
    clock.set(at("2026-11-29T10:03:00Z"));
    begun(5);
    assert_eq!(
        states(&runs(&server, "waits-skip")),
        ["RUNNING", "MISSED overlap", "MISSED overlap"]
    );
    assert_eq!(
        states(&runs(&server, "waits-queue")),
        ["RUNNING", "RUNNING", "MISSED overlap"]
    );
    assert_eq!(states(&runs(&server, "waits-allow")), ["RUNNING"; 3]);
    eventually("the end of all runs", || {
        server.call("timed", "/release").send();
        runs(&server, "")
            .iter()
            .all(|run| run["state"] != "RUNNING")
            .then_some(())
    });
    assert_eq!(
        states(&runs(&server, "waits-queue")),
        ["OK", "OK", "MISSED overlap"]
    );
    clock.set(at("2026-11-29T10:04:00Z"));
    eventually("the next run", || {
        (states(&runs(&server, "waits-skip")).last()? == "RUNNING").then_some(())
    });
}

#[test]
fn failures_are_told_apart_and_tried_again() {
    let (server, clock) = start("2026-11-29T10:00:30Z");
    let cron = json!([
        { "expression": "* * * * *", "name": "fails-twice", "retry": { "max": 3, "backoff": 10 } },
        { "expression": "* * * * *", "name": "fails", "retry": { "max": 1, "backoff": 10 } },
        { "expression": "* * * * *", "name": "hangs", "timeout": 300 },
    ]);
    server.deploy("timed", &source(&cron));
    clock.set(at("2026-11-29T10:01:00Z"));
    let run = |name: &str| ended(&server, name, 1)[0].clone();
    let again = run("fails-twice");
    assert_eq!(
        (&again["state"], &again["attempts"]),
        (&json!("OK"), &json!(3))
    );
    let failed = run("fails");
    assert_eq!(
        (
            &failed["state"],
            &failed["attempts"],
            &failed["reason"],
            &failed["status"]
        ),
        (
            &json!("ERROR"),
            &json!(2),
            &json!("status 418"),
            &json!(418)
        )
    );
    assert_eq!(
        (&run("hangs")["state"], &run("hangs")["attempts"]),
        (&json!("TIMEOUT"), &json!(1))
    );
    let page = get(&server, "/v1/functions/timed/runs?state=ERROR");
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    // A caller's request is not a run, whatever headers it has.
    let forged = server
        .call("timed", "/")
        .header("x-jelou-trigger", r#"{"type":"cron","cron":"* * * * *"}"#)
        .header(
            "x-jelou-call",
            "a default http://x    %7B%22type%22:%22cron%22%7D",
        )
        .send();
    assert_eq!(forged.status, 400);
}

#[test]
fn a_server_that_was_down_for_a_day_misses_runs_and_makes_up_for_one() {
    let (server, clock) = start("2026-11-28T10:00:30Z");
    let cron = json!([
        { "expression": "5 * * * *", "name": "hourly" },
        { "expression": "10 * * * *", "name": "caught-up", "catchUp": "last" },
        { "expression": "15 * * * *", "name": "paused", "catchUp": "last" },
        { "expression": "15 * 1 1 *", "name": "yearly" },
    ]);
    server.deploy("timed", &source(&cron));
    let pause = |server: &TestServer, paused: bool| {
        let path = "/v1/functions/timed/schedules/paused";
        let (status, body) = server.manage("PATCH", path, &json!({ "paused": paused }));
        assert_eq!(status, 200, "{body}");
    };
    pause(&server, true);
    clock.set(at("2026-11-28T10:05:00Z"));
    ended(&server, "hourly", 1);
    let server = {
        let down = server;
        clock.set(at("2026-11-28T10:06:00Z"));
        let up = down.restart(|_| clock.set(at("2026-11-29T10:30:00Z")));
        ended(&up, "caught-up", 2);
        up
    };
    let hourly = ended(&server, "hourly", 2);
    assert_eq!(states(&hourly), ["OK", "MISSED server_down"]);
    assert_eq!(
        (&hourly[1]["missed"], &hourly[1]["dueAt"]),
        (&json!(24), &json!("2026-11-29T10:05:00Z"))
    );
    let caught_up = runs(&server, "caught-up");
    assert_eq!(states(&caught_up), ["MISSED server_down", "OK"]);
    assert_eq!(caught_up[0]["missed"], 24);
    assert_eq!(
        (&caught_up[1]["origin"], &caught_up[1]["dueAt"]),
        (&json!("catchUp"), &json!("2026-11-29T10:10:00Z"))
    );
    assert_eq!(runs(&server, "paused"), [Value::Null; 0]);

    // The pause outlives a deploy. Due times during the pause are not run later.
    server.deploy("timed", &source(&cron).replace("Remembers", "Recalls"));
    let schedules = get(&server, "/v1/functions/timed/schedules");
    let of = |name: &str, schedules: &Value| {
        let all = schedules["items"].as_array().unwrap();
        all.iter()
            .find(|schedule| schedule["name"] == name)
            .unwrap()
            .clone()
    };
    let paused = of("paused", &schedules);
    assert_eq!(
        (&paused["paused"], &paused["next"]),
        (&json!(true), &json!([]))
    );
    clock.set(at("2026-11-29T11:15:00Z"));
    ended(&server, "caught-up", 3);
    assert_eq!(runs(&server, "paused"), [Value::Null; 0]);
    pause(&server, false);
    clock.set(at("2026-11-29T12:15:00Z"));
    assert_eq!(states(&ended(&server, "paused", 1)), ["OK"]);
}

#[test]
fn a_rollback_brings_schedules_back_and_a_deletion_ends_them() {
    let (server, clock) = start("2026-11-29T10:00:30Z");
    let names = |server: &TestServer| {
        let schedules = get(server, "/v1/functions/timed/schedules?next=2");
        let all = schedules["items"].as_array().unwrap().iter();
        all.map(|one| {
            (
                one["id"].as_str().unwrap().to_owned(),
                one["next"][1].clone(),
            )
        })
        .collect::<Vec<_>>()
    };
    server.deploy(
        "timed",
        &source(&json!([{ "expression": "* * * * *", "name": "old" }])),
    );
    clock.set(at("2026-11-29T10:01:00Z"));
    ended(&server, "old", 1);
    server.deploy("timed", &source(&json!([{ "expression": "*/2 * * * *" }])));
    assert_eq!(
        names(&server),
        [(
            "default: */2 * * * * UTC".to_owned(),
            json!("2026-11-29T10:04:00Z")
        )]
    );
    clock.set(at("2026-11-29T10:02:00Z"));
    let unnamed = eventually("the run of the unnamed schedule", || {
        runs(&server, "")
            .into_iter()
            .find(|run| run["schedule"] != "old" && run["state"] == "OK")
    });
    assert_eq!(unnamed["schedule"], "default: */2 * * * * UTC");
    let (status, body) = server.manage("POST", "/v1/functions/timed/rollback", &json!({}));
    assert_eq!(
        (status, &body["schedules"][0]["name"]),
        (200, &json!("old")),
        "{body}"
    );
    assert_eq!(
        names(&server),
        [("old".to_owned(), json!("2026-11-29T10:04:00Z"))]
    );
    clock.set(at("2026-11-29T10:03:00Z"));
    let old = ended(&server, "old", 2);
    // Due times at which the deployment was not live are not missed.
    assert_eq!(states(&old), ["OK", "OK"]);
    let (status, _) = server.manage("DELETE", "/v1/functions/timed", &Value::Null);
    assert_eq!(status, 204);
    clock.set(at("2026-11-29T10:04:00Z"));
    server.deploy("timed", &source(&json!([])));
    assert_eq!(runs(&server, ""), [Value::Null; 0]);
}

/// Another process that locks the database until the end of its input.
fn lock(server: &TestServer) -> Child {
    let mut process = Command::new("sqlite3")
        .args(["-bail", "-cmd", ".timeout 30000"])
        .arg(server.database())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(
        process.stdin.as_mut().unwrap(),
        "BEGIN IMMEDIATE; SELECT 'locked';"
    )
    .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "locked\n");
    process
}

fn unlock(mut process: Child) {
    drop(process.stdin.take());
    process.wait().unwrap();
}

#[test]
fn without_the_database_runs_wait_and_calls_go_on() {
    let clock = Clock::fixed(at("2026-11-29T10:00:30Z"));
    let server = TestServer::start_with_clock(clock.clone(), |config| {
        config.database.busy_timeout_ms = 100;
    });
    let cron = json!([{ "expression": "* * * * *", "name": "minutely" }]);
    server.deploy("timed", &source(&cron));
    let failed = || logged(&["cannot claim scheduled runs"]);

    let locked = lock(&server);
    clock.set(at("2026-11-29T10:01:00Z"));
    eventually("a claim that fails", || failed().then_some(()));
    assert_eq!(seen(&server), [Value::Null; 0]);
    unlock(locked);
    assert_eq!(states(&ended(&server, "minutely", 1)), ["OK"]);

    let locked = lock(&server);
    clock.set(at("2026-11-29T10:03:00Z"));
    clock.set(at("2026-11-29T10:06:10Z"));
    // The claim of the run fails too.
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(seen(&server).len(), 1);
    unlock(locked);
    let all = ended(&server, "minutely", 3);
    assert_eq!(states(&all), ["OK", "MISSED database", "OK"]);
    assert_eq!(all[1]["missed"], 4);
}

#[test]
fn many_schedules_of_one_minute_all_run_once() {
    let server = all_run_once(10);
    for number in 0..10 {
        let seen = server.call(&format!("many-{number}"), "/seen").send();
        assert_eq!(seen.json().as_array().unwrap().len(), 10);
    }
}

/// Slow, so it runs only in a soak. There are more functions than processes, so functions cannot keep records of runs.
#[test]
fn ten_thousand_schedules_of_one_minute_all_run_once() {
    if std::env::var_os("JELOU_SOAK").is_some() {
        all_run_once(1_000);
    }
}

/// Ten schedules of each function are due at once.
fn all_run_once(functions: usize) -> TestServer {
    const SCHEDULES: usize = 10;
    let clock = Clock::fixed(at("2026-11-29T10:00:30Z"));
    let server = TestServer::start_with_clock(clock.clone(), |config| {
        config.cron.max_concurrent_runs = 16;
        config.limits.max_processes_per_function = Some(1);
    });
    let cron: Vec<Value> = (0..SCHEDULES)
        .map(|number| json!({ "expression": "1 10 * * *", "name": format!("s{number}") }))
        .collect();
    for number in 0..functions {
        let source = source(&json!(cron));
        server.deploy(&format!("many-{number}"), &source);
    }
    let begun = Instant::now();
    clock.set(at("2026-11-29T10:01:00Z"));
    for number in 0..functions {
        let path = format!("/v1/functions/many-{number}/runs?limit=1000");
        let runs = eventually("the runs of a function", || {
            let page = get(&server, &path);
            let runs = page["items"].as_array().unwrap().clone();
            let is_over = !states(&runs).contains(&"RUNNING".to_owned());
            (runs.len() == SCHEDULES && is_over).then_some(runs)
        });
        assert_eq!(states(&runs), ["OK"; SCHEDULES]);
        let names: HashSet<_> = runs.iter().map(|run| run["schedule"].to_string()).collect();
        assert_eq!(names.len(), SCHEDULES);
    }
    let runs = functions * SCHEDULES;
    println!("{runs} runs of one minute ended in {:?}", begun.elapsed());
    server
}

#[test]
fn expressions_that_cannot_run_are_refused_with_file_and_line() {
    let (server, _clock) = start("2026-11-29T10:00:30Z");
    let cron = json!([
        { "expression": "*/70 * * * *" },
        { "expression": "0 0 30 2 *" },
        { "expression": "0 0 9 * * *" },
        { "expression": "0 9 * * *" },
        { "expression": "0 9 * * *" },
        { "expression": "0 8 * * *", "timeout": 900_001 },
    ]);
    let refused = server
        .try_deploy("timed", &source(&cron))
        .unwrap_err()
        .to_string();
    for line in [
        "index.ts:7: the schedule \"*/70 * * * *\" of `timed`: minute `*/70`: the step 70 is not between 1 and 59, the size of the range",
        "index.ts:7: the schedule \"0 0 30 2 *\" of `timed`: no date matches it",
        "index.ts:7: the schedule \"0 0 9 * * *\" of `timed`: it has 6 fields; it needs five",
        "index.ts:7: the schedule \"0 9 * * *\" of `timed`: another schedule is the same; give them names",
        "its timeout is 900001 ms; the limit is 900000 ms (cron.max_timeout_ms, a server setting)",
    ] {
        assert!(refused.contains(line), "{line}\n{refused}");
    }
    let cron = json!([{ "expression": "30 23 * * *", "timezone": "America/Santiago" }]);
    let deployed = server.try_deploy("timed", &source(&cron)).unwrap();
    let next: Vec<_> = deployed.schedules[0]
        .next
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        next,
        [
            "2026-11-30T02:30:00Z",
            "2026-12-01T02:30:00Z",
            "2026-12-02T02:30:00Z"
        ]
    );
}
