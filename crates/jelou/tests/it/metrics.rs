//! `GET /metrics`, the traffic of functions, and the dashboard and alerts made from them.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::support::{Call, Reply, Sandbox, Serve, Server, eventually, function};

/// The samples of a text in the Prometheus format, after a strict check of its form.
fn samples(text: &str) -> HashMap<String, f64> {
    let mut kinds = HashMap::new();
    let mut family = "";
    let mut found = HashMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split_once(' ').unwrap().0;
            assert!(!kinds.contains_key(family), "{family} twice");
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, family, "{line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            kinds.insert(name, kind);
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        let name = sample.split('{').next().unwrap();
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(is_name), "{line}");
        let of_family = match kinds[family] {
            "histogram" => ["_bucket", "_sum", "_count"]
                .iter()
                .any(|end| name == format!("{family}{end}")),
            "counter" => name == family && family.ends_with("_total"),
            _ => name == family,
        };
        assert!(of_family, "{line} in the family {family}");
        if let Some(labels) = sample.strip_prefix(name).unwrap().strip_prefix('{') {
            let labels = labels.strip_suffix('}').unwrap();
            for label in labels.split("\",") {
                let (name, value) = label.split_once("=\"").unwrap();
                assert!(name.chars().all(is_name), "{line}");
                assert!(!value.trim_end_matches('"').contains('"'), "{line}");
            }
        }
        let before = found.insert(sample.to_owned(), value.parse().unwrap());
        assert_eq!(before, None, "{line} twice");
    }
    assert!(text.ends_with('\n'));
    found
}

fn get(server: &Server) -> Call {
    Call::new(server.address(), server.address()).get("/metrics")
}

fn scrape(server: &Server) -> HashMap<String, f64> {
    let Reply { status, body, .. } = get(server).send();
    assert_eq!(status, 200, "{body}");
    samples(&body)
}

#[test]
fn metrics_count_what_happens() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let source = function(
        "(input) => { if (input.crash) { const all: unknown[] = []; for (;;) all.push(new Array(100_000).fill(0)); } if (input.fail) throw new Error(\"no\"); return \"ok\"; }",
    )
    .replace("handler", "input: z.object({ crash: z.boolean().optional(), fail: z.boolean().optional() }),\n  handler");
    let token = sandbox.deploy("counted", &source);
    for (body, expected) in [
        ("{}", 200),
        ("{}", 200),
        ("{\"fail\":true}", 500),
        ("{\"fail\":1}", 400),
        ("{\"crash\":true}", 500),
        ("{}", 200),
    ] {
        let (status, answer) = server.call("counted", Some(&token), body);
        assert_eq!(status, expected, "{answer}");
    }
    assert_eq!(server.call("counted", None, "{}").0, 401);
    assert_eq!(server.call("nobody", None, "{}").0, 404);
    let found = scrape(&server);
    for (sample, expected) in [
        (r#"jelou_calls_total{function="counted",class="2xx"}"#, 3.0),
        (r#"jelou_calls_total{function="counted",class="4xx"}"#, 2.0),
        (r#"jelou_calls_total{function="counted",class="5xx"}"#, 2.0),
        (
            r#"jelou_call_duration_seconds_count{function="counted"}"#,
            7.0,
        ),
        (r#"jelou_cold_starts_total{function="counted"}"#, 2.0),
        (r#"jelou_process_starts_total{function="counted"}"#, 2.0),
        (r#"jelou_refusals_total{reason="unauthorized"}"#, 1.0),
        ("jelou_requests_without_function_total", 1.0),
        (r#"jelou_processes{function="counted"}"#, 1.0),
        (r#"jelou_build_seconds_count{result="ok"}"#, 1.0),
        ("jelou_process_start_seconds_count", 2.0),
        ("jelou_functions", 1.0),
        ("jelou_store_up", 1.0),
    ] {
        assert_eq!(found.get(sample), Some(&expected), "{sample}");
    }
    // Out of heap, over the memory limit, or stalled by garbage collection, whichever is first.
    eventually("the end of the process", || {
        let found = scrape(&server);
        let is_end =
            |sample: &&String| sample.starts_with("jelou_process_ends_total{function=\"counted\"");
        let ends: f64 = found
            .keys()
            .filter(is_end)
            .map(|sample| found[sample])
            .sum();
        (ends >= 1.0).then_some(())
    });
    for sample in [
        r#"jelou_process_memory_bytes{function="counted"}"#,
        "jelou_workers_memory_bytes",
        "jelou_connections",
        "jelou_store_revision",
        "jelou_store_write_seconds_count",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
    ] {
        assert!(found[sample] > 0.0, "{sample} is {}", found[sample]);
    }
    eventually("the records of the calls", || {
        (scrape(&server)["jelou_log_records_total"] >= 7.0).then_some(())
    });
}

#[test]
fn metrics_are_for_this_machine_and_for_access_tokens() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let admin = server.access_token.clone().unwrap();
    let token = |scope: &str| {
        let line = format!(
            "access-tokens create --name for-{} --scope {scope} --json",
            scope.len()
        );
        let outcome = sandbox.jelou(&line).run();
        assert_eq!(outcome.code, 0, "{outcome}");
        outcome.json()["data"]["token"].as_str().unwrap().to_owned()
    };
    let reader = token("functions:read");
    let other = token("logs:one");
    let behind_proxy = || get(&server).header("x-forwarded-for", "192.0.2.1");
    assert_eq!(get(&server).send().status, 200);
    assert_eq!(behind_proxy().send().status, 401);
    for (token, status) in [(&admin, 200), (&reader, 200), (&other, 403)] {
        let call = behind_proxy().header("authorization", &format!("Bearer {token}"));
        assert_eq!(call.send().status, status);
    }
    server.stop();

    let address = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().to_string()
    };
    let server = Serve::new(&sandbox)
        .env("JELOU_METRICS__LISTEN", &address)
        .env("JELOU_METRICS__MAX_FUNCTIONS", "1")
        .start();
    assert_eq!(get(&server).send().status, 401);
    for slug in ["one", "two", "three"] {
        let token = sandbox.deploy(slug, &function("() => \"ok\""));
        assert_eq!(server.call(slug, Some(&token), "{}").0, 200);
    }
    let own = |path: &str| Call::new(&address, &address).get(path).send();
    assert_eq!(own("/v1/whoami").status, 404);
    let found = samples(&own("/metrics").body);
    let calls = |function: &str| {
        found.get(&format!(
            "jelou_calls_total{{function=\"{function}\",class=\"2xx\"}}"
        ))
    };
    assert_eq!(calls("one"), Some(&1.0));
    assert_eq!(calls("_other"), Some(&2.0));
    assert_eq!(calls("two"), None);
}

#[test]
fn the_traffic_of_a_function_survives_a_restart() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("busy", &function("() => \"ok\""));
    let info = || {
        let outcome = sandbox.jelou("functions info busy --json").run();
        assert_eq!(outcome.code, 0, "{outcome}");
        outcome.json()["data"]["last24Hours"].clone()
    };
    assert_eq!(info()["total"]["calls"], 0);
    for _ in 0..5 {
        assert_eq!(server.call("busy", Some(&token), "{}").0, 200);
    }
    let before = info();
    let data = server.stop();
    let server = Serve::new(&sandbox).on(&data).start();
    assert_eq!(server.call("busy", None, "{}").0, 401);
    let after = info();
    assert_eq!(before["total"]["calls"], 5, "{before}");
    assert_eq!(before["total"]["coldStarts"], 1, "{before}");
    assert_eq!(after["total"]["calls"], 6, "{after}");
    assert_eq!(after["total"]["refused"], 1, "{after}");
    assert!(after["total"]["p99Ms"].as_f64().unwrap() > 0.0, "{after}");
    let points = after["points"].as_array().unwrap();
    assert_eq!(points.len(), 24);
    let sum: u64 = points
        .iter()
        .map(|point| point["calls"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, 6);
    let shown = sandbox.jelou("functions info busy --human").run();
    for part in ["6 calls, 1 refused", "Latency:     p50 ", "By hour:  "] {
        assert!(shown.to_string().contains(part), "{part} is not in {shown}");
    }
}

/// The words of an expression that name a metric of this server.
fn metrics_in(text: &str) -> HashSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .filter(|word| word.starts_with("jelou_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_dashboard_and_the_alerts_use_metrics_that_exist() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("some", &function("() => \"ok\""));
    assert_eq!(server.call("some", Some(&token), "{}").0, 200);
    let found = scrape(&server);
    let known: HashSet<&str> = found
        .keys()
        .map(|sample| sample.split('{').next().unwrap())
        .collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/grafana");
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).unwrap();
    let mut used = HashSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            let names = metrics_in(expression);
            assert!(!names.is_empty(), "{expression}");
            used.extend(names);
        }
    }
    let alerts = read("alerts.yml");
    let mut parts = alerts.split("- alert: ");
    parts.next();
    let mut count = 0;
    for alert in parts {
        count += 1;
        let field = |name: &str| {
            let start = format!("{name}: ");
            let line = alert.lines().find(|line| line.trim().starts_with(&start));
            line.unwrap_or_else(|| panic!("no {name} in {alert}"))
                .trim()[start.len()..]
                .to_owned()
        };
        let names = metrics_in(&field("expr"));
        assert!(!names.is_empty(), "{alert}");
        used.extend(names);
        for told in ["summary", "action"] {
            assert!(field(told).len() > 20, "{told} of {alert}");
        }
    }
    assert!(count >= 8, "{count} alerts");
    let unknown: Vec<_> = used
        .iter()
        .filter(|name| !known.contains(name.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?} do not exist");
}
