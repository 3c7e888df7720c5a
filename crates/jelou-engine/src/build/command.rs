//! Runs the programs of a build, each with the permissions of its step.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output};

use tokio::process::{Child, Command};

use super::error::BuildError;
use super::tools::Tools;
use super::workspace::Workspace;
use crate::worker::baseline;
use jelou_sandbox::{Confinement, FileRights, Launch, Purpose};

/// Environment variables of the server that the package download step inherits. They configure access to the
/// registries.
const REGISTRY_VARIABLES: [&str; 11] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "NPM_CONFIG_REGISTRY",
    "JSR_URL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "DENO_CERT",
];

/// Prepares Deno in the folder of the upload, with the environment of its step.
pub(super) fn tool(tools: &Tools, workspace: &Workspace, step: Purpose) -> Launch {
    let mut launch = tool_in(&workspace.src(), tools, workspace, step);
    launch.env("DENO_NO_PACKAGE_JSON", "1");
    launch
}

/// Prepares the conversion of npm's lock file to Deno's.
pub(super) fn lock_converter(tools: &Tools, workspace: &Workspace) -> Launch {
    let mut launch = tool_in(&workspace.lock_folder(), tools, workspace, Purpose::Fetch);
    launch.args(["install", "--lockfile-only", "--quiet"]);
    launch
}

fn tool_in(folder: &Path, tools: &Tools, workspace: &Workspace, step: Purpose) -> Launch {
    let mut launch = Launch::new(&tools.deno, folder);
    launch
        .env("DENO_DIR", workspace.deno_dir())
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
    } else {
        // The cache has one folder for each registry, so Deno needs the names of the registries to find packages.
        for name in ["NPM_CONFIG_REGISTRY", "JSR_URL"] {
            if let Some(registry) = std::env::var_os(name) {
                launch.env(name, registry);
            }
        }
    }
    launch
}

/// Runs a program until it ends.
pub(super) async fn run(
    tools: &Tools,
    workspace: &Workspace,
    step: Purpose,
    launch: Launch,
) -> Result<Output, BuildError> {
    let child = start(tools, workspace, step, launch, |_| {}).await?;
    let timeout = tools.launcher.limits.build_timeout();
    let output = tokio::time::timeout(timeout, child.wait_with_output())
        .await
        .map_err(|_| BuildError::Timeout(timeout.as_millis()))?
        .map_err(BuildError::Io)?;
    if output.status.code().is_none() {
        return Err(died(tools, output.status));
    }
    Ok(output)
}

/// Starts a program with the rights of its step.
pub(super) async fn start(
    tools: &Tools,
    workspace: &Workspace,
    step: Purpose,
    launch: Launch,
    change: impl FnOnce(&mut Command),
) -> Result<Child, BuildError> {
    let baseline = baseline(&tools.launcher).await?;
    let mut confinement = Confinement::new(
        &tools.launcher.sandbox,
        step,
        workspace.process_ids(tools, step),
        &rights(tools, workspace, step),
        Some(baseline.max_data_bytes(tools.launcher.limits.max_build_memory_mib)),
    )?;
    let is_awaited = tools.launcher.stage.is_development() && step != Purpose::Check;
    if is_awaited {
        confinement = confinement.with_full_priority();
    }
    let mut command = launch.command(confinement)?;
    change(&mut command);
    Ok(tools.launcher.spawner.spawn(command).await?)
}

/// Returns the error of a step that a signal ended.
pub(super) fn died(tools: &Tools, status: ExitStatus) -> BuildError {
    BuildError::Died {
        status: status.to_string(),
        limit_mib: tools.launcher.limits.max_build_memory_mib,
    }
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
            write: vec![
                tools.cache.packages(),
                workspace.lock_folder(),
                workspace.remote(),
            ],
        },
        Purpose::Bundle => FileRights {
            // The folder has no registry credentials any more.
            read: vec![workspace.root().to_path_buf(), tools.cache.packages()],
            execute: vec![tools.cache.bundler()],
            write: Vec::new(),
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

/// Returns the paths of certificates in the environment, for example of a company's certificate authority.
fn certificates() -> impl Iterator<Item = PathBuf> {
    ["SSL_CERT_DIR", "SSL_CERT_FILE", "DENO_CERT"]
        .into_iter()
        .filter_map(std::env::var_os)
        .map(PathBuf::from)
}
