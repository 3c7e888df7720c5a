//! The command line of a worker's process.

use std::path::PathBuf;

use jelou_sandbox::{Confinement, FileRights, Launch, ProcessIds, Purpose, Sandbox};
use tokio::process::Command;

use super::directory::WorkerDir;
use super::permissions;
use super::terms::LaunchTerms;
use crate::assets::Assets;

/// V8's flags, except for the maximum size of the heap:
///
/// - 1 MiB for each half of the young generation. With the default of 16 MiB, a garbage collection stops every call for
///   some milliseconds when all cores are busy. Smaller halves are collected more often, but in a fraction of that
///   time.
/// - No helper threads for this collection, because the collecting thread waits until each helper thread was scheduled.
/// - The global function `gc`, for the rehearsal. The worker removes it before any user code runs.
const V8_FLAGS: &str = "--max-semi-space-size=1,--no-parallel-scavenge,--expose-gc";

/// The program of every worker: Deno with the SDK's `worker.js`.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) deno: PathBuf,
    pub(crate) assets: Assets,
    /// A file with additional CA certificates.
    pub(crate) ca: Option<PathBuf>,
}

impl Program {
    pub(super) fn command(
        &self,
        sandbox: &Sandbox,
        dir: &WorkerDir,
        purpose: Purpose,
        terms: &LaunchTerms,
        max_data_bytes: Option<u64>,
    ) -> std::io::Result<Command> {
        let home = dir.home();
        let function = dir.function();
        let mut launch = Launch::new(&self.deno, &function);
        launch
            .arg("run")
            .args([
                "--no-config",
                "--no-lock",
                "--no-prompt",
                "--no-remote",
                "--no-npm",
            ])
            .args(["--cached-only", "--quiet", "--unstable-no-legacy-abort"])
            .arg("--import-map")
            .arg(self.assets.import_map())
            .arg(format!(
                "--v8-flags=--max-old-space-size={},{V8_FLAGS}",
                terms.limits.max_heap_mib
            ))
            .args(inspector(sandbox, purpose))
            .args(if sandbox.uses_permissions() {
                permissions::flags(
                    purpose,
                    &home,
                    &function,
                    &[dir.socket(), dir.heartbeat_socket(), dir.calls_socket()],
                    &dir.egress_socket(),
                    terms.openings.deny_flags(),
                    sandbox.has_debugger(),
                )
            } else {
                permissions::everything()
            })
            .arg(self.assets.worker())
            .arg(dir.socket())
            .arg(dir.heartbeat_socket())
            .arg(dir.calls_socket())
            .args(dir.answer_pipes())
            .env("DENO_DIR", dir.deno_dir())
            .env("DENO_NO_UPDATE_CHECK", "1")
            .env("DENO_TLS_CA_STORE", "mozilla,system")
            .env("NO_COLOR", "1")
            .env("TZ", "UTC");
        if let Some(ca) = &self.ca {
            launch.env("DENO_CERT", ca);
        }
        let rights = FileRights {
            read: [self.assets.dir().to_path_buf(), function]
                .into_iter()
                .chain(self.ca.clone())
                .collect(),
            execute: vec![self.deno.clone()],
            write: vec![home],
        };
        let mut confinement = Confinement::new(
            sandbox,
            purpose,
            dir.user().map(|user| ProcessIds { user, group: None }),
            &rights,
            max_data_bytes,
        )?;
        if let Some(group) = dir.group() {
            confinement = confinement.join(group)?;
        }
        launch.command(confinement)
    }
}

/// Returns the flag that starts the inspector, on a port that the kernel chooses.
fn inspector(sandbox: &Sandbox, purpose: Purpose) -> Option<&'static str> {
    let has_inspector = sandbox.has_debugger() && purpose == Purpose::Serve;
    has_inspector.then_some("--inspect=127.0.0.1:0")
}
