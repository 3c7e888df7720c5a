//! `jelou cron` against a real server. Due times are tested with a clock of their own in the server's tests.

use std::thread;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::{Call, Sandbox, Serve, Server, eventually, times};

/// Two schedules that are not due soon.
const REPORT: &str = r#"import { define } from "@jelou/functions";

export default define({
  description: "A report",
  config: {
    cron: [
      { name: "nightly", expression: "30 2 1 1 *", timezone: "America/Guayaquil", botId: "bot-7" },
      { expression: "0 4 1 1 *" },
    ],
  },
  handler: (_input, ctx) => {
    ctx.log("runs", ctx.trigger, ctx.isCron, ctx.bot?.id ?? null);
    return { started: ctx.trigger.type };
  },
});
"#;

fn run(sandbox: &Sandbox, line: &str) -> Value {
    let outcome = sandbox.jelou(line).run();
    assert_eq!(outcome.code, 0, "{line}: {outcome}");
    outcome.json()["data"].clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn schedules_are_shown_run_paused_and_resumed() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.function("mi-funcion", REPORT);
    let deployed = sandbox.jelou("deploy mi-funcion -y --human").run();
    let printed = deployed.stdout();
    assert!(
        printed.contains("Schedule nightly: 30 2 1 1 * (America/Guayaquil)"),
        "{deployed}"
    );
    assert!(
        printed.contains("1/1/2027, 2:30:00 AM (UTC-05:00) = 2027-01-01T07:30:00Z"),
        "{deployed}"
    );

    let listed = run(&sandbox, "cron list mi-funcion");
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(
        (&listed[0]["id"], &listed[0]["lastRun"]),
        (&"nightly".into(), &Value::Null)
    );
    assert_eq!(run(&sandbox, "functions cron list --all"), listed);
    let next = run(&sandbox, "cron next mi-funcion -n 3");
    assert_eq!(next[0]["next"].as_array().unwrap().len(), 3);

    let ran = run(
        &sandbox,
        "cron run mi-funcion nightly --at 2026-03-01T02:30",
    );
    assert_eq!(
        (text(&ran["state"]), text(&ran["origin"])),
        ("OK", "manual")
    );
    assert_eq!(ran["dueAt"], "2026-03-01T07:30:00Z");
    let id = text(&ran["requestId"]);
    let logs = sandbox
        .jelou(&format!("logs mi-funcion --request {id} --json"))
        .run();
    for part in [
        r#""cronName":"nightly""#,
        r#""scheduledTime":1772350200000},true,"bot-7""#,
        r#""protocol":"cron""#,
        r#""event":"cron.run""#,
    ] {
        assert!(logs.stdout().contains(part), "{part}: {logs}");
    }

    // The list shows the start of the run, not its due time, and each time with its time zone.
    let human = sandbox.jelou("cron list mi-funcion --human").run();
    assert!(human.stdout().contains("(UTC-05:00)"), "{human}");
    assert!(!human.stdout().contains("3/1/2026"), "{human}");
    let several = sandbox.jelou("cron run mi-funcion --json").run();
    assert_eq!(several.code, 2, "{several}");
    let hint = several.json()["error"]["hint"].to_string();
    assert!(hint.contains("nightly"), "{several}");
    let metrics = Call::new(server.address(), server.address());
    let metrics = metrics.get("/metrics").send().body;
    for sample in [
        "jelou_cron_runs_total{result=\"ok\"} 1\n",
        "jelou_cron_missed_total 0\n",
        "jelou_cron_late_total 0\n",
        "jelou_previews 0\n",
    ] {
        assert!(metrics.contains(sample), "{sample}: {metrics}");
    }

    let paused = run(&sandbox, "cron pause mi-funcion --all");
    assert_eq!(paused.as_array().unwrap().len(), 2);
    let data = server.kill();
    let server = Serve::new(&sandbox).on(&data).start();
    sandbox.deploy("mi-funcion", &REPORT.replace("A report", "The report"));
    let listed = run(&sandbox, "cron list mi-funcion");
    assert_eq!(
        (&listed[1]["paused"], text(&listed[1]["pausedBy"])),
        (&true.into(), "default")
    );
    // A user can still run a paused schedule.
    run(&sandbox, "cron run mi-funcion nightly");
    assert_eq!(
        run(&sandbox, "cron resume mi-funcion nightly")[0]["paused"],
        false
    );
    let human = sandbox.jelou("cron list mi-funcion --human").run();
    assert!(human.stdout().contains("paused"), "{human}");

    let runs = run(&sandbox, "cron logs mi-funcion --name nightly -n 1");
    assert_eq!(runs.as_array().unwrap().len(), 1);
    assert_eq!(
        run(&sandbox, "cron logs mi-funcion --state MISSED"),
        Value::Array(Vec::new())
    );
    let human = sandbox.jelou("cron logs --all --human").run();
    assert!(human.stdout().contains("nightly"), "{human}");
    for (line, code) in [
        ("cron run mi-funcion none", 4),
        ("cron run mi-funcion nightly --at yesterday", 7),
        ("cron logs mi-funcion --state LATE", 7),
        ("cron pause mi-funcion", 2),
        ("cron next otra", 4),
    ] {
        let outcome = sandbox.jelou(line).run();
        assert_eq!(outcome.code, code, "{line}: {outcome}");
    }
    drop(server);
}

#[test]
fn the_only_schedule_needs_no_name() {
    let sandbox = Sandbox::new();
    let _server = Server::start(&sandbox);
    let only = REPORT.replace("{ expression: \"0 4 1 1 *\" },", "");
    sandbox.deploy("mi-funcion", &only);
    let named = |run: Value| text(&run["schedule"]).to_owned();
    assert_eq!(named(run(&sandbox, "cron run mi-funcion")), "nightly");
    sandbox.file("jelou.json", "{ \"function\": \"mi-funcion\" }");
    for line in ["cron run", "cron run nightly", "cron run mi-funcion"] {
        assert_eq!(named(run(&sandbox, line)), "nightly", "{line}");
    }
    let none = sandbox.jelou("cron run otra").run();
    assert_eq!(none.code, 4, "{none}");
}

/// Schedules without names are shown with words that the commands take.
#[test]
fn schedules_without_names_can_be_named() {
    const SEVERAL: &str = r#"import { app, define } from "@jelou/functions";

const tool = (...cron) => define({ description: "A tool", config: { cron }, handler: () => null });
export default app({
  description: "Several",
  tools: {
    clean: tool({ expression: "0 4 1 1 *" }),
    report: tool({ expression: "0 5 1 1 *" }, { name: "yearly", expression: "0 6 1 1 *" }, { expression: "0 6 1 1 *" }),
  },
});
"#;
    let sandbox = Sandbox::new();
    let _server = Server::start(&sandbox);
    sandbox.function("mi-funcion", SEVERAL);
    let deployed = sandbox.jelou("deploy mi-funcion -y --human").run();
    let labels = ["clean", "report:1", "yearly", "report:3"];
    let listed = run(&sandbox, "cron list mi-funcion");
    let listed_human = sandbox.jelou("cron list mi-funcion --human").run();
    let next = sandbox.jelou("cron next mi-funcion --human").run();
    for (position, label) in labels.into_iter().enumerate() {
        let (id, expression) = (
            &listed[position]["id"],
            text(&listed[position]["expression"]),
        );
        assert_eq!(text(&listed[position]["label"]), label);
        let ran = run(&sandbox, &format!("cron run mi-funcion {label}"));
        assert_eq!(
            (&ran["schedule"], text(&ran["state"])),
            (id, "OK"),
            "{label}"
        );
        for (command, paused) in [("pause", true), ("resume", false)] {
            let changed = run(&sandbox, &format!("cron {command} mi-funcion {label}"));
            let changed = (&changed[0]["id"], &changed[0]["paused"], &changed[1]);
            assert_eq!(changed, (id, &paused.into(), &Value::Null), "{label}");
        }
        let logs = run(&sandbox, &format!("cron logs mi-funcion --name {label}"));
        assert_eq!(logs.as_array().unwrap().len(), 1, "{label}");
        let schedule = format!("Schedule {label}: {expression} (UTC)");
        assert!(deployed.stdout().contains(&schedule), "{deployed}");
        let row = |line: &str| line.split_whitespace().nth(1) == Some(label);
        assert!(listed_human.stdout().lines().any(row), "{listed_human}");
        let line = format!("{label}: {expression} (UTC)");
        assert!(next.stdout().contains(&line), "{next}");
    }
    let which = sandbox.jelou("cron run mi-funcion").run();
    let hint = format!("name one of: {}", labels.join(", "));
    assert!(which.to_string().contains(&hint), "{which}");
    let several = sandbox.jelou("cron pause mi-funcion").run();
    assert_eq!(several.code, 2, "{several}");
    let all = format!("{hint}; or `--all`");
    assert!(several.to_string().contains(&all), "{several}");
    for wrong in ["report", "report:2", "report:4", "clean:1"] {
        let outcome = sandbox.jelou(&format!("cron run mi-funcion {wrong}")).run();
        assert_eq!(outcome.code, 4, "{wrong}: {outcome}");
    }
}

#[test]
fn a_bad_expression_is_named_with_its_line() {
    let sandbox = Sandbox::new();
    let _server = Server::start(&sandbox);
    sandbox.file(
        "web/jelou.json",
        "{\n  \"function\": \"web\",\n  \"cron\": [\n    { \"expression\": \"0 4 * * *\" },\n    { \"expression\": \"*/70 * * * *\" }\n  ]\n}\n",
    );
    sandbox.file(
        "web/index.ts",
        "export default { fetch: () => new Response(), scheduled() {} };",
    );
    let refused = sandbox.jelou("deploy web -y --json").run();
    assert_eq!(refused.code, 7, "{refused}");
    let message = refused.json()["error"]["message"].to_string();
    assert!(message.contains("jelou.json:5: the schedule"), "{message}");
}

#[test]
fn a_run_that_fails_fails_the_command() {
    let sandbox = Sandbox::new();
    let _server = Server::start(&sandbox);
    let failing = REPORT.replace("ctx.log(", "throw new Error(\"no data\"); ctx.log(");
    sandbox.deploy("mi-funcion", &failing);
    let outcome = sandbox.jelou("cron run mi-funcion nightly --human").run();
    assert_eq!(outcome.code, 1, "{outcome}");
    assert!(
        outcome
            .to_string()
            .contains("the run of `nightly` ended with ERROR status 500"),
        "{outcome}"
    );
    assert!(
        outcome
            .to_string()
            .contains("jelou logs mi-funcion --request"),
        "{outcome}"
    );
}

/// A reader can list schedules. To run or pause them, a token needs the right to deploy.
#[test]
fn running_and_pausing_need_the_right_to_deploy() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.deploy("mi-funcion", REPORT);
    let created = run(
        &sandbox,
        "access-tokens create --name reader --scope functions:read --json",
    );
    let reader = text(&created["token"]);
    let path = "/v1/functions/mi-funcion";
    for (method, rest, body, status) in [
        ("GET", "/schedules", "", 200),
        ("GET", "/runs", "", 200),
        ("GET", "/runs?state=late", "", 422),
        ("GET", "/runs/run_01arz3ndektsv4rrffq69g5fav", "", 404),
        ("POST", "/schedules/nightly/runs", "{}", 403),
        ("PATCH", "/schedules/nightly", r#"{"paused": true}"#, 403),
    ] {
        let call = server.manage(reader, &format!("{path}{rest}"));
        let reply = match body {
            "" => call.get(&format!("{path}{rest}")).send(),
            body => call.body(body).method(method).send(),
        };
        assert_eq!(reply.status, status, "{method} {rest}: {reply:?}");
    }
}

const COUNTING: &str = r#"import { define } from "@jelou/functions";

export default define({
  description: "Counts its runs",
  config: { cron: [
    { name: "counted", expression: "0 0 1 1 *", overlap: "allow" },
    { name: "minutely", expression: "* * * * *" },
  ] },
  handler: async (_input, ctx) => {
    if (ctx.trigger.type !== "cron") return null;
    const key = `run-${ctx.trigger.cronName}-${ctx.trigger.scheduledTime}`;
    await ctx.memory.set(key, String(Number(await ctx.memory.get(key, 0)) + 1), 3600);
    await new Promise((go) => setTimeout(go, 60));
    return await ctx.memory.get(key);
  },
});
"#;

/// Kills the server at different moments of runs. Afterwards, each started run is stored, has ended, and was executed
/// at most once; each minute has a run or was missed.
#[test]
fn a_power_cut_loses_and_doubles_no_run() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.deploy("mi-funcion", COUNTING);
    let access_token = server.access_token.clone().unwrap();
    let path = "/v1/functions/mi-funcion";
    let mut data = server.stop();
    let (mut acknowledged, mut at) = (Vec::new(), Timestamp::from_second(1_800_000_000).unwrap());
    for round in 0..times(3, 100) {
        let server = Serve::new(&sandbox).on(&data).start();
        let mut start = || {
            at += SignedDuration::from_secs(1);
            let reply = server
                .manage(&access_token, &format!("{path}/schedules/counted/runs"))
                .body(&format!(r#"{{"at": "{at}"}}"#))
                .send();
            assert_eq!(reply.status, 202, "{reply:?}");
            let run: Value = serde_json::from_str(&reply.body).unwrap();
            acknowledged.push(text(&run["id"]).to_owned());
            text(&run["id"]).to_owned()
        };
        let first = start();
        if round % 2 == 1 {
            eventually("the end of the first run", || {
                let one = format!("{path}/runs/{first}");
                let reply = server.manage(&access_token, "").get(&one).send();
                reply.body.contains("\"OK\"").then_some(())
            });
        }
        start();
        // The kill comes at a different moment in every round.
        thread::sleep(Duration::from_millis(23 * round as u64 % 200));
        data = server.kill();
    }
    let _server = Serve::new(&sandbox).on(&data).start();
    let runs = run(&sandbox, "cron logs mi-funcion -n 1000");
    let runs = runs.as_array().unwrap();
    let mut interrupted = 0;
    for run in runs {
        match (text(&run["state"]), text(&run["reason"])) {
            ("OK", "") | ("MISSED", _) => {}
            ("ERROR", "interrupted") => interrupted += 1,
            // The minutely run of this server.
            ("RUNNING", _) if run["schedule"] == "minutely" => {}
            other => panic!("{other:?}: {run}"),
        }
    }
    for id in &acknowledged[acknowledged.len().saturating_sub(100)..] {
        assert!(
            runs.iter().any(|run| run["id"] == id.as_str()),
            "{id} is lost"
        );
    }
    assert!(interrupted > 0, "no kill has met a run");
    assert!(
        runs.iter().any(|run| run["state"] == "OK"),
        "every kill has met a run"
    );
    println!("{} runs, {interrupted} of them interrupted", runs.len());
    let minutely: Vec<_> = runs
        .iter()
        .filter(|run| run["schedule"] == "minutely")
        .collect();
    for pair in minutely.windows(2) {
        let due = |run: &Value| text(&run["dueAt"]).parse::<Timestamp>().unwrap();
        // Newest first.
        let covered = pair[0]["missed"].as_i64().unwrap_or(1).max(1);
        let gap = due(pair[0]).duration_since(due(pair[1])).as_secs();
        assert_eq!(gap, covered * 60, "{pair:?}");
    }
    assert_eq!(executions(&data.database()), "", "a run was run twice");
}

/// Returns the memory keys of runs that were executed more than once, with their counts.
fn executions(database: &std::path::Path) -> String {
    let output = std::process::Command::new("sqlite3")
        .arg(database)
        .arg("SELECT key, value FROM memory WHERE key LIKE 'run-%' AND value <> '1'")
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

const MINUTELY: &str = r#"import { define } from "@jelou/functions";

export default define({
  description: "Runs often",
  config: { cron: Array.from({ length: 10 }, (_, n) => ({ name: `s${n}`, expression: "* * * * *" })) },
  handler: (_input, ctx) => ctx.trigger.type,
});
"#;

/// A thousand schedules of a hundred functions in one real minute: measures how late they start, and the latency of
/// calls. It takes minutes, so it runs only in a soak; the server's own tests have a smaller version.
#[test]
fn a_thousand_schedules_start_in_their_minute() {
    let functions = times(0, 100);
    if functions == 0 {
        return;
    }
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .env("JELOU_LOG__FUNCTIONS", "false")
        .start();
    let token = sandbox.deploy("llamada", &crate::support::function("() => 1"));
    for number in 0..functions {
        sandbox.deploy(&format!("f{number}"), MINUTELY);
    }
    let call = |until: Timestamp| {
        let mut durations = Vec::new();
        while Timestamp::now() < until {
            let begun = Instant::now();
            assert_eq!(server.call("llamada", Some(&token), "{}").0, 200);
            durations.push(begun.elapsed());
            thread::sleep(Duration::from_millis(2));
        }
        durations.sort();
        durations[durations.len() * 99 / 100]
    };
    let second = |now: Timestamp| now.as_second() % 60;
    while second(Timestamp::now()) != 25 {
        thread::sleep(Duration::from_millis(100));
    }
    let begin = Timestamp::now();
    let due = begin + SignedDuration::from_secs(60 - second(begin));
    let quiet = call(begin + SignedDuration::from_secs(25));
    let busy = call(due + SignedDuration::from_secs(20));
    let wanted = format!("{:.0}", Timestamp::from_second(due.as_second()).unwrap());
    let (mut lateness, mut found) = (Vec::new(), 0);
    for number in 0..functions {
        let runs = run(&sandbox, &format!("cron logs f{number} -n 1000"));
        for run in runs
            .as_array()
            .unwrap()
            .iter()
            .filter(|run| run["dueAt"] == wanted.as_str())
        {
            assert_eq!(run["state"], "OK", "{run}");
            let time = |field: &str| text(&run[field]).parse::<Timestamp>().unwrap();
            lateness.push(time("startedAt").duration_since(time("dueAt")).as_millis());
            found += 1;
        }
    }
    assert_eq!(found, functions * 10);
    lateness.sort_unstable();
    let percentile = |percent: usize| lateness[(lateness.len() - 1) * percent / 100];
    println!(
        "{found} runs started {} ms (median), {} ms (p99), {} ms (last) after their time; \
         callers' p99 {quiet:?} before, {busy:?} during",
        percentile(50),
        percentile(99),
        percentile(100)
    );
    assert!(percentile(100) < 60_000);
}
