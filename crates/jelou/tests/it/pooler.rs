//! Servers behind `PgBouncer` in transaction mode.

use std::thread;

use serde_json::{Value, json};

use crate::databases::pgbouncer::PgBouncer;
use crate::databases::postgres::Postgres;
use crate::nodes::{Cluster, KEY, node, returning};
use crate::support::{Sandbox, Serve, eventually};

const POLLS: &str = "the database is asked for changes every 250 ms";

fn pooled<'a>(server: Serve<'a>, bouncer: &PgBouncer) -> Serve<'a> {
    server
        .env("JELOU_DATABASE__URL", &bouncer.url())
        .env("JELOU_DATABASE__POOLER", "true")
}

#[test]
fn servers_behind_a_pooler_follow_each_other() {
    let postgres = Postgres::start();
    let direct = postgres.url();
    let bouncer = PgBouncer::start(&postgres);
    let cluster = Cluster::with(
        postgres,
        |first| pooled(first, &bouncer),
        |second| pooled(second, &bouncer).env("JELOU_DATABASE__LISTEN_URL", &direct),
    );
    let Cluster {
        sandbox,
        access_token,
        first,
        second,
        ..
    } = &cluster;
    let token = sandbox.deploy("hola", &returning("uno"));
    for server in [first, second] {
        eventually("the function", || {
            let answer = server.call("hola", Some(&token), "{}");
            (answer == (200, "uno ".to_owned())).then_some(())
        });
    }
    // More changes at a time than the pooler has sessions.
    thread::scope(|scope| {
        for (n, server) in [first, second, first, second].into_iter().enumerate() {
            scope.spawn(move || {
                for m in 0..10 {
                    let body = json!({ "name": format!("t{n}-{m}") }).to_string();
                    let request = server.manage(access_token, "/v1/functions/hola/tokens");
                    let created = request.body(&body).send();
                    assert_eq!(created.status, 201, "{created:?}");
                    let value = created.json()["token"].as_str().unwrap().to_owned();
                    for server in [first, second] {
                        let call = || server.call("hola", Some(&value), "{}").0;
                        eventually("the token", || (call() == 200).then_some(()));
                    }
                }
            });
        }
    });
    cluster.change(
        "PATCH",
        "/v1/functions/hola/secrets",
        &json!({ "secrets": { "CLAVE": "abierta" } }),
    );
    cluster.second_answers(&token, (200, "uno abierta"));
    cluster.change("DELETE", "/v1/functions/hola/tokens/t0-0", &Value::Null);
    let verified = sandbox.jelou("audit verify").run();
    assert_eq!(verified.code, 0, "{verified}");
    // The second server has a separate connection for notifications.
    assert_eq!(first.data.log().matches(POLLS).count(), 1);
    assert_eq!(second.data.log().matches(POLLS).count(), 0);
}

#[test]
fn a_listen_url_that_leads_to_the_pooler_is_not_used() {
    let postgres = Postgres::start();
    postgres.url();
    let bouncer = PgBouncer::start(&postgres);
    let sandbox = Sandbox::new();
    let server = pooled(node(&sandbox, &bouncer.url(), KEY), &bouncer)
        .env("JELOU_DATABASE__LISTEN_URL", &bouncer.url())
        .start();
    eventually("the warning", || {
        let log = server.data.log();
        log.contains("`database.listen_url` leads to a pooler")
            .then_some(())
    });
    for n in 0..6 {
        let created = sandbox
            .jelou(&format!("access-tokens create --name zz{n} --scope admin"))
            .run();
        assert_eq!(created.code, 0, "{created}");
    }
}

#[test]
fn a_pooler_that_is_not_declared_is_named() {
    let postgres = Postgres::start();
    postgres.url();
    let bouncer = PgBouncer::start(&postgres);
    let sandbox = Sandbox::new();
    let refused = node(&sandbox, &bouncer.url(), KEY).run();
    assert_ne!(refused.code, 0, "{refused}");
    assert!(
        refused.to_string().contains("set `database.pooler = true`"),
        "{refused}"
    );
    let needless = node(&sandbox, &bouncer.url(), KEY)
        .env("JELOU_DATABASE__LISTEN_URL", &bouncer.url())
        .run();
    assert!(
        needless.to_string().contains("`database.pooler` is not"),
        "{needless}"
    );
}
