//! Passes the files of a function and the compiled bundle to a blank worker, and compiles bundles.

use std::sync::Arc;
use std::time::Duration;

use jelou_sandbox::{CpuShare, Purpose};
use tokio::time::Instant;

use super::blank::{Blank, guarded};
use super::launcher::Launcher;
use super::load::{self, LoadError};
use super::module_cache;
use super::module_url::ModuleUrl;
use crate::artifacts::{CompiledBundle, Unpacked};

/// Maximum time in which a process must write what it has compiled, and the interval between checks.
const WRITTEN_WITHIN: Duration = Duration::from_secs(1);
const CHECK_PERIOD: Duration = Duration::from_millis(2);

impl Blank {
    /// Links the files of a function into the folder of the process, and writes the compiled bundle to the caches of
    /// the process.
    ///
    /// # Errors
    ///
    /// When the files cannot be linked.
    pub(crate) async fn provide(&mut self, files: &Unpacked) -> std::io::Result<ModuleUrl> {
        let folder = self.dir.function();
        files.link_into(&folder)?;
        let module = ModuleUrl::of(&Unpacked::module_in(&folder));
        if let Some(compiled) = files.compiled() {
            let written = module_cache::write(&self.dir.deno_dir(), &module, &compiled).await;
            // On a failure, the process compiles the bundle itself.
            if let Err(error) = written {
                tracing::debug!(%error, "cannot hand over a compiled bundle");
            }
        }
        Ok(module)
    }

    /// Makes the process compile the bundle without running it. Returns `None` if the bundle has an error, or the
    /// process writes nothing to its caches.
    ///
    /// # Errors
    ///
    /// When the process ends, or does not finish within `limits.startup_timeout_ms`.
    pub(crate) async fn compile(
        &mut self,
        launcher: &Launcher,
        module: &ModuleUrl,
        files: &Unpacked,
    ) -> Result<Option<CompiledBundle>, LoadError> {
        let told = load::compile(&mut self.connection, Some(module));
        if !guarded(
            &launcher.limits,
            launcher.limits.startup_timeout(),
            &mut self.child,
            &self.dir,
            told,
        )
        .await?
        {
            return Ok(None);
        }
        let deno_dir = self.dir.deno_dir();
        let deadline = Instant::now() + WRITTEN_WITHIN;
        loop {
            match module_cache::read(&deno_dir, module, files.bundle_bytes()).await {
                Ok(Some(compiled)) => return Ok(Some(compiled)),
                Ok(None) if Instant::now() < deadline => tokio::time::sleep(CHECK_PERIOD).await,
                Ok(None) => return Ok(None),
                Err(error) => {
                    tracing::debug!(%error, "cannot read a compiled bundle");
                    return Ok(None);
                }
            }
        }
    }
}

/// Compiles a bundle in a temporary process. Returns `None` if the process writes nothing to its caches, or there is no
/// memory for the process.
///
/// # Errors
///
/// When the process cannot be started, or ends before the bundle is compiled.
pub(crate) async fn compile_apart(
    launcher: &Arc<Launcher>,
    files: &Unpacked,
) -> Result<Option<CompiledBundle>, LoadError> {
    let Some(charge) = launcher.budget.try_charge() else {
        return Ok(None);
    };
    let terms = launcher.common_terms().await;
    let mut blank = Blank::start(launcher, Purpose::Inspect, CpuShare::Rest, terms, charge).await?;
    let module = blank.provide(files).await;
    let module = module.map_err(|error| LoadError::Died(error.to_string()))?;
    blank.compile(launcher, &module, files).await
}
