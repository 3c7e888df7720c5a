//! The engine of one server: connects its parts.

use std::path::PathBuf;
use std::sync::Arc;

use ipnet::Ipv4Net;
use jelou_core::{Limits, Slug, SourceTree};
use jelou_sandbox::{
    LayerStatus, ProcessLimits, Sandbox, SandboxConfig, SandboxError, denied_addresses,
};
use serde_json::{Map, Value};

use crate::artifacts::{ArtifactCache, SourceMapCache, UnpackedArtifacts};
use crate::assets::Assets;
use crate::build::{BuildError, Builder, Built, Tools, TypeCheck, digest};
use crate::capacity::Budget;
use crate::deno::{DENO_VERSION, Deno};
use crate::fleet::{
    CompanyInfo, Deployments, Evictable, FunctionStarter, Host, JelouCredentials, LaunchSpec,
    Platform, Pool, Processes, Reaper, Slot, keep_filled,
};
use crate::network::NetworkConfig;
use crate::worker::{Launcher, Program, RunDir};

/// Maximum bytes of the path of `run_dir`. The rest of a socket path is for the worker's number and the socket's name.
const MAX_RUN_DIR_BYTES: usize = 80;

#[derive(Debug, Clone)]
pub struct EngineConfig {
    pub deno: Deno,
    /// Folder for the npm cache and the SDK's assets.
    pub cache_dir: PathBuf,
    pub artifacts: ArtifactCache,
    /// Folder for the workers' sockets; emptied at startup.
    pub run_dir: PathBuf,
    pub limits: Limits,
    pub sandbox: SandboxConfig,
    /// Networks that functions may connect to, although they are in denied ranges.
    pub egress_allow: Vec<Ipv4Net>,
    pub network: NetworkConfig,
    /// Whether requests of functions to other hosts carry the trace of their call.
    pub traces_outside: bool,
    /// Host suffix of function URLs, without a port.
    pub functions_domain: String,
    pub company: CompanyInfo,
    /// `None` where functions cannot use the Jelou API.
    pub jelou: Option<JelouCredentials>,
}

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(
        "the folder for the workers' sockets, `{path}`, is too long: a unix socket's path may have 107 bytes (unix(7))"
    )]
    RunDirTooLong { path: PathBuf },
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What the engine uses now.
#[derive(Debug, Clone, Copy)]
pub struct EngineLoad {
    /// Blank workers that are ready.
    pub blank_workers: usize,
    /// Private memory of all processes.
    pub memory_bytes: u64,
    /// The most that they may have now.
    pub memory_limit_bytes: u64,
}

#[derive(Debug, Clone)]
pub struct Engine {
    builder: Arc<Builder>,
    starter: Arc<FunctionStarter>,
    artifacts: ArtifactCache,
    deployments: Arc<Deployments>,
    toolchain: Arc<str>,
}

impl Engine {
    /// Must be called inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// When a folder cannot be written, or a required layer of the sandbox is missing.
    pub fn start(config: EngineConfig, host: Arc<dyn Host>) -> Result<Self, EngineError> {
        let EngineConfig {
            deno,
            cache_dir,
            artifacts,
            run_dir,
            limits,
            sandbox,
            egress_allow,
            network,
            traces_outside,
            functions_domain,
            company,
            jelou,
        } = config;
        if run_dir.as_os_str().len() > MAX_RUN_DIR_BYTES {
            return Err(EngineError::RunDirTooLong { path: run_dir });
        }
        let run_dir = RunDir::reset(run_dir)?;
        fs_err::create_dir_all(&cache_dir)?;
        raise_file_limit();
        let sandbox = Sandbox::set_up(
            sandbox,
            process_limits(&limits),
            &egress_allow,
            run_dir.path(),
        )?;
        for layer in sandbox.layers().iter().filter(|layer| !layer.active) {
            tracing::warn!(layer = %layer.layer, reason = layer.reason.as_deref(), "a layer of the sandbox is missing");
        }
        let assets = Assets::write(&cache_dir)?;
        let toolchain = format!(
            "{} deno-{DENO_VERSION} {}",
            env!("CARGO_PKG_VERSION"),
            assets.name()
        )
        .into();
        let budget = Arc::new(Budget::new(limits.max_workers_memory_mib));
        let idle_timeout = limits.idle_timeout();
        let program = Program {
            deno: deno.binary.clone(),
            assets: assets.clone(),
            denied_addresses: denied_addresses(&egress_allow),
            ca: network.ca.clone(),
            max_heap_mib: limits.max_heap_mib,
        };
        let launcher = Launcher::new(program, sandbox, run_dir, Arc::clone(&budget), limits)?;
        let launcher = Arc::new(launcher);
        let tools = Tools::new(
            &deno,
            assets,
            &cache_dir,
            Arc::clone(&launcher),
            network.clone(),
        )?;
        let evictable = Arc::<Evictable>::default();
        let pool = Arc::new(Pool::new(Arc::clone(&launcher), Arc::clone(&evictable)));
        let deployments = Arc::<Deployments>::default();
        let reaper = Reaper {
            deployments: Arc::clone(&deployments),
            evictable: Arc::clone(&evictable),
            budget,
            idle_timeout,
        };
        tokio::spawn(reaper.run(Arc::downgrade(&pool)));
        tokio::spawn(keep_filled(Arc::downgrade(&pool)));
        let unpacked = UnpackedArtifacts::new(artifacts.clone(), launcher.run_dir.artifacts());
        Ok(Self {
            builder: Arc::new(Builder::new(tools, functions_domain.clone())),
            starter: Arc::new(FunctionStarter {
                launcher,
                pool,
                evictable,
                source_maps: Arc::new(SourceMapCache::new(artifacts.clone())),
                unpacked: Arc::new(unpacked),
                platform: Platform {
                    is_proxied: network.proxy.is_some(),
                    traces_outside,
                    functions_domain,
                    company,
                    jelou,
                },
                host,
            }),
            artifacts,
            deployments,
            toolchain,
        })
    }

    /// Identifies a build before it runs: by the upload, and by the versions of everything that builds it.
    pub fn digest(&self, tree: &SourceTree) -> String {
        digest(tree, &self.toolchain)
    }

    /// A slot for a deployment. It has no process until its first request.
    pub fn slot(&self, spec: LaunchSpec) -> Slot {
        let processes = Arc::new(Processes::new(Arc::clone(&self.starter), spec));
        self.deployments.add(&processes);
        Slot::new(processes)
    }

    /// Builds an upload with the settings of its `jelou.json`. A failed build leaves nothing behind.
    ///
    /// # Errors
    ///
    /// When the upload cannot be built ([`BuildError::is_callers`]), or the server cannot build now.
    pub async fn build(
        &self,
        slug: &Slug,
        tree: &SourceTree,
        settings: &Map<String, Value>,
        types: TypeCheck,
    ) -> Result<Built, BuildError> {
        let host = &self.starter.host;
        let secrets = host.secrets(slug).map_err(BuildError::Secrets)?;
        self.builder
            .build(slug, tree, settings, types, secrets)
            .await
    }

    /// Ends the blank workers. The caller has retired the slots, which ends the workers of functions.
    pub fn shut_down(&self) {
        self.starter.pool.close();
        self.starter.launcher.sandbox.take_down();
    }

    /// The blank workers, and the memory of all processes.
    pub fn load(&self) -> EngineLoad {
        let budget = &self.starter.launcher.budget;
        EngineLoad {
            blank_workers: self.starter.pool.ready_count(),
            memory_bytes: budget.used(),
            memory_limit_bytes: budget.ceiling(),
        }
    }

    pub fn artifacts(&self) -> &ArtifactCache {
        &self.artifacts
    }

    /// The status of each layer of the sandbox.
    pub fn sandbox_layers(&self) -> &[LayerStatus] {
        self.starter.launcher.sandbox.layers()
    }

    pub fn limits(&self) -> &Limits {
        &self.starter.launcher.limits
    }
}

fn process_limits(limits: &Limits) -> ProcessLimits {
    ProcessLimits {
        cpu_weight: limits.cpu_weight,
        max_memory_mib: limits.max_memory_mib,
        max_threads: limits.max_threads,
        max_open_files: limits.max_open_files,
    }
}

/// Raises the soft limit of open files to the hard limit. Each connection to a caller or a worker needs a file
/// descriptor, and the usual soft limit is 1024.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}
