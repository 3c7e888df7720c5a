//! Runs of one schedule on two servers.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Cluster, KEY, node};
use crate::databases::postgres::Postgres;
use crate::support::{Sandbox, eventually};

/// A run takes longer than the test.
const SLOW: &str = r#"import { define } from "@jelou/functions";

export default define({
  description: "A slow job",
  config: { cron: [{ name: "cada-minuto", expression: "* * * * *", timeout: 600000 }] },
  handler: async (_input, ctx) => {
    ctx.log("runs");
    await new Promise((resolve) => setTimeout(resolve, 500000));
  },
});
"#;

#[test]
fn a_run_of_another_server_overlaps() {
    let cluster = Cluster::start();
    // A run by hand on the first server. Commands go to the second one.
    cluster.sandbox.deploy("lenta", SLOW);
    eventually("the function on the other server", || {
        let path = "/v1/functions/lenta/schedules";
        let listed = cluster
            .first
            .manage(&cluster.access_token, path)
            .get(path)
            .send();
        listed.body.contains("cada-minuto").then_some(())
    });
    let started = cluster.change(
        "POST",
        "/v1/functions/lenta/schedules/cada-minuto/runs",
        &json!({}),
    );
    assert_eq!(started["state"], "RUNNING", "{started}");

    // Shortly before the next minute, the first server is paused, so that the second one claims the due time. A server
    // that was silent for a minute would no longer count.
    let left = || 60 - Timestamp::now().as_second().rem_euclid(60);
    while left() > 15 {
        std::thread::sleep(Duration::from_millis(100));
    }
    cluster.first.signal(Signal::STOP);
    let missed = eventually("the missed run", || {
        let outcome = cluster
            .sandbox
            .jelou("cron logs lenta --state MISSED --json")
            .run();
        let runs = outcome.json()["data"].as_array().unwrap().clone();
        (!runs.is_empty()).then_some(runs)
    });
    cluster.first.signal(Signal::CONT);
    assert_eq!(missed[0]["reason"], "overlap", "{missed:?}");
    let outcome = cluster
        .sandbox
        .jelou("cron logs lenta --state RUNNING --json")
        .run();
    let running = outcome.json()["data"].clone();
    assert_eq!(running[0]["id"], started["id"], "{running}");
    assert_eq!(running.as_array().unwrap().len(), 1, "{running}");
}

/// The database shows a server an earlier time, so the server's clock is ahead.
#[test]
fn a_clock_that_is_ahead_starts_no_run_early() {
    let postgres = Postgres::start();
    let url = format!("{}&options[search_path]=public,pg_catalog", postgres.url());
    for statement in [
        "CREATE TABLE behind AS SELECT interval '1 hour' AS duration",
        "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \
         'SELECT pg_catalog.clock_timestamp() - duration FROM public.behind'",
    ] {
        postgres.execute(statement);
    }
    let sandbox = Sandbox::new();
    let _server = node(&sandbox, &url, KEY).start();
    // The start of a minute, after the deploy.
    let soon = (Timestamp::now().as_second() + 90) / 60 * 60;
    let due = Timestamp::from_second(soon).unwrap();
    let daily = format!(
        r#"import {{ define }} from "@jelou/functions";

export default define({{
  description: "A punctual job",
  config: {{ cron: [{{ name: "puntual", expression: "{} {} * * *", timezone: "UTC" }}] }},
  handler: () => "ok",
}});
"#,
        soon / 60 % 60,
        soon / 3600 % 24
    );
    sandbox.deploy("puntual", &daily);
    let left = || due.duration_since(Timestamp::now());
    assert!(left().is_positive(), "the deploy took too long");
    while left() > SignedDuration::from_secs(-2) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let runs = || {
        let listed = sandbox.jelou("cron logs puntual --json").run().json();
        listed["data"].as_array().unwrap().clone()
    };
    assert_eq!(runs(), Vec::<Value>::new());
    postgres.execute("UPDATE behind SET duration = '0'");
    let runs = eventually("the run", || Some(runs()).filter(|runs| !runs.is_empty()));
    assert_eq!(runs[0]["origin"], "schedule", "{runs:?}");
}
