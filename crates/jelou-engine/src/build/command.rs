//! Runs the Deno tools of a build, each with the permissions of its step.

use std::path::PathBuf;
use std::process::Output;

use rustix::process::{Pid, Signal};
use tokio::process::Child;

use super::error::BuildError;
use super::tools::Tools;
use super::workspace::Workspace;
use crate::worker::baseline;
use jelou_sandbox::{Confinement, FileRights, Launch, Purpose};

/// Environment variables for the step that fetches packages: how this machine reaches its registries.
const REGISTRY_VARIABLES: [&str; 10] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "NPM_CONFIG_REGISTRY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "DENO_CERT",
];

/// A Deno tool with the environment of its step.
pub(super) fn tool(tools: &Tools, workspace: &Workspace, step: Purpose) -> Launch {
    let mut launch = Launch::new(&tools.deno, &workspace.src());
    launch
        .env("DENO_DIR", tools.cache.path())
        .env("DENO_NO_PACKAGE_JSON", "1")
        .env("DENO_NO_UPDATE_CHECK", "1")
        .env("HOME", workspace.home())
        .env("NO_COLOR", "1");
    if step == Purpose::Fetch {
        for name in REGISTRY_VARIABLES {
            if let Some(value) = std::env::var_os(name) {
                launch.env(name, value);
            }
        }
        launch.env("DENO_TLS_CA_STORE", "mozilla,system");
        // The configuration has priority over the environment.
        let network = &tools.network;
        if let Some(ca) = &network.ca {
            launch.env("DENO_CERT", ca);
        }
        if let Some(proxy) = &network.proxy {
            for name in REGISTRY_VARIABLES {
                let is_proxy = matches!(
                    name,
                    "HTTP_PROXY" | "HTTPS_PROXY" | "http_proxy" | "https_proxy"
                );
                if is_proxy {
                    launch.env(name, proxy.as_str());
                } else if name.eq_ignore_ascii_case("NO_PROXY") {
                    launch.env(name, &network.no_proxy);
                }
            }
        }
    } else if let Some(registry) = std::env::var_os("NPM_CONFIG_REGISTRY") {
        // The cache has one folder for each registry.
        launch.env("NPM_CONFIG_REGISTRY", registry);
    }
    launch
}

pub(super) async fn run(
    tools: &Tools,
    workspace: &Workspace,
    step: Purpose,
    launch: Launch,
) -> Result<Output, BuildError> {
    let baseline = baseline(&tools.launcher).await?;
    let confinement = Confinement::new(
        &tools.launcher.sandbox,
        step,
        workspace.identity(tools, step),
        &rights(tools, workspace, step),
        Some(baseline.max_data_bytes(tools.launcher.limits.max_build_memory_mib)),
    )?;
    let command = launch.command(confinement)?;
    let timeout = tools.launcher.limits.build_timeout();
    let child = tools.launcher.spawner.spawn(command).await?;
    let _group = (step == Purpose::Bundle)
        .then(|| Group::of(&child))
        .flatten();
    let output = tokio::time::timeout(timeout, child.wait_with_output())
        .await
        .map_err(|_| BuildError::Timeout(timeout.as_millis()))?
        .map_err(BuildError::Io)?;
    if output.status.code().is_none() {
        return Err(BuildError::Died {
            status: output.status.to_string(),
            limit_mib: tools.launcher.limits.max_build_memory_mib,
        });
    }
    Ok(output)
}

fn rights(tools: &Tools, workspace: &Workspace, step: Purpose) -> FileRights {
    let deno = tools.deno.clone();
    match step {
        Purpose::Fetch => FileRights {
            read: certificates()
                .chain(tools.network.ca.clone())
                .chain([
                    workspace.root().to_path_buf(),
                    tools.cache.path().to_path_buf(),
                ])
                .collect(),
            execute: vec![deno],
            write: vec![tools.cache.packages()],
        },
        Purpose::Bundle => FileRights {
            read: vec![
                workspace.src(),
                workspace.config(),
                workspace.home(),
                tools.cache.path().to_path_buf(),
            ],
            execute: vec![deno, tools.cache.bundler()],
            write: vec![workspace.out()],
        },
        Purpose::Check | Purpose::Serve | Purpose::Inspect => FileRights {
            read: vec![
                workspace.root().to_path_buf(),
                tools.cache.path().to_path_buf(),
                tools.assets.dir().to_path_buf(),
            ],
            execute: vec![deno],
            write: Vec::new(),
        },
    }
}

/// Certificates that the environment names, for example of a company's certificate authority.
fn certificates() -> impl Iterator<Item = PathBuf> {
    ["SSL_CERT_DIR", "SSL_CERT_FILE", "DENO_CERT"]
        .into_iter()
        .filter_map(std::env::var_os)
        .map(PathBuf::from)
}

/// The process group of a step. Dropping it kills the group.
struct Group(Pid);

impl Group {
    /// The process group that `child` leads (setpgid(2)).
    fn of(child: &Child) -> Option<Self> {
        let id = child.id()?.try_into().ok()?;
        Pid::from_raw(id).map(Self)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Fails if all processes of the group have ended.
        let _ = rustix::process::kill_process_group(self.0, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;

    #[tokio::test]
    async fn a_process_group_ends_with_its_step() {
        let mut child = tokio::process::Command::new("/bin/sh")
            .args(["-c", "sleep 1000 & echo $!; wait"])
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let group = Group::of(&child);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let grandchild: u32 = lines.next_line().await.unwrap().unwrap().parse().unwrap();
        assert!(
            std::path::Path::new("/proc")
                .join(grandchild.to_string())
                .exists()
        );
        drop(group);
        // The pipe closes when the last process that holds it has ended.
        assert_eq!(lines.next_line().await.unwrap(), None);
        assert!(!child.wait().await.unwrap().success());
    }
}
