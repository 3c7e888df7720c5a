//! Processes that wait for a function: as many as the demand asks for, within what the operator allows.

use std::thread;

use crate::support::{Sandbox, Serve, eventually, function};

const FUNCTIONS: usize = 5;
const LEAST: usize = 1;
const MOST: usize = 3;

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
    let functions: Vec<_> = (0..FUNCTIONS)
        .map(|number| {
            let slug = format!("funcion-{number}");
            let token = sandbox.deploy(&slug, &function("() => 1"));
            (slug, token)
        })
        .collect();
    wait_for("the blank workers of a quiet server", LEAST);
    thread::scope(|scope| {
        for (slug, token) in &functions {
            let call = server.request(slug).token(token);
            scope.spawn(move || assert_eq!(call.send().status, 200));
        }
    });
    wait_for("more blank workers after a burst", FUNCTIONS + MOST);
    wait_for("few of them when it is quiet again", FUNCTIONS + LEAST);
}
