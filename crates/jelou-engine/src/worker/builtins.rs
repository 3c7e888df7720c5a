//! The code cache of Node's modules, for functions that import them.
//!
//! A blank worker imports few of these modules, so the first code cache does not contain them. They are compiled once,
//! after the first function with such an import is built or started, in a process that never has a function. Later
//! blank workers get that cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use jelou_sandbox::{CpuShare, Purpose};

use super::blank::{Blank, guarded};
use super::code_cache::CodeCache;
use super::launcher::Launcher;
use super::load::{self, LoadError};
use super::module_cache;
use crate::artifacts::Unpacked;

/// The code cache for blank workers of functions that use Node's modules: the code cache of the first blank worker,
/// plus the code of these modules. Empty until the code is compiled.
#[derive(Debug, Default)]
pub(super) struct Builtins {
    started: AtomicBool,
    code_cache: ArcSwapOption<CodeCache>,
}

impl Builtins {
    pub(super) fn code_cache(&self) -> Option<Arc<CodeCache>> {
        self.code_cache.load_full()
    }
}

/// Compiles Node's modules in the background if the function probably imports any. Does nothing if that was already
/// started.
pub(crate) fn prepare(launcher: &Arc<Launcher>, files: &Unpacked) {
    let builtins = &launcher.builtins;
    if !files.imports_node() || builtins.started.swap(true, Ordering::Relaxed) {
        return;
    }
    let launcher = Arc::clone(launcher);
    let runtime = launcher.runtime.clone();
    runtime.spawn(async move {
        match compile(&launcher).await {
            Ok(code_cache) => launcher.builtins.code_cache.store(code_cache.map(Arc::new)),
            Err(error) => tracing::warn!(%error, "cannot compile Node's modules in advance"),
        }
        if launcher.builtins.code_cache().is_none() {
            launcher.builtins.started.store(false, Ordering::Relaxed);
        }
    });
}

/// Compiles Node's modules in a temporary process. Returns `None` if there is no memory for the process.
async fn compile(launcher: &Arc<Launcher>) -> Result<Option<CodeCache>, LoadError> {
    let Some(charge) = launcher.budget.try_charge() else {
        return Ok(None);
    };
    let terms = launcher.common_terms().await;
    let mut blank = Blank::start(launcher, Purpose::Inspect, CpuShare::Rest, terms, charge).await?;
    let told = load::compile(&mut blank.connection, None);
    guarded(
        &launcher.limits,
        launcher.limits.startup_timeout(),
        &mut blank.child,
        &blank.dir,
        told,
    )
    .await?;
    module_cache::settle(&blank.dir.deno_dir()).await;
    let code_cache = blank.end_for_cache(launcher, "compiled-builtins").await?;
    Ok(Some(code_cache))
}
