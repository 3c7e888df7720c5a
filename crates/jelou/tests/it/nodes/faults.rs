//! Faults of one server that must not affect the other servers of its database.

use serde_json::{Value, json};

use rustix::process::Signal;

use super::{Cluster, returning};
use crate::support::{Server, eventually};

const EVERY_YEAR: &str = r#"import { define } from "@jelou/functions";

export default define({
  description: "A yearly job",
  config: { cron: [{ name: "anual", expression: "0 0 1 1 *" }] },
  handler: () => "ok",
});
"#;

fn answer(server: &Server, token: &str) -> u16 {
    server.call("hola", Some(token), "{}").0
}

fn until_answered(server: &Server, token: &str, status: u16) {
    eventually("the answer of a server", || {
        (answer(server, token) == status).then_some(())
    });
}

/// Only the second server has seen the use of the newest value.
#[test]
fn a_second_rotation_keeps_a_value_that_another_server_has_seen_in_use() {
    let cluster = Cluster::start();
    cluster.sandbox.deploy("hola", &returning("uno"));
    let (first, second) = (&cluster.first, &cluster.second);
    let token = |value: &Value| value["token"].as_str().unwrap().to_owned();
    let create = json!({ "name": "ci" });
    let oldest = token(&cluster.change("POST", "/v1/functions/hola/tokens", &create));
    let path = "/v1/functions/hola/tokens/ci/rotation";
    let grace = json!({ "graceSeconds": 3600 });
    let newer = token(&cluster.change("POST", path, &grace));
    until_answered(second, &newer, 200);

    let rotated = cluster.change("POST", path, &grace);
    let newest = token(&rotated);
    assert!(
        rotated["warnings"][0]
            .as_str()
            .unwrap()
            .contains("before the earlier"),
        "{rotated}"
    );
    for server in [first, second] {
        until_answered(server, &newest, 200);
        until_answered(server, &newer, 200);
        until_answered(server, &oldest, 401);
    }

    // While the other server does not answer, it is unknown whether the value is in use.
    cluster.change("POST", "/v1/functions/hola/tokens/ci/rotation", &grace);
    second.pause();
    let refused = first
        .manage(&cluster.access_token, path)
        .method("POST")
        .body(&grace.to_string())
        .send();
    second.signal(Signal::CONT);
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains(second.address()), "{}", refused.body);
}

/// Like the test above, for access tokens.
#[test]
fn a_second_rotation_of_an_access_token_asks_the_other_servers() {
    let cluster = Cluster::start();
    let (first, second) = (&cluster.first, &cluster.second);
    let until = |server: &Server, token: &str, status: u16| {
        eventually("the answer of a server", || {
            let request = server.manage(token, "/v1/functions").method("GET");
            (request.send().status == status).then_some(())
        });
    };
    let token = |value: &Value| value["token"].as_str().unwrap().to_owned();
    let create = json!({ "name": "ci", "scopes": ["functions:read"] });
    let oldest = token(&cluster.change("POST", "/v1/access-tokens", &create));
    let path = "/v1/access-tokens/ci/rotation";
    let grace = json!({ "graceSeconds": 3600 });
    let newer = token(&cluster.change("POST", path, &grace));
    until(second, &newer, 200);

    let newest = token(&cluster.change("POST", path, &grace));
    for server in [first, second] {
        until(server, &newest, 200);
        until(server, &newer, 200);
        until(server, &oldest, 401);
    }

    cluster.change("POST", path, &grace);
    second.pause();
    let request = first.manage(&cluster.access_token, path).method("POST");
    let refused = request.body(&grace.to_string()).send();
    second.signal(Signal::CONT);
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains(second.address()), "{}", refused.body);
}

/// A list has the rows that can be read, and names the one that cannot.
fn lists_name_what_they_lack(cluster: &Cluster, access: &str) {
    let second = &cluster.second;
    let listed = eventually("the access token on the other server", || {
        let request = second.manage(access, "/v1/functions/hola/tokens");
        Some(request.method("GET").send()).filter(|listed| listed.status == 200)
    });
    let names = listed.json()["items"].to_string();
    assert!(
        names.contains("\"good\"") && !names.contains("strange"),
        "{names}"
    );
    let unreadable = listed.header("jelou-unreadable").unwrap();
    assert!(
        unreadable.contains("runtime_tokens.policy of tok_"),
        "{unreadable}"
    );
    let log = second.data.log();
    assert!(
        log.contains("a list lacks a row that cannot be read"),
        "{log}"
    );
    for (list, row) in [
        ("tokens list hola", "runtime_tokens.policy of tok_"),
        ("functions list", "functions.settings of hola"),
        ("access-tokens list", "access_tokens.id of pat_1"),
        ("trust list", "trust_policies.id of trust_1"),
    ] {
        let listed = cluster.sandbox.jelou(&format!("{list} --json")).run();
        assert_eq!(listed.code, 0, "{listed}");
        assert!(listed.to_string().contains(row), "{list}: {listed}");
    }
}

/// A newer version may have written such a row.
#[test]
fn a_row_that_a_server_cannot_read_does_not_stop_its_feed() {
    let cluster = Cluster::start();
    let token = cluster.sandbox.deploy("hola", &returning("uno"));
    let (first, second) = (&cluster.first, &cluster.second);
    until_answered(first, &token, 200);
    let create = |name: &str| {
        let body = json!({ "name": name });
        let created = cluster.change("POST", "/v1/functions/hola/tokens", &body);
        created["token"].as_str().unwrap().to_owned()
    };
    let strange = create("strange");
    until_answered(second, &strange, 200);
    for statement in [
        "UPDATE runtime_tokens SET policy = '{\"weather\":1}' WHERE name = 'strange'",
        "UPDATE functions SET settings = '{\"egress\":5}' WHERE slug = 'hola'",
        "INSERT INTO trust_policies (id, name, terms, pinned, created_at, created_by) \
         VALUES ('trust_1', 'x', '{\"weather\":1}', '{}', 1, 'x')",
        "INSERT INTO access_tokens (id, name, hash, prefix, scopes, created_by, created_at) \
         VALUES ('pat_1', 'y', '\\x00', 'jfn_pat_x', 'weather:read', 'x', 1)",
        "INSERT INTO functions (id, slug, name, created_at, updated_at) VALUES ('fn_1', 'Ho La', 'x', 1, 1)",
    ] {
        cluster.postgres.execute(statement);
    }
    // The next change of the function makes both servers read it again.
    let good = create("good");
    for server in [first, second] {
        until_answered(server, &good, 200);
        until_answered(server, &strange, 401);
        assert_eq!(answer(server, &token), 200);
    }
    let access = cluster.change(
        "POST",
        "/v1/access-tokens",
        &json!({ "name": "lector", "scopes": ["functions:read"] }),
    );
    let access = access["token"].as_str().unwrap();
    lists_name_what_they_lack(&cluster, access);

    let unapplied = eventually("what the servers could not apply", || {
        let nodes = cluster.sandbox.jelou("nodes --json").run().json();
        let nodes = nodes["data"].as_array().unwrap().clone();
        let all = nodes.iter().all(|node| {
            node["unapplied"]
                .as_array()
                .is_some_and(|parts| parts.len() >= 2)
        });
        all.then_some(nodes)
    });
    let text = unapplied[0]["unapplied"].to_string();
    assert!(text.contains("the function `hola`"), "{text}");
    assert!(
        text.contains("access_tokens.") && text.contains("pat_1"),
        "{text}"
    );
    let shown = cluster
        .sandbox
        .jelou("nodes")
        .in_terminal()
        .finish()
        .to_string();
    assert!(
        shown.contains("cannot apply the function `hola`"),
        "{shown}"
    );
    let metrics = first
        .manage(&cluster.access_token, "/metrics")
        .method("GET")
        .send();
    assert!(
        metrics.body.contains("jelou_feed_unapplied_functions 1"),
        "{}",
        metrics.body
    );

    cluster
        .postgres
        .execute("UPDATE functions SET settings = NULL WHERE slug = 'hola'");
    cluster
        .postgres
        .execute("DELETE FROM runtime_tokens WHERE name = 'strange'");
    cluster
        .postgres
        .execute("DELETE FROM access_tokens WHERE id = 'pat_1'");
    eventually("the end of the faults", || {
        let nodes = cluster.sandbox.jelou("nodes --json").run().json();
        let nodes = nodes["data"].as_array().unwrap().clone();
        nodes
            .iter()
            .all(|node| node["unapplied"] == json!([]))
            .then_some(())
    });
}

/// The history differs after the restore of an older or a wrong backup.
#[test]
fn another_history_brings_all_parts_and_deletes_no_log() {
    let cluster = Cluster::start();
    cluster.sandbox.deploy("hola", EVERY_YEAR);
    let Cluster {
        postgres,
        access_token,
        first,
        second,
        sandbox,
        ..
    } = cluster;
    let schedule = "/v1/functions/hola/schedules/anual";
    let is_paused = |server: &Server| {
        let path = "/v1/functions/hola/schedules";
        let listed = server.manage(&access_token, path).method("GET").send();
        listed.json()["items"][0]["paused"] == json!(true)
    };
    let stopped = postgres.stop();
    stopped.copy();
    let postgres = stopped.start();
    postgres.url();
    eventually("a pause on both servers", || {
        let request = first.manage(&access_token, schedule).method("PATCH");
        let paused = request.body("{\"paused\":true}").send();
        (paused.status == 200 && is_paused(&first) && is_paused(&second)).then_some(())
    });
    let late = sandbox.deploy("tarde", &returning("uno"));
    eventually("a call of the late function", || {
        (second.call("tarde", Some(&late), "{}").0 == 200).then_some(())
    });
    let id = sandbox.jelou("functions info tarde --json").run().json()["data"]["id"].clone();
    let log = second.data.path().join("logs").join(id.as_str().unwrap());
    eventually("the log of the late function", || {
        log.exists().then_some(())
    });

    let stopped = postgres.stop();
    stopped.restore();
    let postgres = stopped.start();
    postgres.url();
    for server in [&first, &second] {
        eventually("the state of the other history", || {
            let is_gone = server.call("tarde", Some(&late), "{}").0 == 404;
            (is_gone && !is_paused(server)).then_some(())
        });
    }
    assert!(log.exists(), "the log of a function that was not deleted");
}
