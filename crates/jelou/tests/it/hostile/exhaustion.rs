//! Functions that exhaust a resource or never end. A limit stops each of them, and the log names the limit. Meanwhile a
//! well-behaved function must answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Failures, Hostile, Stage, hostile};
use crate::support::{Reply, eventually, turn};

const WELL: Hostile = hostile!("well");

/// Hostile functions that run concurrently.
const AT_A_TIME: usize = 2;
/// The longest time that the well-behaved function may take beside them.
const PATIENCE: Duration = Duration::from_secs(15);
/// The pause between calls of the well-behaved function, so that it leaves the processor to the hostile ones.
const PAUSE: Duration = Duration::from_millis(20);

const LIMITS: [(&str, &str); 6] = [
    ("LIMITS__STARTUP_TIMEOUT_MS", "8000"),
    ("LIMITS__MAX_HEAP_MIB", "48"),
    ("LIMITS__MAX_BODY_BYTES", "3900000"),
    ("LIMITS__MAX_MEMORY_MIB", "96"),
    ("LIMITS__MAX_RESPONSE_HEADER_BYTES", "16384"),
    ("LIMITS__STREAM_IDLE_TIMEOUT_MS", "10000"),
];
/// For functions that must reach another limit first, with little processor time.
const STALLS_LATE: (&str, &str) = ("LIMITS__STALL_TIMEOUT_MS", "30000");
const STALLS_SOON: (&str, &str) = ("LIMITS__STALL_TIMEOUT_MS", "3000");

struct Case {
    function: Hostile,
    status: u16,
    body: &'static str,
    /// The function's part of the log must contain one of these texts.
    lines: &'static [&'static str],
}

const ERROR: &str = r#"{"error":"Internal function error"}"#;
const TIMED_OUT: &str = r#"{"error":"Function timed out"}"#;
const STALLED: &[&str] = &[
    "was ended: the event loop did not run for 3000 ms (limits.stall_timeout_ms = 3000, a server setting)",
];
/// The message of the memory watcher, or of V8 if V8 fails first. Both name the setting.
const MEMORY: &[&str] = &[
    "MiB is over the limit of 96 MiB (limits.max_memory_mib = 96, a server setting)",
    "out of memory, most likely (limits.max_heap_mib = ",
    "Array buffer allocation failed",
    "could not allocate memory",
    "Unable to grow instance memory",
    "Invalid array buffer length",
];

fn dies(function: Hostile, lines: &'static [&'static str]) -> Case {
    Case {
        function,
        status: 500,
        body: ERROR,
        lines,
    }
}

fn cases_of_memory() -> Vec<Case> {
    vec![
        dies(hostile!("heap_bomb"), MEMORY),
        dies(hostile!("array_bomb"), MEMORY),
        dies(hostile!("string_bomb"), MEMORY),
        dies(hostile!("blob_bomb"), MEMORY),
        dies(hostile!("resize_bomb"), MEMORY),
        dies(hostile!("shared_bomb"), MEMORY),
        dies(hostile!("wasm_bomb"), MEMORY),
        dies(hostile!("zip_bomb"), MEMORY),
        dies(hostile!("response_bomb"), MEMORY),
        dies(hostile!("pipe_flood"), MEMORY),
        dies(hostile!("threads"), MEMORY),
    ]
}

fn cases() -> Vec<Case> {
    let answers = |function, body| Case {
        function,
        status: 200,
        body,
        lines: &[],
    };
    vec![
        dies(
            hostile!("number_bomb"),
            &[
                "Maximum BigInt size exceeded",
                "(limits.stall_timeout_ms = ",
                "(limits.max_memory_mib = ",
                "out of memory",
            ],
        ),
        dies(hostile!("loop"), STALLED),
        dies(hostile!("promise_loop"), STALLED),
        dies(hostile!("microtask_loop"), STALLED),
        dies(hostile!("tick_loop"), STALLED),
        dies(hostile!("wait"), STALLED),
        dies(hostile!("answers_ahead"), STALLED),
        dies(hostile!("regexp"), STALLED),
        dies(hostile!("sort_loop"), STALLED),
        dies(
            hostile!("json_loop"),
            &[
                "(limits.stall_timeout_ms = ",
                "(limits.max_memory_mib = ",
                "Invalid string length",
                "out of memory",
            ],
        ),
        dies(
            hostile!("timer_flood"),
            &[
                "(limits.stall_timeout_ms = ",
                "(limits.max_memory_mib = ",
                "out of memory",
            ],
        ),
        dies(hostile!("recursion"), &["Maximum call stack size exceeded"]),
        dies(
            hostile!("exits"),
            &["Deno.exit(0): a function cannot end its process"],
        ),
        dies(
            hostile!("aborts"),
            &["process.abort(): a function cannot end its process"],
        ),
        dies(
            hostile!("starts_in_a_loop"),
            &[
                "did not finish its import within 8000 ms (limits.startup_timeout_ms = 8000, a server setting)",
            ],
        ),
        dies(
            hostile!("starts_and_waits"),
            &[
                "did not finish its import within 8000 ms (limits.startup_timeout_ms = 8000, a server setting)",
            ],
        ),
        dies(
            hostile!("starts_and_exits"),
            &["its module was refused (IMPORT_FAILED)"],
        ),
        dies(
            hostile!("header_bomb"),
            &["(limits.max_response_header_bytes, a server setting)"],
        ),
        dies(
            hostile!("headers_bomb"),
            &["(limits.max_response_header_bytes, a server setting)"],
        ),
        Case {
            function: hostile!("never"),
            status: 504,
            body: TIMED_OUT,
            lines: &["no response head within 300 ms"],
        },
        Case {
            function: hostile!("rejects"),
            status: 200,
            body: "\"answered\"",
            lines: &["left to nobody"],
        },
        answers(
            hostile!("splits"),
            r#"{"refused":["TypeError","TypeError","TypeError"]}"#,
        ),
    ]
}

#[test]
fn without_harm_to_others() {
    run_beside_well(STALLS_SOON, &cases());
}

#[test]
fn of_memory_without_harm_to_others() {
    run_beside_well(STALLS_LATE, &cases_of_memory());
}

fn run_beside_well(stalls: (&'static str, &'static str), cases: &[Case]) {
    let _turn = turn();
    let mut limits = LIMITS.to_vec();
    limits.push(stalls);
    let stage = Stage::start(&limits);
    let failures = Failures::default();
    let mut functions: Vec<_> = cases.iter().map(|case| case.function).collect();
    functions.push(WELL);
    stage.deploy_all(&functions);

    let next = AtomicUsize::new(0);
    let done = AtomicBool::new(false);
    let slowest = thread::scope(|scope| {
        let beside = scope.spawn(|| call_while(&stage, &done));
        let work = || {
            while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                failures.catch(case.function.file, || {
                    let reply = stage.call(case.function, &json!({}));
                    check(&stage, case, &reply);
                });
            }
        };
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        beside.join().unwrap()
    });
    assert!(
        slowest < PATIENCE,
        "the well-behaved function took {slowest:?}"
    );
    assert!(
        stage.lines_of(WELL).is_empty(),
        "{:?}",
        stage.lines_of(WELL)
    );
}

fn check(stage: &Stage, case: &Case, reply: &Reply) {
    assert_eq!((reply.status, &*reply.body), (case.status, case.body));
    if !case.lines.is_empty() {
        stage.wait_for_line(case.function, case.lines);
    }
}

/// Calls the well-behaved function repeatedly. Returns the longest time of a call.
fn call_while(stage: &Stage, done: &AtomicBool) -> Duration {
    let mut slowest = Duration::ZERO;
    while !done.load(Ordering::Relaxed) {
        let started = Instant::now();
        let reply = stage.call(WELL, &json!({}));
        assert_eq!((reply.status, &*reply.body), (200, "\"well\""));
        slowest = slowest.max(started.elapsed());
        thread::sleep(PAUSE);
    }
    slowest
}

#[test]
fn of_connections_calls_and_streams() {
    let _turn = turn();
    let stage = Stage::start(&LIMITS);
    let (sockets, itself, endless) = (
        hostile!("socket_flood"),
        hostile!("calls_itself"),
        hostile!("endless"),
    );
    let (ends, lies) = (hostile!("heap_bomb"), hostile!("header_lies"));
    let hangs_up = hostile!("hangs_up");
    stage.deploy_all(&[sockets, itself, endless, ends, lies, hangs_up, WELL]);
    assert_eq!(stage.call(WELL, &json!({})).status, 200);

    // The server uses few file descriptors for one process, so it still works.
    let files = || {
        let folder = format!("/proc/{}/fd", stage.server.id());
        std::fs::read_dir(folder).unwrap().count()
    };
    let before = files();
    let most = thread::scope(|scope| {
        let flood = scope.spawn(|| stage.call(sockets, &json!({})));
        let mut most = 0;
        while !flood.is_finished() {
            most = most.max(files());
            assert_eq!(stage.call(WELL, &json!({})).status, 200);
        }
        let reply = flood.join().unwrap();
        assert!(matches!(reply.status, 200 | 500), "{reply:?}");
        most
    });
    assert!(most < before + 250, "{before} files, then {most}");

    // A chain of calls is stopped even if each call starts from a timer.
    assert_eq!(stage.call(itself, &json!({})).body, "\"answered\"");
    stage.wait_for_line(itself, &["Loop detected"]);

    // The function produces the stream only as fast as the caller reads, and the stream ends when the caller
    // disconnects.
    let mut stream = read_a_little(&stage, endless, 1 << 20);
    let worker_memory = |pid: u32| {
        // A process may have ended already.
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"))?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        Some(kib / 1024)
    };
    let workers = stage.server.data.workers();
    let memory: Vec<u64> = workers.iter().filter_map(|w| worker_memory(w.id)).collect();
    assert!(!memory.is_empty());
    assert!(memory.iter().all(|mib| *mib < 96), "{memory:?}");
    stream.read_exact(&mut [0; 4096]).unwrap();
    drop(stream);
    assert!(
        stage.lines_of(endless).is_empty(),
        "{:?}",
        stage.lines_of(endless)
    );

    // A function cannot set the platform's headers, and a wrong length breaks only its own connection.
    let mut stream = request(&stage, lies);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let head = answer
        .split("\r\n\r\n")
        .next()
        .unwrap()
        .to_ascii_lowercase();
    assert!(!head.contains("forged"), "{answer}");
    assert!(
        !head.lines().any(|line| line.starts_with("x-jelou")),
        "{answer}"
    );
    if answer.starts_with("HTTP/1.1 200") {
        for header in [
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
            "referrer-policy: no-referrer",
        ] {
            assert_eq!(head.matches(header).count(), 1, "{answer}");
        }
        assert!(
            !head.contains("gzip") && !head.contains("keep-alive"),
            "{answer}"
        );
    }

    // A process that accepts no more calls is replaced.
    thread::scope(|scope| {
        let waits = scope.spawn(|| stage.call(hangs_up, &json!({ "hang": true })));
        while !waits.is_finished() {
            stage.call(hangs_up, &json!({}));
        }
        assert_eq!(waits.join().unwrap().status, 500);
    });
    stage.wait_for_line(hangs_up, &["was ended: it closed its call channel"]);
    assert_eq!(stage.call(hangs_up, &json!({})).body, "\"answered\"");

    // A function that crashes repeatedly gets pauses between its starts.
    let reply = eventually("a pause", || {
        let reply = stage.call(ends, &json!({}));
        (reply.status != 500).then_some(reply)
    });
    assert_eq!(reply.status, 503, "{reply:?}");
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
    assert_eq!(stage.call(WELL, &json!({})).body, "\"well\"");
}

#[test]
fn of_files_and_threads() {
    let _turn = turn();
    let stage = Stage::start(&[
        ("LIMITS__MAX_OPEN_FILES", "300"),
        ("LIMITS__MAX_THREADS", "40"),
        // Each thread has a separate engine, which reserves more memory than the default limit allows.
        ("LIMITS__MAX_MEMORY_MIB", "32768"),
    ]);
    let (files, threads) = (hostile!("file_flood"), hostile!("thread_flood"));
    stage.deploy_all(&[files, threads, WELL]);
    // The second call runs in the same process, which survives the lack of file descriptors.
    for time in 1..=2 {
        let answer = stage.call(files, &json!({})).json();
        let refusal = answer["refusal"].as_str().unwrap();
        assert!(refusal.contains("Too many open files"), "{answer}");
        // The runtime itself uses the other file descriptors.
        let opened = answer["opened"].as_u64().unwrap();
        assert!((200..300).contains(&opened), "{answer}");
        assert_eq!(answer["time"], time, "{answer}");
    }
    stage.wait_for_line(
        files,
        &["has reached its limit of 300 open files (limits.max_open_files, a server setting)"],
    );

    // The kernel counts threads per user or per control group.
    let log = stage.server.data.log();
    if log.contains("layer=user") && log.contains("layer=cgroup") {
        eprintln!("skipped: nothing counts threads here");
        return;
    }
    let reply = stage.call(threads, &json!({}));
    assert_eq!(reply.status, 500, "{reply:?}");
    let told = "has reached its limit of 40 threads (limits.max_threads, a server setting)";
    eventually("a line about the limit of threads", || {
        let is_told = stage
            .lines_of(threads)
            .iter()
            .any(|line| line.contains(told));
        if !is_told {
            // The kernel also counts threads that are ending, so a process can fail before it has 40 live threads.
            let reply = stage.call(threads, &json!({}));
            assert!(matches!(reply.status, 500 | 503), "{reply:?}");
        }
        is_told.then_some(())
    });
    assert_eq!(stage.call(WELL, &json!({})).body, "\"well\"");
}

fn request(stage: &Stage, function: Hostile) -> TcpStream {
    let mut stream = TcpStream::connect(stage.server.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        stage.server.host(&function.slug())
    )
    .unwrap();
    stream
}

fn read_a_little(stage: &Stage, function: Hostile, bytes: usize) -> TcpStream {
    let mut stream = request(stage, function);
    let mut piece = vec![0; bytes];
    stream.read_exact(&mut piece).unwrap();
    assert!(piece.starts_with(b"HTTP/1.1 200"));
    stream
}
