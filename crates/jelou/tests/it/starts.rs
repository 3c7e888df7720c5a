//! Starts of a function's processes, whoever waits for them.

use crate::support::{Sandbox, Serve, eventually, function};

/// Takes longer to start than its callers wait.
const SLOW_TO_START: &str = r#"import { define } from "@jelou/functions";

await new Promise((resolve) => setTimeout(resolve, 1000));

export default define({
  description: "Slow to start",
  config: { timeout: 200 },
  handler: () => "started",
});
"#;

#[test]
fn one_goes_on_when_its_caller_has_gone() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).start();
    let token = sandbox.deploy("mi-funcion", SLOW_TO_START);
    let call = || server.request("mi-funcion").token(&token).send();
    assert_eq!(call().status, 504);
    let started = eventually("the answer of a function that is slow to start", || {
        let reply = call();
        (reply.status != 504).then_some(reply)
    });
    assert_eq!((started.status, &*started.body), (200, "\"started\""));
    // It was one start, not one for each caller.
    let log = server.data.log();
    assert!(!log.contains("in a row"), "{log}");
    assert_eq!(log.matches("the function's process ended").count(), 0);
}

#[test]
fn the_next_call_after_an_end_gets_another_process() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).start();
    let ends = "({ end }: { end: boolean }) => { if (end) Deno.exit(1); return 1; }";
    let token = sandbox.deploy("mi-funcion", &function(ends));
    let call = |body: &str| server.call("mi-funcion", Some(&token), body).0;
    // More ends in a row would bring pauses.
    for _ in 0..3 {
        assert_eq!(call(r#"{"end":true}"#), 500);
        assert_eq!(call("{}"), 200);
    }
}
