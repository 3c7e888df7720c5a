//! Changes during calls: no call is lost, and every call after a change sees the change.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::support::{Sandbox, Server, eventually, function, times};

const CALLERS: usize = 4;

/// Makes the changes 1 to `count` during calls. The function must return the number of the last change.
fn change_under_load(server: &Server, token: &str, count: usize, change: impl Fn(usize)) {
    let acknowledged = AtomicUsize::new(0);
    let done = AtomicBool::new(false);
    let answered = AtomicUsize::new(0);
    let call = || {
        while !done.load(Ordering::SeqCst) {
            let least = acknowledged.load(Ordering::SeqCst);
            let reply = server.request("mi-funcion").token(token).send();
            assert_eq!(reply.status, 200, "{reply:?}");
            let seen: usize = reply.body.parse().unwrap();
            assert!(seen >= least, "{seen} after {least}");
            answered.fetch_add(1, Ordering::SeqCst);
        }
    };
    thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
        // Catches a failed change, so that the callers still stop.
        let changed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for number in 1..=count {
                change(number);
                acknowledged.store(number, Ordering::SeqCst);
                // After an odd number, waits for calls after the change. After an even number, the next change follows
                // directly.
                if number % 2 == 1 {
                    let before = answered.load(Ordering::SeqCst);
                    eventually("calls after the change", || {
                        let now = answered.load(Ordering::SeqCst);
                        (now > before + 2 * CALLERS).then_some(())
                    });
                }
            }
        }));
        done.store(true, Ordering::SeqCst);
        for caller in callers {
            caller.join().unwrap();
        }
        changed.unwrap();
    });
    let last = server.request("mi-funcion").token(token).send();
    assert_eq!(last.body, count.to_string());
}

#[test]
fn deploys_lose_no_call() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let source = |number: usize| function(&format!("() => {number}"));
    let token = sandbox.deploy("mi-funcion", &source(0));
    change_under_load(&server, &token, times(20, 200), |number| {
        sandbox.deploy("mi-funcion", &source(number));
    });
}

#[test]
fn secrets_lose_no_call() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let source = function("(input, ctx) => Number(ctx.env.get('NUMBER') ?? 0)");
    let token = sandbox.deploy("mi-funcion", &source);
    change_under_load(&server, &token, times(10, 100), |number| {
        let set = format!("secrets set mi-funcion NUMBER={number}");
        let outcome = sandbox.jelou(&set).run();
        assert_eq!(outcome.code, 0, "{outcome}");
    });
}
