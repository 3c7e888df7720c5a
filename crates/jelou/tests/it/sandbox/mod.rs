//! The sandbox layers that depend on the machine, checked on the machine itself.

mod control_groups;
mod firewall;

use std::sync::Arc;

use crate::support::{DataFolder, Sandbox, Serve, Server};

/// Starts a server with the layer. If the machine lacks the layer, checks that a server that requires it does not
/// start.
fn server_with(
    layer: &str,
    sandbox: &Sandbox,
    data: Option<&Arc<DataFolder>>,
    settings: &[(&str, &str)],
) -> Option<Server> {
    let serve = || {
        let mut serve = Serve::new(sandbox);
        if let Some(data) = data {
            serve = serve.on(data);
        }
        for (name, value) in settings {
            serve = serve.env(name, value);
        }
        serve
    };
    let server = serve().start();
    let log = server.data.log();
    let said = format!("layer={layer}");
    let Some(line) = log.lines().find(|line| line.contains(&said)) else {
        return Some(server);
    };
    eprintln!("skipped: {line}");
    let setting = format!("JELOU_SANDBOX__{}", layer.to_ascii_uppercase());
    let outcome = serve().env(&setting, "require").run();
    let expected =
        format!("sandbox.{layer} is \\\"require\\\", but the layer {layer} is missing: ");
    assert_ne!(outcome.code, 0, "{outcome}");
    assert!(outcome.to_string().contains(&expected), "{outcome}");
    None
}
