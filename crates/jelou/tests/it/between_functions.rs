//! Functions that call functions on one machine without DNS and TLS, and places where their secrets must not appear.

use std::process::Command;

use crate::support::{DataFolder, Sandbox, Serve, Server, eventually, function};

/// The documentation's function, with the handler that the documentation omits.
const CALLER: &str = r#"import { define, z } from "@jelou/functions";

export default define({
  description: "Llama a otra función",
  input: z.object({ valor: z.string() }),
handler: async (input, ctx) => {
  const res = await fetch("https://otra-funcion.fn.jelou.ai", {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-Jelou-Token": ctx.env.get("OTRA_FUNCION_TOKEN")!,
    },
    body: JSON.stringify({ dato: input.valor }),
  });
  return await res.json();
}
});
"#;

const API_KEY: &str = "7d4f0c52b8e94a6fb1c3";

fn start(sandbox: &Sandbox) -> Server {
    Serve::new(sandbox)
        .arguments("--listen 127.0.0.1:0 --domain fn.jelou.ai")
        .env("JELOU_LOG", "trace")
        .start()
}

#[test]
fn a_token_passed_on_as_a_secret() {
    let sandbox = Sandbox::new();
    let server = start(&sandbox);
    let token = sandbox.deploy("mi-funcion", CALLER);
    let others = sandbox.deploy(
        "otra-funcion",
        &function(
            "async (input, ctx) => {
                ctx.log('called', input);
                console.error(ctx.env.get('API_KEY') === undefined);
                return { eco: input.dato };
            }",
        ),
    );
    let call = || server.call("mi-funcion", Some(&token), r#"{"valor":"hola"}"#);
    // Without the token, the call returns the other function's refusal.
    assert_eq!(call(), (200, r#"{"error":"Unauthorized"}"#.to_owned()));

    let set =
        format!("secrets set mi-funcion OTRA_FUNCION_TOKEN={others} API_KEY={API_KEY} --human");
    let outcome = sandbox.jelou(&set).run();
    assert_eq!(outcome.stdout(), "✓ Set 2 secrets\n", "{outcome}");
    assert_eq!(call(), (200, r#"{"eco":"hola"}"#.to_owned()));
    let list = sandbox.jelou("secrets list mi-funcion").run();
    assert!(list.stdout().contains("API_KEY"), "{list}");

    let access_token = server.access_token.clone().unwrap();
    let secrets = [
        token.as_str(),
        others.as_str(),
        API_KEY,
        access_token.as_str(),
    ];
    for secret in secrets {
        assert!(!list.stdout().contains(secret), "{list}");
    }
    eventually("the log of the call", || {
        server.data.log().contains("called").then_some(())
    });
    // A process may have ended already.
    eventually("a process whose environment is to be seen", || {
        let is_seen = server.data.workers().iter().any(|worker| {
            let environment = std::fs::read_to_string(format!("/proc/{}/environ", worker.id));
            environment.is_ok_and(|environment| environment.contains("DENO_DIR"))
        });
        is_seen.then_some(())
    });
    assert_nowhere(&server.data, &secrets);
    // The same holds after the shutdown, when all data is in the database file.
    assert_nowhere(&server.stop(), &secrets);
}

/// Checks files, the log, and the processes' command lines and environments.
fn assert_nowhere(data: &DataFolder, secrets: &[&str]) {
    // Proves that the search works.
    assert!(is_in_a_file(data, "OTRA_FUNCION_TOKEN"));
    for secret in secrets {
        assert!(!is_in_a_file(data, secret), "{secret}");
        assert!(!data.log().contains(secret), "{secret}: {}", data.log());
    }
    for process in data.processes() {
        // A process may have ended already.
        let environment = std::fs::read(format!("/proc/{}/environ", process.id));
        let environment = String::from_utf8_lossy(&environment.unwrap_or_default()).into_owned();
        for secret in secrets {
            assert!(!process.command_line.contains(secret), "{process:?}");
            assert!(!environment.contains(secret), "{environment}");
        }
    }
}

fn is_in_a_file(data: &DataFolder, text: &str) -> bool {
    let found = Command::new("grep")
        .args(["--recursive", "--text", "--quiet"])
        .args(["--fixed-strings", "--devices=skip", "-e", text])
        .arg(data.path())
        .status()
        .unwrap();
    // Exit code 1 means "not found". Higher codes are errors.
    match found.code() {
        Some(0) => true,
        Some(1) => false,
        other => panic!("grep: {other:?}"),
    }
}

#[test]
fn a_function_that_logs_a_token() {
    let sandbox = Sandbox::new();
    let server = start(&sandbox);
    let token = sandbox.deploy(
        "mi-funcion",
        &function(
            "(input, ctx) => {
                ctx.log('one', ctx.env.get('T'));
                console.error('two ' + ctx.env.get('T'));
                throw new Error('three ' + ctx.env.get('T'));
            }",
        ),
    );
    let set = format!("secrets set mi-funcion T={token}");
    assert_eq!(sandbox.jelou(&set).run().code, 0);
    assert_eq!(
        server.call("mi-funcion", Some(&token), "{}"),
        (500, r#"{"error":"Internal function error"}"#.to_owned())
    );
    eventually("the log of the call", || {
        let log = server.data.log();
        ["one", "two", "three"]
            .iter()
            .all(|word| log.contains(word))
            .then_some(())
    });
    assert!(!server.data.log().contains(&token), "{}", server.data.log());
}

/// A function that calls the function `next`, counts its own calls, and returns the answer of `next`.
fn link(next: &str) -> String {
    let handler = function(&format!(
        r#"async (input, ctx) => {{
    calls += 1;
    const answer = await fetch("https://{next}.fn.jelou.ai/", {{
      method: "POST",
      headers: {{ "X-Jelou-Token": ctx.env.get("NEXT")! }},
    }});
    return new Response(await answer.text(), {{
      status: answer.status,
      headers: {{ "X-Calls": String(calls) }},
    }});
  }}"#
    ));
    format!("let calls = 0;\n{handler}")
}

#[test]
fn a_loop_ends_after_sixteen_calls() {
    let sandbox = Sandbox::new();
    let server = start(&sandbox);
    let itself = sandbox.deploy("sola", &link("sola"));
    let first = sandbox.deploy("una", &link("otra"));
    let second = sandbox.deploy("otra", &link("una"));
    for (slug, next) in [("sola", &itself), ("una", &second), ("otra", &first)] {
        let set = format!("secrets set {slug} NEXT={next}");
        assert_eq!(sandbox.jelou(&set).run().code, 0);
    }
    for (slug, token, calls) in [("sola", &itself, "16"), ("una", &first, "8")] {
        let reply = server.request(slug).token(token).send();
        assert_eq!(reply.status, 508, "{reply:?}");
        assert_eq!(reply.body, r#"{"error":"Loop detected"}"#);
        assert_eq!(reply.header("x-calls"), Some(calls));
    }
    // A caller's headers do not shorten the chain.
    let reply = server
        .request("sola")
        .token(&itself)
        .header("x-jelou-hops", "15")
        .send();
    assert_eq!(reply.header("x-calls"), Some("32"));
}
