//! Servers whose database is cut off or stopped, and servers that are killed in the middle of a change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::databases::postgres::Postgres;
use crate::databases::relay::Relay;
use crate::nodes::{Cluster, KEY, node, returning};
use crate::support::{DataFolder, Reply, Sandbox, Server, eventually, function, times};

/// A server reports the database as away after this time without an answer.
const AWAY_SECONDS: f64 = 5.0;

/// A cluster whose second server reaches the database over a relay.
fn relayed(settings: &[(&str, &str)]) -> (Cluster, Relay) {
    let postgres = Postgres::start();
    let relay = Relay::to(postgres.port());
    let direct = format!("localhost:{}", postgres.port());
    let url = postgres
        .url()
        .replace(&direct, &format!("localhost:{}", relay.port));
    let cluster = Cluster::with(
        postgres,
        |first| first,
        |second| {
            let second = second.env("JELOU_DATABASE__URL", &url);
            let all = settings.iter();
            all.fold(second, |second, (name, value)| second.env(name, value))
        },
    );
    (cluster, relay)
}

fn readiness(server: &Server) -> Reply {
    server.manage("", "").get("/readyz").send()
}

/// Waits until `/readyz` returns this status code and status.
fn waits_for(server: &Server, wanted: (u16, &str)) -> Value {
    eventually(wanted.1, || {
        let reply = readiness(server);
        let seen = (
            reply.status,
            reply.json()["status"].as_str().unwrap() == wanted.1,
        );
        (seen == (wanted.0, true)).then(|| reply.json())
    })
}

fn create(cluster: &Cluster, name: &str) -> String {
    let created = cluster.change(
        "POST",
        "/v1/functions/hola/tokens",
        &json!({ "name": name }),
    );
    created["token"].as_str().unwrap().to_owned()
}

#[test]
fn a_server_that_is_cut_off_serves_on_and_catches_up() {
    let (cluster, relay) = relayed(&[]);
    let Cluster {
        sandbox,
        access_token,
        first,
        second,
        ..
    } = &cluster;
    // Commands go to the second server.
    let token = sandbox.deploy("hola", &returning("uno"));
    eventually("the function on the other server", || {
        (first.call("hola", Some(&token), "{}").0 == 200).then_some(())
    });
    for name in ["silent", "cut"] {
        let ci = create(&cluster, name);
        cluster.second_answers(&ci, (200, ""));
        waits_for(second, (200, "ready"));
        if name == "cut" {
            relay.cut();
        } else {
            relay.silence();
        }
        let away = waits_for(second, (200, "away"));
        assert!(away["feedAgeSeconds"].as_f64().unwrap() >= AWAY_SECONDS);
        let path = format!("/v1/functions/hola/tokens/{name}");
        let revoked = first.manage(access_token, &path).method("DELETE").send();
        assert_eq!(revoked.status, 204, "{revoked:?}");
        let pending = revoked.header("jelou-pending");
        assert_eq!(
            pending,
            Some(&*format!("http://{}", second.address())),
            "{name}"
        );
        // The second server cannot know of the revocation.
        for known in [&token, &ci] {
            assert_eq!(second.call("hola", Some(known), "{}").0, 200, "{name}");
        }
        let refused = second
            .manage(access_token, "/v1/functions/hola/tokens")
            .body("{\"name\":\"none\"}")
            .send();
        assert_eq!(refused.status, 503, "{name}: {refused:?}");

        relay.heal();
        eventually("the revocation on the other server", || {
            (second.call("hola", Some(&ci), "{}").0 == 401).then_some(())
        });
        waits_for(second, (200, "ready"));
        eventually("a change on the server that was away", || {
            let made = sandbox.jelou(&format!("tokens create hola --name {name}-back"));
            (made.run().code == 0).then_some(())
        });
        let listed = sandbox.jelou("tokens list hola --json").run().to_string();
        assert!(!listed.contains("\"none\""), "{listed}");
    }

    relay.delay(Duration::from_millis(20));
    let late = create(&cluster, "late");
    cluster.second_answers(&late, (200, ""));
    relay.heal();
    let log = second.data.log();
    let said = log.matches("cannot follow the changes of the database");
    assert!(said.count() >= 2, "{log}");
    assert!(
        log.contains("the changes of the database are followed again"),
        "{log}"
    );
}

#[test]
fn an_access_token_that_was_revoked_meanwhile_changes_nothing() {
    let (cluster, relay) = relayed(&[]);
    let Cluster {
        access_token,
        first,
        second,
        ..
    } = &cluster;
    let create = |server: &Server, token: &str, name: &str| {
        let body = json!({ "name": name, "scopes": ["admin"] }).to_string();
        server.manage(token, "/v1/access-tokens").body(&body).send()
    };
    let gone = create(first, access_token, "gone").json();
    let gone = gone["token"].as_str().unwrap();
    eventually("the access token on the other server", || {
        let reply = second.manage(gone, "").get("/v1/whoami").send();
        (reply.status == 200).then_some(())
    });
    relay.cut();
    waits_for(second, (200, "away"));
    let revoke = first.manage(access_token, "/v1/access-tokens/gone");
    assert_eq!(revoke.method("DELETE").send().status, 204);
    // These requests wait until the database is back.
    thread::scope(|scope| {
        for n in 0..4 {
            scope.spawn(move || {
                let name = format!("back-{n}");
                eventually("the refusal", || {
                    let status = create(second, gone, &name).status;
                    assert!(matches!(status, 401 | 503), "{status}");
                    (status == 401).then_some(())
                });
            });
        }
        thread::sleep(Duration::from_millis(200));
        relay.heal();
    });
    let listed = first.manage(access_token, "").get("/v1/access-tokens");
    let listed = listed.send().body;
    assert!(!listed.contains("back-"), "{listed}");
}

#[test]
fn calls_are_refused_when_the_state_is_too_old() {
    let (cluster, relay) = relayed(&[("JELOU_DATABASE__MAX_STALE_MS", "6000")]);
    let Cluster {
        sandbox,
        first,
        second,
        ..
    } = &cluster;
    let token = sandbox.deploy("hola", &returning("uno"));
    assert_eq!(second.call("hola", Some(&token), "{}").0, 200);
    eventually("the function on the other server", || {
        (first.call("hola", Some(&token), "{}").0 == 200).then_some(())
    });
    relay.silence();
    let call = || second.request("hola").token(&token).send();
    let refused = eventually("a refusal", || {
        let reply = call();
        (reply.status != 200).then_some(reply)
    });
    assert_eq!(
        (refused.status, &*refused.body),
        (503, r#"{"error":"Function unavailable","code":"stale"}"#)
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    waits_for(second, (503, "stale"));
    assert_eq!(first.call("hola", Some(&token), "{}").0, 200);
    waits_for(first, (200, "ready"));
    let log = second.data.log();
    assert!(log.contains("database.max_stale_ms"), "{log}");
    relay.heal();
    eventually("a call after its return", || {
        (call().status == 200).then_some(())
    });
}

/// Ends the load when the test ends, even if it fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Calls both servers until `stop` is set. Returns the number of calls.
fn load(servers: [&Server; 2], token: &str, stop: &AtomicBool) -> usize {
    let calls = AtomicUsize::new(0);
    thread::scope(|scope| {
        for server in servers {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let answer = server.call("hola", Some(token), "{}");
                    assert_eq!(answer, (200, "uno ".to_owned()));
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    calls.into_inner()
}

#[test]
fn no_call_fails_while_postgresql_hangs_or_is_stopped() {
    let cluster = Cluster::start();
    let token = cluster.sandbox.deploy("hola", &returning("uno"));
    let Cluster {
        postgres,
        access_token,
        first,
        second,
        ..
    } = cluster;
    let servers = [&first, &second];
    for server in servers {
        eventually("the function", || {
            (server.call("hola", Some(&token), "{}").0 == 200).then_some(())
        });
    }
    let stop = AtomicBool::new(false);
    let away = Duration::from_secs(times(4, 60).try_into().unwrap());
    thread::scope(|scope| {
        let calls = scope.spawn(|| load(servers, &token, &stop));
        let stopping = Stop(&stop);
        let agreed = |name: &str| {
            let back = Instant::now();
            let body = json!({ "name": name }).to_string();
            let created = eventually("a change after its return", || {
                let request = first.manage(&access_token, "/v1/functions/hola/tokens");
                let created = request.body(&body).send();
                (created.status == 201).then(|| created.json())
            });
            let new = created["token"].as_str().unwrap();
            eventually("the change on both servers", || {
                let answers = servers.map(|server| server.call("hola", Some(new), "{}").0);
                (answers == [200; 2]).then_some(())
            });
            eprintln!("{name}: both servers agree after {:?}", back.elapsed());
        };
        postgres.signal(Signal::STOP);
        thread::sleep(away);
        postgres.signal(Signal::CONT);
        agreed("hung");
        let stopped = postgres.stop();
        thread::sleep(away);
        let postgres = stopped.start();
        postgres.url();
        agreed("stopped");
        drop(stopping);
        assert!(calls.join().unwrap() > 100);
    });
}

/// The result of one thread's changes when their server was killed.
#[derive(Default)]
struct Left {
    /// Values that work, by their names.
    valid: Vec<(String, String)>,
    revoked: Vec<String>,
    /// The name of the token whose change was not acknowledged.
    in_doubt: Option<String>,
}

/// Creates and revokes tokens until the server is killed.
fn change_tokens(server: &Server, access_token: &str, round: usize) -> Left {
    let mut left = Left::default();
    let path = "/v1/functions/mi-funcion/tokens";
    for n in 0.. {
        let name = format!("r{round}-{n}");
        let body = json!({ "name": name }).to_string();
        let created = server.manage(access_token, path).body(&body).try_send();
        let Some(created) = created.ok().filter(|reply| reply.status == 201) else {
            left.in_doubt = Some(name);
            break;
        };
        let value = created.json()["token"].as_str().unwrap().to_owned();
        if n % 3 != 0 {
            left.valid.push((name, value));
            continue;
        }
        let revoke = server.manage(access_token, &format!("{path}/{name}"));
        let revoked = revoke.method("DELETE").body("").try_send();
        if revoked.is_ok_and(|reply| reply.status == 204) {
            left.revoked.push(value);
        } else {
            left.in_doubt = Some(name);
            break;
        }
    }
    left
}

/// Deploys versions after `from` until the server is killed. Returns the last acknowledged version.
fn deploy_versions(server: &Server, access_token: &str, from: usize) -> usize {
    let path = "/v1/functions/mi-funcion/deployments";
    let mut acknowledged = from;
    loop {
        let source = function(&format!("() => ({{ version: {} }})", acknowledged + 1));
        let files = json!({ "files": [{ "path": "index.ts", "content": source }] });
        let request = server.manage(access_token, path).body(&files.to_string());
        match request.try_send() {
            Ok(reply) if reply.status == 201 => acknowledged += 1,
            _ => return acknowledged,
        }
    }
}

/// A server is killed again and again while it makes changes. Another server, and the next start of the killed one,
/// have all acknowledged changes.
#[test]
fn a_kill_in_the_middle_of_changes_loses_nothing_and_leaves_nothing_half_done() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let sandbox = Sandbox::new();
    let data = Arc::new(DataFolder::new());
    let start = || node(&sandbox, &url, KEY).on(&data).start();
    let mut victim = start();
    let access_token = victim.access_token.clone().unwrap();
    let witness = node(&sandbox, &url, KEY).start();
    let token = sandbox.deploy("mi-funcion", &function("() => ({ version: 0 })"));
    let version_on = |server: &Server| {
        let reply = server.request("mi-funcion").token(&token).send();
        assert_eq!(reply.status, 200, "{reply:?}");
        usize::try_from(reply.json()["version"].as_u64().unwrap()).unwrap()
    };
    let mut version = 0;
    let mut names = vec!["default".to_owned()];
    for round in 0..times(4, 200) {
        let (deployed, left) = thread::scope(|scope| {
            let deploys = scope.spawn(|| deploy_versions(&victim, &access_token, version));
            let tokens = scope.spawn(|| change_tokens(&victim, &access_token, round));
            // The kill comes at different moments of a deploy, which takes about a second.
            thread::sleep(Duration::from_millis(200 + 137 * (round as u64 % 17)));
            victim.signal(Signal::KILL);
            (deploys.join().unwrap(), tokens.join().unwrap())
        });
        victim.kill();
        let lock = data.path().join("lock");
        eventually("the end of the killed server's lock", || {
            let lock = std::fs::File::open(&lock).unwrap();
            lock.try_lock().ok()
        });
        victim = start();
        for server in [&witness, &victim] {
            let seen = eventually("the last version", || {
                let seen = version_on(server);
                (seen >= deployed).then_some(seen)
            });
            assert!(
                seen <= deployed + 1,
                "{seen}, and {deployed} was acknowledged"
            );
            version = seen;
            for (name, value) in &left.valid {
                let answer = server.call("mi-funcion", Some(value), "{}");
                assert_eq!(answer.0, 200, "{name}: {}", answer.1);
            }
            for value in &left.revoked {
                assert_eq!(server.call("mi-funcion", Some(value), "{}").0, 401);
            }
        }
        eventually("the same version on both servers", || {
            (version_on(&witness) == version).then_some(())
        });
        names.extend(left.valid.into_iter().map(|(name, _)| name));
        let listed = witness
            .manage(&access_token, "")
            .get("/v1/functions/mi-funcion/tokens")
            .send()
            .json();
        let listed = listed["items"].as_array().unwrap().iter();
        let mut listed: Vec<String> = listed
            .map(|token| token["name"].as_str().unwrap().to_owned())
            .collect();
        names.extend(left.in_doubt.filter(|name| listed.contains(name)));
        listed.sort();
        names.sort();
        assert_eq!(listed, names);
        let verified = sandbox.jelou("audit verify").run();
        assert_eq!(verified.code, 0, "{verified}");
    }
}

/// A server starts without its database, and follows it later.
#[test]
fn a_server_starts_from_its_local_copy() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let sandbox = Sandbox::new();
    let data = Arc::new(DataFolder::new());
    let copying = |key: &str| {
        node(&sandbox, &url, key)
            .on(&data)
            .env("JELOU_DATABASE__LOCAL_COPY", "true")
    };
    let server = copying(KEY).start();
    let access_token = server.access_token.clone().unwrap();
    let other = node(&sandbox, &url, KEY).start();
    let token = sandbox.deploy("hola", &returning("uno"));
    let manage = |server: &Server, method, path: &str, body: &Value| {
        let path = format!("/v1/functions/hola/{path}");
        let request = server.manage(&access_token, &path).method(method);
        request.body(&body.to_string()).send()
    };
    let create = |server: &Server, name: &str| {
        let created = manage(server, "POST", "tokens", &json!({ "name": name }));
        created.json()["token"].as_str().unwrap().to_owned()
    };
    let (early, late) = (create(&other, "early"), create(&other, "late"));
    manage(&other, "DELETE", "tokens/early", &Value::Null);
    let secrets = json!({ "secrets": { "CLAVE": "abierta" } });
    manage(&other, "PATCH", "secrets", &secrets);
    // This file is written only while the copy is current.
    let seen = data.path().join("state.seen");
    let _ = std::fs::remove_file(&seen);
    eventually("a current copy", || seen.exists().then_some(()));
    let data = server.kill();
    manage(&other, "DELETE", "tokens/late", &Value::Null);
    let stopped = postgres.stop();

    let server = copying(KEY).start();
    let answer = |token: &str| server.call("hola", Some(token), "{}");
    assert_eq!(answer(&token), (200, "uno abierta".to_owned()));
    assert_eq!(answer(&early).0, 401);
    // This token was revoked after the copy was written.
    assert_eq!(answer(&late).0, 200);
    let away = waits_for(&server, (200, "away"));
    assert!(away["feedAgeSeconds"].as_f64().unwrap() >= AWAY_SECONDS);
    let refused = manage(&server, "POST", "tokens", &json!({ "name": "none" }));
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(data.log().contains("starts from its local copy"));

    let postgres = stopped.start();
    postgres.url();
    eventually("the revocation", || (answer(&late).0 == 401).then_some(()));
    waits_for(&server, (200, "ready"));
    let new = eventually("a change", || {
        let created = manage(&server, "POST", "tokens", &json!({ "name": "new" }));
        (created.status == 201).then(|| created.json()["token"].clone())
    });
    let new = new.as_str().unwrap();
    eventually("the change on the other server", || {
        (other.call("hola", Some(new), "{}").0 == 200).then_some(())
    });

    let _ = std::fs::remove_file(&seen);
    eventually("a current copy", || seen.exists().then_some(()));
    server.kill();
    let _stopped = postgres.stop();
    let refused = copying(&KEY.replace("MD", "MT")).run();
    assert!(refused.to_string().contains("cannot be used"), "{refused}");
    let stale = copying(KEY)
        .env("JELOU_DATABASE__MAX_STALE_MS", "1")
        .start();
    assert_eq!(stale.call("hola", Some(new), "{}").0, 503);
    waits_for(&stale, (503, "stale"));
    stale.kill();
    let copy = data.path().join("state.copy");
    let mut changed = std::fs::read(&copy).unwrap();
    changed[100] ^= 1;
    std::fs::write(&copy, changed).unwrap();
    let refused = copying(KEY).run();
    assert!(refused.to_string().contains("it was changed"), "{refused}");
    std::fs::remove_file(&copy).unwrap();
    let refused = copying(KEY).run();
    assert!(
        refused.to_string().contains("there is no local copy"),
        "{refused}"
    );
}

#[test]
fn an_empty_database_does_not_replace_the_state_of_a_local_copy() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let sandbox = Sandbox::new();
    let data = Arc::new(DataFolder::new());
    let copying = || {
        let server = node(&sandbox, &url, KEY).on(&data);
        server.env("JELOU_DATABASE__LOCAL_COPY", "true")
    };
    let server = copying().start();
    let token = sandbox.deploy("hola", &returning("uno"));
    let seen = data.path().join("state.seen");
    let _ = std::fs::remove_file(&seen);
    eventually("a current copy", || seen.exists().then_some(()));
    server.kill();
    postgres.execute("drop schema public cascade; create schema public");
    let stopped = postgres.stop();
    let server = copying().start();
    let postgres = stopped.start();
    postgres.url();
    eventually("the refusal of the database", || {
        let log = data.log();
        log.contains("the database is empty").then_some(())
    });
    assert_eq!(server.call("hola", Some(&token), "{}").0, 200);
    // No table was created, so a backup can be restored.
    postgres.execute("create table functions (id int)");
    assert_eq!(server.call("hola", Some(&token), "{}").0, 200);
}
