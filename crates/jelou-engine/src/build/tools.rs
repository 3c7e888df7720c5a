//! The tools that every build uses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cache::DenoCache;
use super::integrity::Integrity;
use super::kept_modules::KeptModules;
use crate::assets::Assets;
use crate::deno::Deno;
use crate::network::NetworkConfig;
use crate::worker::Launcher;

#[derive(Debug)]
pub(crate) struct Tools {
    pub(super) deno: PathBuf,
    pub(super) assets: Assets,
    pub(super) cache: DenoCache,
    pub(super) integrity: Integrity,
    pub(super) kept_modules: KeptModules,
    pub(super) launcher: Arc<Launcher>,
    pub(super) network: NetworkConfig,
}

impl Tools {
    /// Creates the build cache below `cache_dir`.
    ///
    /// # Errors
    ///
    /// When files cannot be written.
    pub(crate) fn new(
        deno: &Deno,
        assets: Assets,
        cache_dir: &Path,
        launcher: Arc<Launcher>,
        network: NetworkConfig,
    ) -> std::io::Result<Self> {
        let cache = DenoCache::provide(cache_dir, deno, launcher.sandbox.builder())?;
        Ok(Self {
            deno: deno.binary.clone(),
            assets,
            integrity: Integrity::open(&cache_dir.join("integrity.json")),
            kept_modules: KeptModules::open(cache_dir.join("remote"))?,
            cache,
            launcher,
            network,
        })
    }
}
