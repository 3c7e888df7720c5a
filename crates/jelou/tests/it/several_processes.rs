//! A function that uses all its CPU time gets a second process, and a crash of one process does not affect the other.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{Reply, Sandbox, Serve, Server, eventually, turn};

/// Computes or waits for the given time, and returns an id that is unique to the process.
const SOURCE: &str = "
import { define, z } from '@jelou/functions';

const self = crypto.randomUUID();

export default define({
  description: 'A test',
  input: z.object({ work: z.number().default(0), wait: z.number().default(0) }),
  handler: async ({ work, wait }) => {
    const end = performance.now() + work;
    while (performance.now() < end);
    if (wait > 0) console.log('waits');
    await new Promise((done) => setTimeout(done, wait));
    return { self };
  },
});
";

/// A server without blank workers, so every process belongs to a function.
fn server(sandbox: &Sandbox) -> Server {
    Serve::new(sandbox)
        .env("JELOU_LIMITS__MAX_PROCESSES_PER_FUNCTION", "2")
        .env("JELOU_LIMITS__BLANK_WORKERS", "0")
        .env("JELOU_LIMITS__MAX_BLANK_WORKERS", "0")
        .start()
}

fn call(server: &Server, token: &str, input: &Value) -> Reply {
    let request = server.request("mi-funcion").token(token);
    request.body(&input.to_string()).send()
}

/// How long other tests may keep the second core busy.
const PATIENCE: Duration = Duration::from_mins(10);

/// Keeps the function busy until two processes have answered.
fn load_until_two_answer(server: &Server, token: &str) {
    let began = Instant::now();
    let seen = Mutex::new(BTreeSet::new());
    let is_over = || seen.lock().unwrap().len() == 2 || began.elapsed() > PATIENCE;
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !is_over() {
                    let reply = call(server, token, &json!({ "work": 20 }));
                    assert_eq!(reply.status, 200, "{reply:?}");
                    seen.lock().unwrap().insert(reply.body);
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen.len(), 2, "{seen:?}");
}

/// Starts slow calls, runs `happens`, and returns the answers of the calls.
fn answers_during(
    server: &Server,
    token: &str,
    wait_ms: u64,
    happens: impl FnOnce(),
) -> Vec<Reply> {
    thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| call(server, token, &json!({ "wait": wait_ms }))))
            .collect();
        eventually("the calls to wait", || {
            let waiting = server.data.log().matches("waits").count();
            (waiting == callers.len()).then_some(())
        });
        happens();
        let answers = callers.into_iter().map(|caller| caller.join().unwrap());
        answers.collect()
    })
}

#[test]
fn come_with_the_load_and_go_with_it() {
    let _turn = turn();
    let sandbox = Sandbox::new();
    let server = server(&sandbox);
    let token = sandbox.deploy("mi-funcion", SOURCE);
    load_until_two_answer(&server, &token);
    assert_eq!(server.data.workers().len(), 2);
    eventually("the end of one of them", || {
        let reply = call(&server, &token, &json!({}));
        assert_eq!(reply.status, 200, "{reply:?}");
        (server.data.workers().len() == 1).then_some(())
    });
}

#[test]
fn the_end_of_one_costs_only_its_own_requests() {
    let _turn = turn();
    let sandbox = Sandbox::new();
    let server = server(&sandbox);
    let token = sandbox.deploy("mi-funcion", SOURCE);
    load_until_two_answer(&server, &token);
    let victim = server.data.workers()[0].id;
    let answers = answers_during(&server, &token, 15_000, || {
        let victim = i32::try_from(victim).ok().and_then(Pid::from_raw);
        kill_process(victim.unwrap(), Signal::KILL).unwrap();
    });
    let count = |status| {
        answers
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!(count(200) + count(500), answers.len(), "{answers:?}");
    assert_ne!(count(200), 0, "{answers:?}");
    assert_ne!(count(500), 0, "{answers:?}");
    // The other process still answers at once.
    assert_eq!(call(&server, &token, &json!({})).status, 200);
}

#[test]
fn all_of_them_finish_their_requests_when_they_are_replaced() {
    let _turn = turn();
    let sandbox = Sandbox::new();
    let server = server(&sandbox);
    let token = sandbox.deploy("mi-funcion", SOURCE);
    load_until_two_answer(&server, &token);
    let before: Vec<_> = server.data.workers().iter().map(|w| w.id).collect();
    assert_eq!(before.len(), 2);
    let answers = answers_during(&server, &token, 3_000, || {
        let outcome = sandbox.jelou("secrets set mi-funcion KEY=value").run();
        assert_eq!(outcome.code, 0, "{outcome}");
    });
    for reply in answers {
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    eventually("the end of both", || {
        let workers = server.data.workers();
        (!workers.iter().any(|worker| before.contains(&worker.id))).then_some(())
    });
    assert_eq!(call(&server, &token, &json!({})).status, 200);
}
