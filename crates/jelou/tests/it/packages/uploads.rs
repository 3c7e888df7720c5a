//! Large uploads at once to a function that has large packages in its memory.

use std::thread;

use super::case::configuration;
use crate::support::{Sandbox, Serve, Server, times};

const SOURCE: &str = r#"import twilio from "twilio";
import { PDFDocument } from "pdf-lib";
import { define } from "@jelou/functions";

const born = crypto.randomUUID();
const loaded = [twilio("AC0", "secret"), await PDFDocument.create()].length;

export default define({
  description: "Reads",
  config: { path: "/:how" },
  handler: async (input, ctx, request) => {
    switch (ctx.params.how) {
      case "json": return { born, loaded, size: JSON.stringify(input).length };
      case "bytes": return { born, loaded, size: (await request.arrayBuffer()).byteLength };
      default: return { born, loaded, size: 0 };
    }
  },
});
"#;

/// Just below the limit of 10 MiB.
const LARGEST: usize = 10 * 1024 * 1024 - 1024;

#[test]
fn large_uploads_at_once_with_packages_in_memory() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .with_registry()
        .env("JELOU_LIMITS__MAX_PROCESSES_PER_FUNCTION", "1")
        // The machine may be busy, and this test does not measure speed.
        .env("JELOU_LIMITS__STARTUP_TIMEOUT_MS", "30000")
        .start();
    let packages = ["twilio@6.3.1", "pdf-lib@1.17.1"];
    sandbox.file("mi-funcion/deno.json", configuration(packages.into_iter()));
    let token = sandbox.deploy("mi-funcion", SOURCE);
    let first = born(&server, &token);
    let counts = [4, 16, 64];
    for count in &counts[..times(1, counts.len())] {
        for how in ["/json", "/bytes"] {
            let accepted = upload(&server, &token, how, *count);
            assert!(accepted > 0, "{how}: none of {count} was accepted");
            assert_eq!(
                born(&server, &token),
                first,
                "{count} uploads to {how}: the process did not live on"
            );
        }
    }
}

fn born(server: &Server, token: &str) -> String {
    let reply = server
        .request("mi-funcion")
        .path("/none")
        .token(token)
        .send();
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["born"].as_str().unwrap().to_owned()
}

/// Uploads at once, and returns how many were accepted. The others must be refused with 503.
fn upload(server: &Server, token: &str, how: &str, count: usize) -> usize {
    let body = format!("[\"{}\"]", "x".repeat(LARGEST - 4));
    let call = server
        .request("mi-funcion")
        .path(how)
        .token(token)
        .body(&body);
    let replies: Vec<_> = thread::scope(|scope| {
        let sent: Vec<_> = (0..count).map(|_| scope.spawn(|| call.send())).collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).collect()
    });
    for reply in &replies {
        match reply.status {
            200 => assert_eq!(reply.json()["size"], LARGEST),
            503 => assert!(reply.header("retry-after").is_some(), "{reply:?}"),
            _ => panic!("{how}: {reply:?}"),
        }
    }
    replies.iter().filter(|reply| reply.status == 200).count()
}
