//! The number of blank workers follows the demand, within the operator's limits.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Sandbox, Serve, eventually, function};

const FUNCTIONS: usize = 5;
const LEAST: usize = 1;
const MOST: usize = 3;
/// How long the number of blank workers stays high after a burst.
const REMEMBERED: Duration = Duration::from_secs(16);

#[test]
fn follow_the_demand() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .env("JELOU_LIMITS__BLANK_WORKERS", &LEAST.to_string())
        .env("JELOU_LIMITS__MAX_BLANK_WORKERS", &MOST.to_string())
        .start();
    let wait_for = |what: &str, processes: usize| {
        eventually(what, || {
            (server.data.workers().len() == processes).then_some(())
        });
    };
    let deploy = |burst: usize| -> Vec<_> {
        (0..FUNCTIONS)
            .map(|number| {
                let slug = format!("funcion-{burst}-{number}");
                let token = sandbox.deploy(&slug, &function("() => 1"));
                (slug, token)
            })
            .collect()
    };
    let call_at_once = |functions: &[(String, String)]| {
        thread::scope(|scope| {
            for (slug, token) in functions {
                let call = server.request(slug).token(token);
                scope.spawn(move || assert_eq!(call.send().status, 200));
            }
        });
    };
    let functions = deploy(0);
    wait_for("the blank workers of a quiet server", LEAST);
    call_at_once(&functions);
    let (mut bursts, mut last) = (1, Instant::now());
    eventually("more blank workers after a burst", || {
        // On a busy machine, this time may pass before enough workers are ready.
        if last.elapsed() > REMEMBERED {
            call_at_once(&deploy(bursts));
            bursts += 1;
            last = Instant::now();
        }
        (server.data.workers().len() == bursts * FUNCTIONS + MOST).then_some(())
    });
    let left = bursts * FUNCTIONS + LEAST;
    wait_for("few of them when it is quiet again", left);
}
