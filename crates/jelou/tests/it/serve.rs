//! The start and shutdown of a server.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::thread;

use rustix::process::{Signal, geteuid};

use crate::support::{
    Call, Sandbox, Serve, Server, assert_live_outcome, eventually, function, link_or_copy,
};

/// The id of an account that owns no files.
const NOBODY: u32 = 65534;

#[test]
fn requests_in_flight_finish_before_the_end() {
    let sandbox = Sandbox::new();
    let mut server = Server::start(&sandbox);
    let token = sandbox.deploy(
        "mi-funcion",
        &function(
            "async (input, ctx) => {
                ctx.log('under way');
                await new Promise((resolve) => setTimeout(resolve, 1000));
                return { done: true };
            }",
        ),
    );
    let request = server.request("mi-funcion").token(&token);
    let in_flight = thread::spawn(move || request.send());
    eventually("the call to be under way", || {
        server.data.log().contains("under way").then_some(())
    });
    server.signal(Signal::TERM);
    eventually("the end of new connections", || {
        let refused = TcpStream::connect(server.address()).is_err();
        (refused || is_anothers(&server)).then_some(())
    });
    let reply = in_flight.join().unwrap();
    assert_eq!((reply.status, &*reply.body), (200, r#"{"done":true}"#));
    assert_eq!(server.wait().code(), Some(0));
    server.data.wait_until_quiet();
}

/// Whether the server of another test took the free address.
fn is_anothers(server: &Server) -> bool {
    let bearer = format!("Bearer {}", server.access_token.as_ref().unwrap());
    let call = Call::new(server.address(), server.address()).header("authorization", &bearer);
    let reply = call.get("/v1/functions").try_send();
    reply.is_ok_and(|reply| reply.status == 401)
}

#[test]
fn the_server_leaves_no_core_dump() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<_> = core.unwrap().split_whitespace().collect();
    assert_eq!(words[4..6], ["1", "1"], "{limits}");
}

#[test]
fn a_second_start_of_a_folder() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let access_token = server.access_token.clone().unwrap();
    let token = sandbox.deploy("mi-funcion", &function("() => 1"));
    assert_eq!(server.call("mi-funcion", Some(&token), "{}").0, 200);
    let data = server.stop();

    let server = Serve::new(&sandbox).on(&data).start();
    assert_eq!(server.access_token, None);
    // Both servers have a free port.
    let moved = "the profile `local` is now of this server; before, it was of the server at http://127.0.0.1:";
    assert!(server.data.log().contains(moved), "{}", server.data.log());
    assert_eq!(server.call("mi-funcion", Some(&token), "{}").0, 200);
    let sandbox = sandbox.env("JELOU_TOKEN", &access_token);
    let outcome = sandbox.jelou("tokens list mi-funcion").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    // The first server stored the time at its shutdown.
    assert!(outcome.json()["data"][0]["lastUsedAt"].is_string());
}

#[test]
fn two_servers_on_one_folder() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    assert_live_outcome!(Serve::new(&sandbox).on(&server.data).run());
    assert_eq!(sandbox.jelou("whoami").run().code, 0);
}

#[test]
fn a_port_that_is_taken() {
    let sandbox = Sandbox::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    assert_live_outcome!(
        Serve::new(&sandbox)
            .arguments(&format!("--listen {address}"))
            .run()
    );
    let elsewhere = Serve::new(&sandbox).arguments("--listen 192.0.2.1:0").run();
    assert_eq!(elsewhere.code, 1, "{elsewhere}");
    let hint = elsewhere.json()["error"]["hint"].to_string();
    assert!(hint.contains("does not have the address"), "{elsewhere}");
}

#[test]
fn bad_settings_name_their_place() {
    let sandbox = Sandbox::new();
    let serve = || Serve::new(&sandbox);
    assert_live_outcome!(serve().arguments("--listen localhost").run());
    assert_live_outcome!(serve().arguments("--domain fn..com").run());
    assert_live_outcome!(serve().env("JELOU_LIMITS__MAX_HOPS", "many").run());
    assert_live_outcome!(serve().env("JELOU_LIMITS__MAX_HOP", "3").run());
    sandbox.file("jelou.toml", "[limits]\nmax_hop = 3\n");
    let file = sandbox.project().join("jelou.toml");
    let arguments = format!("--config {}", file.display());
    assert_live_outcome!(serve().arguments(&arguments).run());
    assert_live_outcome!(serve().arguments("--config no.toml").run());
    assert_live_outcome!(serve().env("JELOU_LOG", "garbage").run());
    assert_live_outcome!(serve().env("JELOU_LOG", "jelou=nope").run());
}

#[test]
fn a_listener_of_its_own_for_the_management_api() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .arguments("--listen 127.0.0.1:0 --api-listen 127.0.0.1:0")
        .start();
    let token = sandbox.deploy("mi-funcion", &function("() => 1"));
    let host = server.host("mi-funcion");
    let port = host.rsplit_once(':').unwrap().1;
    let functions = format!("127.0.0.1:{port}");
    assert_ne!(functions, server.address());

    let call = |address: &str| Call::new(address, &host).token(&token).send();
    assert_eq!(call(&functions).status, 200);
    assert_eq!(call(server.address()).status, 404);
    let manage = |address: &str| {
        let bearer = format!("Bearer {}", server.access_token.as_ref().unwrap());
        let call = Call::new(address, address).header("authorization", &bearer);
        call.get("/v1/functions").send()
    };
    assert_eq!(manage(server.address()).status, 200);
    let refused = manage(&functions);
    assert_eq!(refused.status, 404, "{refused:?}");
    assert_eq!(refused.body, r#"{"error":"Function not found"}"#);
}

#[test]
fn processes_are_not_the_servers_user() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root can give processes user ids of their own");
        return;
    }
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", &function("() => 1"));
    assert_eq!(server.call("mi-funcion", Some(&token), "{}").0, 200);
    let workers = server.data.workers();
    assert!(!workers.is_empty());
    let mut users: Vec<String> = workers
        .iter()
        .filter_map(|worker| std::fs::read_to_string(format!("/proc/{}/status", worker.id)).ok())
        .map(|status| {
            let line = status.lines().find(|line| line.starts_with("Uid:"));
            line.unwrap().to_owned()
        })
        .collect();
    assert!(
        users.iter().all(|user| user.starts_with("Uid:\t6")),
        "{users:?}"
    );
    users.sort();
    users.dedup();
    assert_eq!(users.len(), workers.len(), "{users:?}");
}

#[test]
fn a_server_of_nobody() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root can become somebody else; then every other test shows this");
        return;
    }
    let sandbox = Sandbox::new();
    let mut serve = Serve::new(&sandbox);
    let data = serve.data();
    let binary = data.path().join("jelou");
    link_or_copy(&sandbox.binary(), &binary);
    let home = data.path().join("home");
    std::fs::create_dir(&home).unwrap();
    for folder in [&data.path(), &home] {
        chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    serve = serve
        .through(&format!(
            "setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups"
        ))
        .binary(&binary)
        .env("HOME", home.to_str().unwrap());
    let server = serve.start();
    let sandbox = sandbox
        .env("JELOU_API_URL", &format!("http://{}", server.address()))
        .env("JELOU_TOKEN", server.access_token.as_ref().unwrap());
    let token = sandbox.deploy("mi-funcion", &function("() => 1"));
    assert_eq!(
        server.call("mi-funcion", Some(&token), "{}"),
        (200, "1".to_owned())
    );
    let mut data = server.data.processes();
    data.retain(|process| {
        // A process may have ended already.
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id));
        status.is_ok_and(|status| !status.contains(&format!("Uid:\t{NOBODY}")))
    });
    assert!(data.is_empty(), "{data:?}");
    server.stop();
}

#[test]
fn a_functions_lines_have_their_own_level() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).env("JELOU_LOG", "warn").start();
    let body = "(_input, ctx) => {
        console.log('quiet'); console.warn('careful');
        ctx.log.error('from-ctx'); ctx.log.debug('hidden');
        process.stderr.write('from-stderr\\n');
        process.stdout.write(JSON.stringify({ level: 50, msg: 'from-pino' }) + '\\n');
        Promise.reject(new Error('unheard'));
        throw new Error('broken');
    }";
    let token = sandbox.deploy("mi-funcion", &function(body));
    assert_eq!(server.call("mi-funcion", Some(&token), "{}").0, 500);
    let log = eventually("the errors' lines", || {
        let log = server.data.log();
        let written = ["broken", "unheard", "from-stderr", "from-pino"];
        written.iter().all(|word| log.contains(word)).then_some(log)
    });
    let level_of = |word: &str| {
        let line = log.lines().find(|line| line.contains(word));
        line.and_then(|line| line.split_whitespace().nth(1))
    };
    for (word, level) in [
        ("broken", Some("ERROR")),
        ("unheard", Some("ERROR")),
        ("from-ctx", Some("ERROR")),
        ("from-pino", Some("ERROR")),
        ("careful", Some("WARN")),
        ("from-stderr", Some("WARN")),
        ("quiet", None),
        ("hidden", None),
    ] {
        assert_eq!(level_of(word), level, "{word}: {log}");
    }
}
