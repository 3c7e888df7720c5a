//! Functions that try to access resources of others.

use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};

use super::{Failures, Hostile, Stage, hostile};

const WELL: Hostile = hostile!("well");

/// A function whose attempts must all be refused.
struct Reach {
    function: Hostile,
    input: Value,
    /// The JSON pointer to the attempts in the answer.
    at: &'static str,
    /// Attempts that fail with another error than Deno's usual one, and the beginning of that error.
    others: Vec<(&'static str, &'static str)>,
}

/// The first words of refusals by Deno, by Node, and by the platform's captured servers.
const USUAL: [&str; 7] = [
    "NotCapable: ",
    "NotFound: ",
    "Error: ENOENT: ",
    "Error: EACCES: ",
    "Error: spawn ",
    "Error: Deno.listen",
    "Error: Deno.serve()",
];

fn check_refused(case: &Reach, answer: &Value, failures: &Failures) {
    let Some(attempts) = answer.pointer(case.at).and_then(Value::as_object) else {
        failures.note(format!("{}: {answer}", case.function.file));
        return;
    };
    for (way, outcome) in attempts {
        let other = case.others.iter().find(|(other, _)| other == way);
        let outcome = outcome.as_str().unwrap();
        let expected = match other {
            Some((_, refusal)) => outcome.starts_with(refusal),
            None => USUAL.iter().any(|refusal| outcome.starts_with(refusal)),
        };
        if !expected {
            failures.note(format!("{}, {way}: {outcome}", case.function.file));
        }
    }
}

fn run(stage: &Stage, cases: &[Reach], failures: &Failures) {
    for case in cases {
        let reply = stage.call(case.function, &case.input);
        if reply.status == 200 {
            check_refused(case, &reply.json(), failures);
        } else {
            failures.note(format!("{}: {reply:?}", case.function.file));
        }
    }
}

#[test]
fn what_is_not_theirs() {
    refuse_what_is_not_theirs(&Stage::start(&[]));
}

/// Deno's permissions alone refuse the same attempts.
#[test]
fn what_is_not_theirs_by_permissions_alone() {
    let stage = Stage::start(&[("SANDBOX__MODE", "off")]);
    refuse_what_is_not_theirs(&stage);
}

#[expect(clippy::too_many_lines, reason = "one list of attempts")]
fn refuse_what_is_not_theirs(stage: &Stage) {
    let failures = Failures::default();
    let data = stage.server.data.path().to_str().unwrap().to_owned();
    let server = stage.server.id();
    let port = stage.port();
    let cases = [
        Reach {
            function: hostile!("reads"),
            input: json!({ "server": server, "data": data }),
            at: "",
            others: vec![],
        },
        Reach {
            function: hostile!("writes"),
            input: json!({ "data": data }),
            at: "",
            others: vec![],
        },
        Reach {
            function: hostile!("programs"),
            input: json!({}),
            at: "",
            others: vec![
                ("execSync", "Error: Command failed: /usr/bin/id"),
                ("execFileSync", "Error: Command failed: /bin/sh"),
                ("spawnSync", "Error: not started"),
            ],
        },
        Reach {
            function: hostile!("foreign_code"),
            input: json!({}),
            at: "",
            others: vec![("wasi", "Error: uvwasi_init: failed")],
        },
        Reach {
            function: hostile!("modules"),
            input: json!({ "port": port, "data": data }),
            at: "/refused",
            others: vec![
                ("https", "TypeError: Requires import access"),
                ("http", "TypeError: Requires import access"),
                ("file", "TypeError: Requires read access"),
                ("a file as JSON", "TypeError: Requires read access"),
                ("a file as text", "TypeError: Requires read access"),
                ("a file as bytes", "TypeError: \"bytes\" is not a valid"),
                ("package", "TypeError: npm specifiers were requested; but"),
                ("another registry", "TypeError: JSR package manifest"),
                ("the runtime's own", "TypeError: Importing ext: modules is"),
                ("from data", "TypeError: Requires read access"),
                ("by constructor", "TypeError: Cannot read properties"),
                ("a thread", "TypeError: globalThis.Worker is not"),
                (
                    "a shared thread",
                    "TypeError: globalThis.SharedWorker is not",
                ),
            ],
        },
        Reach {
            function: hostile!("storage"),
            input: json!({}),
            at: "",
            others: vec![
                ("localStorage", "TypeError: Cannot read properties"),
                ("sessionStorage", "TypeError: Cannot read properties"),
                ("caches", "TypeError: Cannot read properties"),
                ("a cache storage", "TypeError: global.CacheStorage is not"),
                ("storage", "TypeError: global.Storage is not"),
                ("key-value", "TypeError: Deno.openKv is not"),
                ("key-value at a path", "TypeError: Deno.openKv is not"),
                ("indexedDB", "TypeError: Cannot read properties"),
            ],
        },
        Reach {
            function: hostile!("listens"),
            input: json!({ "data": data }),
            at: "",
            others: vec![
                // The error arrives in an event that the function cannot await.
                ("node:net", "Error: no answer"),
            ],
        },
    ];
    let mut functions: Vec<_> = cases.iter().map(|case| case.function).collect();
    functions.extend([WELL, hostile!("environment")]);
    stage.deploy_all(&functions);
    run(stage, &cases, &failures);

    let reply = stage.call(hostile!("environment"), &json!({})).json();
    let harmless = json!({ "NODE_ENV": "production" });
    assert_eq!(reply["process"], json!([harmless, harmless]));
    assert_eq!(
        reply["told"],
        json!({
            "one": "GOT undefined",
            "all": "GOT { NODE_ENV: \"production\" }",
            "set": "GOT undefined",
            "unset": "GOT undefined",
            "host name": "GOT \"localhost\"",
            "node:os host name": "GOT \"localhost\"",
            "users": "GOT {\n  uid: 1000,\n  gid: 1000,\n  username: \"function\",\n  homedir: \"/\",\n  shell: null\n}",
            "interfaces": "GOT {}",
            "Deno's interfaces": "GOT []",
            "processors": "GOT [\n  {\n    model: \"cpu\",\n    speed: 0,\n    times: { user: 0, nice: 0, sys: 0, idle: 0, irq: 0 }\n  }\n]",
            "kernel": "GOT \"6.0.0\"",
            "load": "GOT [ 0, 0, 0 ]",
            "memory": "GOT {\n  total: 268435456,\n  free: 134217728,\n  available: 134217728,\n  buffers: 0,\n  cached: 0,\n  swapTotal: 0,\n  swapFree: 0\n}",
            "user": "GOT 1000",
            "report": "GOT \"localhost\"",
        })
    );
    let reply = stage.call(hostile!("modules"), &json!({ "port": port, "data": data }));
    assert_eq!(reply.json()["data"], 1);
    assert_eq!(stage.call(WELL, &json!({})).body, "\"well\"");
}

/// Under the default memory limit, no thread can start its JavaScript engine. With more memory, a thread has no
/// additional permissions.
#[test]
fn what_is_not_theirs_from_threads() {
    let stage = Stage::start(&[("LIMITS__MAX_MEMORY_MIB", "4096")]);
    let failures = Failures::default();
    let nested = hostile!("nested");
    stage.deploy_all(&[nested]);
    let input = json!({ "port": stage.port() });
    let reply = stage.call(nested, &input);
    assert_eq!(reply.status, 200, "{reply:?}");
    let case = Reach {
        function: nested,
        input,
        at: "",
        others: vec![],
    };
    check_refused(&case, &reply.json(), &failures);
    assert_eq!(reply.json().as_object().unwrap().len(), 20, "{reply:?}");
}

/// Addresses of this machine, of private networks and of cloud metadata services, and some public addresses.
const HOSTS: [(&str, &str); 22] = [
    ("127.0.0.1", "denied"),
    ("127.0.0.1:80", "denied"),
    ("127.200.0.1:443", "denied"),
    ("0.0.0.0:80", "denied"),
    ("169.254.169.254", "denied"),
    ("169.254.169.254:80", "denied"),
    ("169.254.170.2:80", "denied"),
    ("10.0.0.1:80", "denied"),
    ("10.255.255.255:80", "denied"),
    ("172.16.0.1:80", "denied"),
    ("172.31.255.255:80", "denied"),
    ("192.168.1.1:80", "denied"),
    ("100.64.0.1:80", "denied"),
    ("100.100.100.200:80", "denied"),
    ("198.18.0.1:80", "denied"),
    ("224.0.0.1:80", "denied"),
    ("255.255.255.255:80", "denied"),
    ("[::1]:80", "denied"),
    ("[::]:80", "denied"),
    ("8.8.8.8:53", "granted"),
    ("172.32.0.1:80", "granted"),
    ("example.com:443", "granted"),
];

#[test]
fn this_machine_and_private_networks() {
    let stage = Stage::start(&[]);
    let failures = Failures::default();
    stage.deploy_all(&[hostile!("loopback"), hostile!("addresses")]);

    // The test checks that this listener gets no connection.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    for port in [listener.local_addr().unwrap().port(), stage.port()] {
        let reply = stage.call(hostile!("loopback"), &json!({ "port": port }));
        assert_eq!(reply.status, 200, "{reply:?}");
        for (way, outcome) in reply.json().as_object().unwrap() {
            if outcome.as_str().unwrap().starts_with("GOT") {
                failures.note(format!("loopback, {way}: {outcome}"));
            }
        }
    }
    let visited = listener.accept().unwrap_err();
    assert_eq!(visited.kind(), std::io::ErrorKind::WouldBlock);

    // For these hosts, the test only queries the permission, because a connection attempt could reach a real machine.
    let hosts: Vec<_> = HOSTS.iter().map(|(host, _)| host).collect();
    let reply = stage.call(hostile!("addresses"), &json!({ "hosts": hosts }));
    for (host, expected) in HOSTS {
        assert_eq!(reply.json()[host], expected, "{host}");
    }
}

#[test]
fn an_address_that_the_operator_allows() {
    let stage = Stage::start(&[("EGRESS__ALLOW", r#"["127.0.0.1/32"]"#)]);
    stage.deploy_all(&[hostile!("loopback"), hostile!("addresses")]);
    let hosts = [
        "127.0.0.1:80",
        "127.0.0.2:80",
        "127.0.0.0:80",
        "10.0.0.1:80",
    ];
    let reply = stage.call(hostile!("addresses"), &json!({ "hosts": hosts }));
    let states: Vec<_> = hosts
        .iter()
        .map(|host| reply.json()[host].clone())
        .collect();
    assert_eq!(states, ["granted", "denied", "denied", "denied"]);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // The test needs no answer, so the listener closes each connection.
    thread::spawn(move || listener.incoming().for_each(drop));
    let reply = stage
        .call(hostile!("loopback"), &json!({ "port": port }))
        .json();
    let outcome = |way: &str| reply[way].as_str().unwrap().to_owned();
    assert!(outcome("connect 127.0.0.1").starts_with("GOT"), "{reply}");
    assert!(
        outcome("connect 127.255.255.254").starts_with("NotCapable"),
        "{reply}"
    );
}

/// A function that needs a token.
const LOCKED: Hostile = Hostile {
    file: "locked",
    source: "import { define } from \"@jelou/functions\";\n\
             export default define({ description: \"Locked\", handler: () => \"opened\" });\n",
};

#[test]
fn sockets_and_headers_of_the_platform() {
    let stage = Stage::start(&[]);
    let failures = Failures::default();
    let (egress, forges, mirror) = (hostile!("egress"), hostile!("forges"), hostile!("mirror"));
    stage.deploy_all(&[egress, forges, mirror, WELL, LOCKED]);
    assert_eq!(stage.call(WELL, &json!({})).status, 200);
    let sockets: Vec<_> = ["e/sock", "w/sock", "w/heartbeat"]
        .into_iter()
        .flat_map(|name| {
            let run = stage.server.data.path().join("run");
            std::fs::read_dir(run)
                .unwrap()
                .map(move |worker| worker.unwrap().path().join(name))
        })
        .collect();
    let own = |path: &str| path.contains("e/sock");
    let reply = stage.call(egress, &json!({ "others": sockets }));
    let mut answer = reply.json();
    let attempts = answer.as_object_mut().unwrap();
    if !rustix::process::geteuid().is_root() {
        // Without root, all processes have the same user, so the function may change the socket's mode. The socket's
        // folder stays inaccessible.
        attempts.remove("change its mode");
    }
    // A function may use only its own worker's egress socket, and only for calls that every function may make.
    let passed: Vec<_> = attempts
        .iter()
        .filter(|(_, outcome)| outcome.as_str().unwrap().starts_with("GOT"))
        .map(|(way, _)| way.as_str())
        .collect();
    assert!(
        passed.len() <= 1 && passed.iter().all(|path| own(path)),
        "{attempts:?}"
    );
    for (way, outcome) in &*attempts {
        let outcome = outcome.as_str().unwrap();
        let refused = [
            "NotCapable: ",
            "Error: Deno.listen: ",
            "NotFound: ",
            "PermissionDenied: ",
            "AddrInUse: ",
        ]
        .iter()
        .any(|refusal| outcome.starts_with(refusal));
        if !refused && !passed.contains(&way.as_str()) {
            failures.note(format!("egress, {way}: {outcome}"));
        }
    }

    let input = json!({ "domain": stage.domain(), "api": stage.server.address() });
    let answer = stage.call(forges, &input).json();
    assert_eq!(
        answer["mirror"],
        json!([200, {
            "trigger": { "type": "http" },
            "user": null,
            "params": {},
            "genuine": true,
            "headers": [],
            "forwarded": [null, null],
            "url": "mirror.fn.localhost",
        }])
    );
    assert_eq!(answer["locked"], json!([401, { "error": "Unauthorized" }]));
    // Only the engine's own connection can load a function, and only once.
    assert_eq!(answer["load"][0], 200, "{answer}");
    assert_eq!(answer["management"], "NotCapable");
    assert_eq!(answer["management by host"], json!([404]));
    assert_eq!(answer["a bare loader"], json!([404]));
    // Whether the gateway parsed one request or two, the second one must not open a function without a token.
    let smuggled = answer["locked by smuggling"].as_array().unwrap();
    assert!(
        smuggled.iter().filter(|status| **status == 200).count() <= 1,
        "{answer}"
    );
}

#[test]
fn the_runtimes_insides_and_other_processes() {
    // Without blank workers, because one could become the process that searches for another process.
    let stage = Stage::start(&[
        ("LIMITS__BLANK_WORKERS", "0"),
        ("LIMITS__MAX_BLANK_WORKERS", "0"),
    ]);
    let failures = Failures::default();
    let internals = hostile!("internals");
    stage.deploy_all(&[internals, WELL]);
    assert_eq!(stage.call(WELL, &json!({})).status, 200);
    let mut workers = stage.server.data.workers();
    // Processes that only compile or inspect end by themselves.
    workers.retain(|worker| worker.command_line.contains("--deny-net="));
    let input = json!({ "server": stage.server.id(), "worker": workers[0].id });
    let reply = stage.call(internals, &input);
    let answer = reply.json();
    assert_eq!(answer["granted"], json!([]));
    assert_eq!(answer["hidden"], 0);
    // Standard input is at its end, so there is nothing to read.
    assert_eq!(answer["stdin"], Value::Null);
    let case = Reach {
        function: internals,
        input,
        at: "/refused",
        others: vec![
            ("native syntax", "SyntaxError: "),
            ("a heap dump", "Error: heap snapshots are not available"),
            ("stop itself", "Error: process.kill("),
        ],
    };
    check_refused(&case, &answer, &failures);
    for worker in workers {
        let alive = std::path::Path::new("/proc")
            .join(worker.id.to_string())
            .exists();
        assert!(alive, "{worker:?}");
    }
    assert_eq!(stage.call(WELL, &json!({})).body, "\"well\"");
}

/// A rule for one function opens no other port or address, and nothing for other functions.
#[test]
fn a_host_that_is_open_for_one_function() {
    let stage = Stage::start(&[]);
    let failures = Failures::default();
    let (loopback, addresses) = (hostile!("loopback"), hostile!("addresses"));
    stage.deploy_all(&[loopback, addresses]);
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = open.local_addr().unwrap().port();
    thread::spawn(move || open.incoming().for_each(drop));
    let rules =
        json!({ "allow": [format!("127.0.0.1:{port}"), "10.1.2.3:5432", "192.168.7.0/24:6379"] });
    for slug in ["loopback", "addresses"] {
        let changed = stage
            .management(&format!("/v1/functions/{slug}/egress"))
            .method("PATCH")
            .body(&rules.to_string())
            .send();
        assert_eq!(changed.status, 200, "{changed:?}");
    }

    let opened = [
        ("10.1.2.3:5432", "granted"),
        ("10.1.2.3:5433", "denied"),
        ("10.1.2.3:22", "denied"),
        ("10.1.2.3:6379", "denied"),
        ("10.1.2.2:5432", "denied"),
        ("192.168.7.9:6379", "granted"),
        ("192.168.7.9:5432", "denied"),
        ("192.168.8.1:6379", "denied"),
        ("169.254.169.254:5432", "denied"),
        ("127.0.0.1:5432", "denied"),
    ];
    // The permission without a port must be denied too.
    let closed = HOSTS.iter().filter(|(host, _)| *host != "127.0.0.1");
    let asked: Vec<_> = closed.chain(&opened).collect();
    let hosts: Vec<_> = asked.iter().map(|(host, _)| host).collect();
    let reply = stage.call(addresses, &json!({ "hosts": hosts })).json();
    for (host, expected) in asked {
        assert_eq!(reply[host], *expected, "{host}");
    }

    // Servers on another port, and on the same port of another address, must get no connection.
    let beside = TcpListener::bind(("127.0.0.2", port)).unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    for listener in [&beside, &other] {
        listener.set_nonblocking(true).unwrap();
    }
    let other_port = other.local_addr().unwrap().port();
    for closed in [other_port, stage.port()] {
        let reply = stage.call(loopback, &json!({ "port": closed }));
        assert_eq!(reply.status, 200, "{reply:?}");
        for (way, outcome) in reply.json().as_object().unwrap() {
            if outcome.as_str().unwrap().starts_with("GOT") {
                failures.note(format!("loopback, {way}: {outcome}"));
            }
        }
    }
    let reply = stage.call(loopback, &json!({ "port": port })).json();
    assert!(
        reply["connect 127.0.0.1"]
            .as_str()
            .unwrap()
            .starts_with("GOT"),
        "{reply}"
    );
    assert!(
        reply["connect 127.255.255.254"]
            .as_str()
            .unwrap()
            .starts_with("NotCapable"),
        "{reply}"
    );
    for listener in [beside, other] {
        let visited = listener.accept().unwrap_err();
        assert_eq!(visited.kind(), std::io::ErrorKind::WouldBlock);
    }
}
