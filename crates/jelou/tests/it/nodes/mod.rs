//! Several servers on one PostgreSQL database, over TLS.

mod balancers;
mod faults;
mod logs;
mod schedules;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::databases::postgres::Postgres;
use crate::support::{Sandbox, Serve, Server, eventually, function, times};

pub(crate) const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
/// Maximum time from the answer of one server until the other server has applied the change. The machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Cluster {
    pub(crate) postgres: Postgres,
    pub(crate) url: String,
    pub(crate) sandbox: Sandbox,
    pub(crate) access_token: String,
    pub(crate) first: Server,
    pub(crate) second: Server,
}

pub(crate) fn node<'a>(sandbox: &'a Sandbox, url: &str, key: &str) -> Serve<'a> {
    Serve::new(sandbox)
        .env("JELOU_DATABASE__URL", url)
        .env("JELOU_MASTER_KEY", key)
        .env("JELOU_TRUSTED_PROXIES", "[\"127.0.0.1\"]")
        // The machine may be busy.
        .env("JELOU_LIMITS__STARTUP_TIMEOUT_MS", "60000")
}

impl Cluster {
    pub(crate) fn start() -> Self {
        Self::with(Postgres::start(), |first| first, |second| second)
    }

    /// Starts two servers with further settings.
    pub(crate) fn with(
        postgres: Postgres,
        first: impl FnOnce(Serve<'_>) -> Serve<'_>,
        second: impl FnOnce(Serve<'_>) -> Serve<'_>,
    ) -> Self {
        let url = postgres.url();
        let sandbox = Sandbox::new();
        let first = first(node(&sandbox, &url, KEY)).start();
        let second = second(node(&sandbox, &url, KEY)).start();
        assert_eq!(second.access_token, None, "one first token for all");
        Self {
            access_token: first.access_token.clone().unwrap(),
            postgres,
            url,
            sandbox,
            first,
            second,
        }
    }

    /// A request to the management API of the first server.
    pub(crate) fn change(&self, method: &'static str, path: &str, body: &Value) -> Value {
        let request = self.first.manage(&self.access_token, path).method(method);
        let reply = request.body(&body.to_string()).send();
        assert!(
            reply.status < 300,
            "{path}: {} {}",
            reply.status,
            reply.body
        );
        serde_json::from_str(&reply.body).unwrap_or_default()
    }

    /// Waits until the second server gives this answer.
    pub(crate) fn second_answers(&self, token: &str, wanted: (u16, &str)) {
        let since = Instant::now();
        loop {
            let (status, body) = self.second.call("hola", Some(token), "{}");
            if status == wanted.0 && (body == wanted.1 || wanted.1.is_empty()) {
                return;
            }
            assert!(
                since.elapsed() < PATIENCE,
                "{status} {body}, not {wanted:?}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

pub(crate) fn returning(value: &str) -> String {
    function(&format!(
        "() => new Response(\"{value} \" + (process.env.CLAVE ?? \"\"))"
    ))
}

#[test]
fn a_change_on_one_server_is_one_on_all() {
    let cluster = Cluster::start();
    let Cluster {
        sandbox,
        first,
        second,
        ..
    } = &cluster;
    // The profile `local` belongs to the server that started last.
    let token = sandbox.deploy("hola", &returning("uno"));
    assert_eq!(
        second.call("hola", Some(&token), "{}"),
        (200, "uno ".to_owned())
    );
    eventually("the function on the other server", || {
        (first.call("hola", Some(&token), "{}") == (200, "uno ".to_owned())).then_some(())
    });

    let created = cluster.change(
        "POST",
        "/v1/functions/hola/tokens",
        &json!({ "name": "ci" }),
    );
    let ci = created["token"].as_str().unwrap();
    cluster.second_answers(ci, (200, "uno "));
    cluster.change(
        "PATCH",
        "/v1/functions/hola/tokens/ci",
        &json!({ "disabled": true }),
    );
    cluster.second_answers(ci, (401, ""));
    cluster.change(
        "PATCH",
        "/v1/functions/hola/tokens/ci",
        &json!({ "disabled": false }),
    );
    cluster.second_answers(ci, (200, "uno "));
    let rotated = cluster.change(
        "POST",
        "/v1/functions/hola/tokens/ci/rotation",
        &json!({ "graceSeconds": 0 }),
    );
    let new = rotated["token"].as_str().unwrap();
    cluster.second_answers(ci, (401, ""));
    cluster.second_answers(new, (200, "uno "));
    cluster.change("DELETE", "/v1/functions/hola/tokens/ci", &Value::Null);
    cluster.second_answers(new, (401, ""));

    cluster.change(
        "PATCH",
        "/v1/functions/hola/secrets",
        &json!({ "secrets": { "CLAVE": "abierta" } }),
    );
    cluster.second_answers(&token, (200, "uno abierta"));
    cluster.change("DELETE", "/v1/functions/hola/secrets/CLAVE", &Value::Null);
    cluster.second_answers(&token, (200, "uno "));

    let access = cluster.change(
        "POST",
        "/v1/access-tokens",
        &json!({ "name": "pipeline", "scopes": ["functions:read"] }),
    );
    let access = access["token"].as_str().unwrap();
    let allowed = || {
        second
            .manage(access, "/v1/functions")
            .method("GET")
            .send()
            .status
    };
    eventually("the access token", || (allowed() == 200).then_some(()));
    cluster.change("DELETE", "/v1/access-tokens/pipeline", &Value::Null);
    eventually("the end of the access token", || {
        (allowed() == 401).then_some(())
    });

    cluster.change("DELETE", "/v1/functions/hola", &Value::Null);
    cluster.second_answers(&token, (404, ""));
}

#[test]
fn a_server_that_has_started_is_known_to_the_others() {
    let cluster = Cluster::start();
    let request = cluster.first.manage(&cluster.access_token, "/v1/nodes");
    let nodes = request.method("GET").send().json();
    assert_eq!(nodes["items"].as_array().map(Vec::len), Some(2), "{nodes}");
}

#[test]
fn a_deploy_on_one_server_loses_no_call_on_the_other() {
    let cluster = Cluster::start();
    // Commands go to the second server.
    let token = cluster.sandbox.deploy("hola", &returning("0"));
    let call = || cluster.first.call("hola", Some(&token), "{}");
    eventually("the function on the other server", || {
        (call().0 == 200).then_some(())
    });
    for n in 1..4 {
        std::thread::scope(|scope| {
            let sandbox = &cluster.sandbox;
            let deploy = scope.spawn(move || sandbox.deploy("hola", &returning(&n.to_string())));
            let since = Instant::now();
            let (before, after) = (format!("{} ", n - 1), format!("{n} "));
            while since.elapsed() < 6 * PATIENCE {
                let (status, body) = call();
                assert_eq!(status, 200, "{body}");
                if body != before {
                    break;
                }
            }
            assert_eq!(call(), (200, after));
            deploy.join().unwrap();
        });
    }
}

/// The answer to a change contains whether all servers have applied it.
#[test]
fn a_revocation_holds_everywhere_when_it_is_answered() {
    let cluster = Cluster::start();
    let Cluster {
        sandbox,
        first,
        second,
        ..
    } = &cluster;
    let token = sandbox.deploy("hola", &returning("uno"));
    eventually("both servers in the list", || {
        let nodes = sandbox.jelou("nodes --json").run().json();
        (nodes["data"].as_array().unwrap().len() == 2).then_some(())
    });
    eventually("the function on the other server", || {
        (first.call("hola", Some(&token), "{}").0 == 200).then_some(())
    });
    for n in 0..times(20, 500) {
        let name = format!("t{n}");
        let created = cluster.change(
            "POST",
            "/v1/functions/hola/tokens",
            &json!({ "name": name }),
        );
        let value = created["token"].as_str().unwrap().to_owned();
        assert_eq!(second.call("hola", Some(&value), "{}").0, 200, "{n}");
        cluster.change(
            "DELETE",
            &format!("/v1/functions/hola/tokens/{name}"),
            &Value::Null,
        );
        assert_eq!(second.call("hola", Some(&value), "{}").0, 401, "{n}");
    }

    // Commands use the second server, which continues. The first server is paused.
    cluster.change(
        "POST",
        "/v1/functions/hola/tokens",
        &json!({ "name": "kept" }),
    );
    cluster.change(
        "POST",
        "/v1/functions/hola/tokens",
        &json!({ "name": "last" }),
    );
    first.signal(Signal::STOP);
    let since = Instant::now();
    let revoked = sandbox.jelou("tokens revoke hola last -y --json").run();
    let took = since.elapsed();
    let required = sandbox
        .jelou("tokens disable hola kept -y --require-all --json")
        .run();
    first.signal(Signal::CONT);
    assert_eq!(revoked.code, 0, "{revoked}");
    let pending = revoked.json()["data"]["pending"].clone();
    let stopped = format!("http://{}", first.address());
    assert_eq!(pending, json!([stopped]), "{revoked}");
    assert!(
        revoked.to_string().contains("have not applied it yet"),
        "{revoked}"
    );
    assert!(took >= Duration::from_secs(2), "{took:?}");
    assert_eq!(required.code, 1, "{required}");
    assert_eq!(required.json()["ok"], true, "{required}");
    eventually("the stopped server up to date", || {
        let nodes = sandbox.jelou("nodes --json").run().json();
        let nodes = nodes["data"].as_array().unwrap().clone();
        nodes.iter().all(|node| node["behind"] == 0).then_some(())
    });
}

#[test]
fn a_server_with_another_key_does_not_start_and_passwords_are_not_shown() {
    let Cluster {
        postgres,
        url,
        sandbox,
        first,
        second,
        ..
    } = Cluster::start();
    let refused = node(&sandbox, &url, &KEY.replace("MD", "MT")).run();
    assert_ne!(refused.code, 0, "{refused}");
    assert!(
        refused
            .to_string()
            .contains("give the key of this database"),
        "{refused}"
    );
    let closed = url.replace("secreto@", "wrong@");
    let refused = node(&sandbox, &closed, KEY).run();
    assert!(
        refused
            .to_string()
            .contains("password authentication failed"),
        "{refused}"
    );
    drop(postgres);
    let away = node(&sandbox, &url, KEY).run();
    assert!(
        away.to_string()
            .contains("cannot connect to the PostgreSQL database at localhost:"),
        "{away}"
    );
    for log in [
        first.data.log(),
        second.data.log(),
        refused.to_string(),
        away.to_string(),
    ] {
        assert!(!log.contains("secreto") && !log.contains("wrong"), "{log}");
    }
}

#[test]
fn calls_go_on_while_the_database_is_away() {
    let cluster = Cluster::start();
    let token = cluster.sandbox.deploy("hola", &returning("uno"));
    let Cluster {
        postgres,
        access_token,
        first,
        second,
        ..
    } = cluster;
    eventually("the function on the other server", || {
        (first.call("hola", Some(&token), "{}").0 == 200).then_some(())
    });
    let stopped = postgres.stop();
    for server in [&first, &second] {
        assert_eq!(server.call("hola", Some(&token), "{}").0, 200);
    }
    let create = || {
        let request = first.manage(&access_token, "/v1/functions/hola/tokens");
        request.method("POST").body("{\"name\":\"ci\"}").send()
    };
    let refused = create();
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.header("retry-after").is_some());
    let _postgres = stopped.start();
    let created = eventually("a change after its return", || {
        let created = create();
        (created.status == 201).then_some(created)
    });
    let ci = created.json()["token"].as_str().unwrap().to_owned();
    eventually("the change on the other server", || {
        (second.call("hola", Some(&ci), "{}").0 == 200).then_some(())
    });
}

/// A failover to a standby that lacks the last changes has the same effect.
#[test]
fn servers_follow_a_database_that_was_set_back() {
    let cluster = Cluster::start();
    let token = cluster.sandbox.deploy("hola", &returning("uno"));
    let Cluster {
        postgres,
        access_token,
        first,
        second,
        ..
    } = cluster;
    let stopped = postgres.stop();
    stopped.copy();
    let postgres = stopped.start();
    postgres.url();
    let create = |name: &str| {
        let body = json!({ "name": name }).to_string();
        let created = eventually("a change", || {
            let request = first.manage(&access_token, "/v1/functions/hola/tokens");
            let created = request.method("POST").body(&body).send();
            (created.status == 201).then_some(created)
        });
        created.json()["token"].as_str().unwrap().to_owned()
    };
    let answer = |server: &Server, token: &str| server.call("hola", Some(token), "{}").0;
    let lost = create("lost");
    eventually("the token on both servers", || {
        let answers = (answer(&first, &lost), answer(&second, &lost));
        (answers == (200, 200)).then_some(())
    });

    let stopped = postgres.stop();
    stopped.restore();
    let postgres = stopped.start();
    postgres.url();
    // The database uses the number of the lost change again.
    let other = create("other");
    for server in [&first, &second] {
        eventually("the end of the lost token", || {
            (answer(server, &lost) == 401).then_some(())
        });
        eventually("the other token", || {
            (answer(server, &other) == 200).then_some(())
        });
        assert_eq!(answer(server, &token), 200);
    }
}
