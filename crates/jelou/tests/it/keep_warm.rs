//! Processes that stay loaded even without calls (`keepWarm`).

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{DataFolder, Sandbox, Serve, eventually, function};

/// How long an idle process runs without `keepWarm`.
const IDLE_TIMEOUT: Duration = Duration::from_millis(200);

fn settings<'a>(sandbox: &'a Sandbox, most: &str) -> Serve<'a> {
    Serve::new(sandbox)
        .env("JELOU_LIMITS__MAX_KEEP_WARM", most)
        .env("JELOU_LIMITS__MAX_PROCESSES_PER_FUNCTION", "2")
        .env("JELOU_LIMITS__BLANK_WORKERS", "0")
        .env("JELOU_LIMITS__MAX_BLANK_WORKERS", "0")
        .env(
            "JELOU_LIMITS__IDLE_TIMEOUT_MS",
            &IDLE_TIMEOUT.as_millis().to_string(),
        )
}

fn keeping(count: usize) -> String {
    function("() => 1").replace(
        "handler:",
        &format!("config: {{ keepWarm: {count} }}, handler:"),
    )
}

/// Waits until the function has this many processes.
fn processes(data: &DataFolder, count: usize) -> Vec<u32> {
    eventually(&format!("{count} processes"), || {
        let ids: Vec<_> = data.workers().iter().map(|worker| worker.id).collect();
        (ids.len() == count).then_some(ids)
    })
}

#[test]
fn processes_stay_loaded_and_come_back() {
    let sandbox = Sandbox::new();
    let server = settings(&sandbox, "2").start();
    sandbox.function("mi-funcion", &keeping(3));
    let deployed = sandbox.jelou("deploy mi-funcion -y --json").run().json();
    let warnings = deployed["data"]["warnings"].to_string();
    assert!(
        warnings.contains(
            "keepWarm is 3; this server keeps 2 (limits.max_keep_warm, a server setting)"
        ),
        "{deployed}"
    );
    let info = sandbox.jelou("functions info mi-funcion --human").run();
    assert!(info.stdout().contains("Keep warm:   2 processes"), "{info}");
    let kept = processes(&server.data, 2);
    std::thread::sleep(IDLE_TIMEOUT * 10);
    assert_eq!(processes(&server.data, 2), kept);

    // A crashed process is replaced.
    let one = Pid::from_raw(i32::try_from(kept[0]).unwrap()).unwrap();
    kill_process(one, Signal::KILL).unwrap();
    eventually("another process", || {
        let ids = processes(&server.data, 2);
        (!ids.contains(&kept[0])).then_some(())
    });

    // A restarted server starts the processes.
    let data = server.stop();
    let server = settings(&sandbox, "2").on(&data).start();
    processes(&server.data, 2);

    let data = server.stop();
    let server = settings(&sandbox, "0").on(&data).start();
    std::thread::sleep(Duration::from_secs(2));
    processes(&server.data, 0);
}

#[test]
fn the_setting_of_a_web_handler_is_in_jelou_json() {
    let sandbox = Sandbox::new();
    let server = settings(&sandbox, "1").start();
    sandbox.file(
        "mi-funcion/jelou.json",
        r#"{"function": "mi-funcion", "keepWarm": 1}"#,
    );
    sandbox.deploy(
        "mi-funcion",
        "export default { fetch: () => new Response() };",
    );
    processes(&server.data, 1);
    // A changed setting alone is a new deployment.
    let changed = sandbox
        .read("mi-funcion/jelou.json")
        .replace("\"keepWarm\": 1", "\"keepWarm\": 0");
    sandbox.file("mi-funcion/jelou.json", changed);
    sandbox.deploy(
        "mi-funcion",
        "export default { fetch: () => new Response() };",
    );
    processes(&server.data, 0);
}

#[test]
fn what_is_no_number_of_processes_is_refused() {
    let sandbox = Sandbox::new();
    let _server = settings(&sandbox, "1").start();
    for (config, told) in [
        (
            "keepWarm: -1",
            "`config.keepWarm` must be a whole number of processes",
        ),
        ("keepwarm: 1", "did you mean `keepWarm`?"),
    ] {
        let source =
            function("() => 1").replace("handler:", &format!("config: {{ {config} }}, handler:"));
        sandbox.function("mi-funcion", &source);
        let refused = sandbox.jelou("deploy mi-funcion -y --json").run();
        assert_eq!(refused.code, 7, "{refused}");
        assert!(refused.to_string().contains(told), "{refused}");
    }
}

#[test]
fn other_idle_processes_make_room_first() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .env("JELOU_LIMITS__MAX_WORKERS_MEMORY_MIB", "100")
        .env("JELOU_LIMITS__BLANK_WORKERS", "1")
        .env("JELOU_LIMITS__MAX_BLANK_WORKERS", "1")
        .start();
    let identity = "const id = crypto.randomUUID();\n";
    let kept = keeping(1).replace("() => 1", "() => id");
    let token = sandbox.deploy("mi-funcion", &format!("{kept}\n{identity}"));
    let before = server.call("mi-funcion", Some(&token), "{}");
    let source = function("() => 1");
    let others: Vec<_> = (0..6)
        .map(|number| {
            let slug = format!("otra-{number}");
            let token = sandbox.deploy(&slug, &source);
            (slug, token)
        })
        .collect();
    for (slug, token) in others.iter().chain(&others) {
        assert_eq!(server.call(slug, Some(token), "{}").0, 200);
    }
    let log = server.data.log();
    assert!(
        log.contains("an idle process is ended for its memory"),
        "{log}"
    );
    // The least recently used process of all is still the same.
    assert_eq!(server.call("mi-funcion", Some(&token), "{}"), before);
}
