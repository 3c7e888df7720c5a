//! Work after the answer: `ctx.waitUntil` keeps the process during a deploy, after the idle timeout, and while the
//! server stops.

use serde_json::json;

use crate::support::{Reply, Sandbox, Serve, Server, eventually};

/// Works for some time after its answer.
const SOURCE: &str = r#"
import { define, z } from "@jelou/functions";

export default define({
  description: "A test",
  input: z.object({ ms: z.number(), text: z.string().default("") }),
  handler: async ({ ms }, ctx) => {
    ctx.waitUntil((async () => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      await ctx.memory.set("last", "stored");
      console.log("finished", await ctx.memory.get("last", "lost"));
    })());
    return { requestId: ctx.requestId };
  },
});
"#;

const REPLACEMENT: &str = r#"
import { define } from "@jelou/functions";
export default define({ description: "A test", handler: () => "replaced" });
"#;

/// Deploys the function of the tests, and calls it once. The body is as large as `text`.
fn called(server: &Server, sandbox: &Sandbox, ms: u32, text: &str) -> Reply {
    let token = sandbox.deploy("mi-funcion", SOURCE);
    let input = json!({ "ms": ms, "text": text }).to_string();
    let reply = server
        .request("mi-funcion")
        .token(&token)
        .body(&input)
        .send();
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(!server.data.log().contains("finished"));
    reply
}

fn finishes(server: &Server) {
    eventually("the end of the work", || {
        let log = server.data.log();
        log.contains(r#""args":["finished","stored"]"#)
            .then_some(())
    });
}

/// The engine sends requests with large bodies to the process over HTTP, and others over the call channel.
#[test]
fn a_deploy_waits_for_the_work_of_requests_of_every_size() {
    for bytes in [0, 600_000] {
        let sandbox = Sandbox::new();
        let server = Serve::new(&sandbox).start();
        called(&server, &sandbox, 4_000, &"x".repeat(bytes));
        sandbox.deploy("mi-funcion", REPLACEMENT);
        assert!(!server.data.log().contains("finished"));
        finishes(&server);
    }
}

#[test]
fn an_idle_process_is_not_ended_during_its_work() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .env("JELOU_LIMITS__IDLE_TIMEOUT_MS", "200")
        .env("JELOU_LIMITS__BLANK_WORKERS", "0")
        .env("JELOU_LIMITS__MAX_BLANK_WORKERS", "0")
        .start();
    called(&server, &sandbox, 2_000, "");
    finishes(&server);
    eventually("the end of the process", || {
        server.data.workers().is_empty().then_some(())
    });
}

#[test]
fn the_stop_of_the_server_waits_for_work() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).start();
    called(&server, &sandbox, 2_000, "");
    let log = server.stop().log();
    assert!(log.contains(r#""args":["finished","stored"]"#), "{log}");
}

#[test]
fn work_that_takes_too_long_is_cut_and_logged() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .env("JELOU_LIMITS__BACKGROUND_TIMEOUT_MS", "500")
        .env("JELOU_LIMITS__BLANK_WORKERS", "0")
        .env("JELOU_LIMITS__MAX_BLANK_WORKERS", "0")
        .start();
    let reply = called(&server, &sandbox, 10_000_000, "");
    sandbox.deploy("mi-funcion", REPLACEMENT);
    let id = reply.json()["requestId"].as_str().unwrap().to_owned();
    let line = format!(
        "the work of request {id} is not finished 500 ms after its answer (limits.background_timeout_ms, a server setting)"
    );
    eventually("the line about the work", || {
        server.data.log().contains(&line).then_some(())
    });
    // Only the process of the new deployment remains.
    eventually("the end of the process", || {
        (server.data.workers().len() <= 1).then_some(())
    });
}

/// In each case, the work of one request is cut off or completed in another way.
const CASES: &str = r#"
import { app, define, z } from "@jelou/functions";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export default app({
  tools: {
    chain: define({
      description: "Work that begins more work",
      config: { path: "/chain" },
      handler: (_input, ctx) => {
        ctx.waitUntil(pause(1_000).then(() => {
          ctx.waitUntil(pause(1_000).then(() => console.log("finished", "chain")));
        }));
      },
    }),
    endless: define({
      description: "Work without an end",
      config: { path: "/endless" },
      handler: (_input, ctx) => {
        ctx.waitUntil(pause(10_000_000));
        return { requestId: ctx.requestId };
      },
    }),
    fill: define({
      description: "Takes all memory",
      config: { path: "/fill" },
      handler: () => {
        const all = [];
        while (true) all.push(new Uint8Array(16 << 20).fill(1));
      },
    }),
    spin: define({
      description: "Blocks the process",
      config: { path: "/spin" },
      handler: () => {
        while (true);
      },
    }),
  },
});
"#;

#[test]
fn work_that_begins_more_work_is_waited_for() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).start();
    let token = sandbox.deploy("mi-funcion", CASES);
    let reply = server
        .request("mi-funcion")
        .token(&token)
        .path("/chain")
        .body("{}")
        .send();
    assert!(reply.status < 300, "{reply:?}");
    sandbox.deploy("mi-funcion", REPLACEMENT);
    eventually("the end of the work", || {
        let log = server.data.log();
        log.contains(r#""args":["finished","chain"]"#).then_some(())
    });
}

/// If a process ends for another reason than a deploy, the log contains a line about the work that was cut off.
#[test]
fn work_that_the_end_of_its_process_cuts_is_logged() {
    for path in ["/fill", "/spin"] {
        let sandbox = Sandbox::new();
        let server = Serve::new(&sandbox)
            .env("JELOU_LIMITS__STALL_TIMEOUT_MS", "1000")
            .start();
        let token = sandbox.deploy("mi-funcion", CASES);
        let call = |path: &str| {
            let request = server.request("mi-funcion").token(&token);
            request.path(path).body("{}").send()
        };
        let reply = call("/endless");
        let id = reply.json()["requestId"].as_str().unwrap().to_owned();
        assert_eq!(call(path).status, 500);
        let line =
            format!("the work of request {id} was cut, because the function's process ended");
        eventually("the line about the work", || {
            server.data.log().contains(&line).then_some(())
        });
    }
}

#[test]
fn a_rejection_is_logged_with_its_request_and_its_line() {
    let source = r#"
import { define } from "@jelou/functions";

async function report() {
  await new Promise((resolve) => setTimeout(resolve, 1));
  throw new Error("the report was lost");
}

export default define({
  description: "A test",
  handler: (_input, ctx) => {
    ctx.waitUntil(report());
    try {
      ctx.waitUntil(report as never);
    } catch (error) {
      return { error: (error as Error).message, requestId: ctx.requestId };
    }
  },
});
"#;
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", source);
    let reply = server.request("mi-funcion").token(&token).send();
    assert_eq!(
        reply.json()["error"],
        "ctx.waitUntil needs a promise, and got a function; call the function: ctx.waitUntil(work())"
    );
    let id = reply.json()["requestId"].as_str().unwrap().to_owned();
    let line = eventually("the line of the rejection", || {
        let log = server.data.log();
        let line = log
            .lines()
            .find(|line| line.contains("the report was lost"));
        line.map(str::to_owned)
    });
    for part in [
        &*id,
        "A promise of ctx.waitUntil was rejected",
        "index.ts:6",
    ] {
        assert!(line.contains(part), "{line}");
    }
}
