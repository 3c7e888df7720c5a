//! Functions with databases: real servers, which the tests start on loopback, and the drivers that people use. Needs
//! the npm registry, and the servers' Debian packages (`scripts/setup.sh`).

mod mariadb;
pub(crate) mod pgbouncer;
pub(crate) mod postgres;
mod redis;
pub(crate) mod relay;
mod unreachable;

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{Sandbox, Serve, Server, function};

/// A server with one function that uses packages.
struct Stage {
    server: Server,
    sandbox: Sandbox,
    token: String,
}

impl Stage {
    /// Deploys `clientes` with the packages of `imports`. The code before the handler makes the clients.
    fn start(
        imports: &[(&str, &str)],
        secrets: &[(&str, &str)],
        clients: &str,
        handler: &str,
    ) -> Self {
        let sandbox = Sandbox::new();
        let server = Serve::new(&sandbox).with_registry().start();
        let packages = imports
            .iter()
            .map(|(name, version)| (name.to_string(), format!("npm:{name}@{version}").into()))
            .collect::<serde_json::Map<String, Value>>();
        let config = serde_json::json!({ "imports": packages });
        sandbox.file("clientes/deno.json", config.to_string());
        let mut variables = String::new();
        for (key, value) in secrets {
            writeln!(variables, "{key}='{value}'").unwrap();
        }
        let set = sandbox.jelou("secrets set clientes --create --from-env -");
        let outcome = set.run_with_stdin(&variables);
        assert_eq!(outcome.code, 0, "{outcome}");
        let token = sandbox.deploy("clientes", &format!("{clients}\n{}", function(handler)));
        let stage = Self {
            server,
            sandbox,
            token,
        };
        // With one process, there is one pool.
        stage.jelou("limits set clientes max_processes_per_function=1");
        stage
    }

    fn jelou(&self, line: &str) {
        let outcome = self.sandbox.jelou(line).run();
        assert_eq!(outcome.code, 0, "{outcome}");
    }

    /// The answer of a call that succeeds.
    fn call(&self, body: &Value) -> Value {
        let (status, answer) = self.try_call(body);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    fn try_call(&self, body: &Value) -> (u16, Value) {
        let (status, answer) = self
            .server
            .call("clientes", Some(&self.token), &body.to_string());
        let json = serde_json::from_str(&answer).unwrap_or(Value::String(answer));
        (status, json)
    }
}
