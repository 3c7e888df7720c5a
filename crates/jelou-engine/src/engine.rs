//! The engine of one server. Connects the parts of this crate.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use jelou_core::{EgressHost, EgressRule, FunctionLimits, Limits, OwnLimits, Slug, SourceTree};
use jelou_sandbox::{LayerStatus, Sandbox, SandboxConfig, SandboxError};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::artifacts::{ArtifactCache, AssetFiles, SourceMapCache, UnpackedArtifacts};
use crate::assets::Assets;
use crate::build::{
    BuildError, Builder, Built, IncrementalBuild, Prepared, RemoteSource, Tools, TypeCheck, digest,
};
use crate::capacity::Budget;
use crate::debugger::Debuggers;
use crate::deno::{DENO_VERSION, Deno};
use crate::fleet::{
    AllProcesses, AllWorkers, CompanyInfo, FunctionStarter, Host, JelouCredentials, LaunchSpec,
    LeaseError, Platform, Pool, Processes, Reaper, Slot, Warm, follow_names, keep_filled,
};
use crate::network::NetworkConfig;
use crate::worker::{EngineStage, Launcher, Program, RunDir, process_limits};

/// Maximum bytes of the path of `run_dir`. The rest of a socket's path is for the worker's number and the socket's
/// name.
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
    /// Egress rules for all functions: the destinations that functions may connect to although they are denied by
    /// default.
    pub egress_allow: Vec<EgressRule>,
    pub network: NetworkConfig,
    /// Whether outgoing requests of functions to other hosts include the trace headers of their call.
    pub traces_outside: bool,
    /// Host suffix of function URLs, without a port.
    pub functions_domain: String,
    pub company: CompanyInfo,
    /// `None` if functions cannot use the Jelou API.
    pub jelou: Option<JelouCredentials>,
    pub stage: EngineStage,
    /// Set if debuggers can attach to the processes of functions. Needs a sandbox with `debugger`.
    pub debuggers: Option<Arc<Debuggers>>,
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

/// The current number of blank workers, and the current memory of the engine.
#[derive(Debug, Clone, Copy)]
pub struct EngineLoad {
    /// Blank workers that are ready.
    pub blank_workers: usize,
    /// Private memory of all processes, in bytes.
    pub memory_bytes: u64,
    /// Current maximum of the private memory of all processes, in bytes.
    pub memory_limit_bytes: u64,
}

#[derive(Debug, Clone)]
pub struct Engine {
    builder: Arc<Builder>,
    starter: Arc<FunctionStarter>,
    artifacts: ArtifactCache,
    all_processes: Arc<AllProcesses>,
    toolchain: Arc<str>,
}

impl Engine {
    /// Sets up the sandbox and starts the background tasks. Must be called inside a tokio runtime.
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
            stage,
            debuggers,
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
            &whole_networks(&egress_allow),
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
        let program = Program {
            deno: deno.binary.clone(),
            assets: assets.clone(),
            ca: network.ca.clone(),
        };
        let limits = Arc::new(FunctionLimits::new(&limits, &OwnLimits::new()));
        let launcher = Launcher::new(
            program,
            sandbox,
            run_dir,
            Arc::clone(&budget),
            limits,
            egress_allow,
            (stage, debuggers),
        )?;
        let launcher = Arc::new(launcher);
        let tools = Tools::new(
            &deno,
            assets,
            &cache_dir,
            Arc::clone(&launcher),
            network.clone(),
        )?;
        let all_workers = Arc::<AllWorkers>::default();
        let pool = Arc::new(Pool::new(Arc::clone(&launcher), Arc::clone(&all_workers)));
        let all_processes = Arc::<AllProcesses>::default();
        let reaper = Reaper {
            all_processes: Arc::clone(&all_processes),
            all_workers: Arc::clone(&all_workers),
            budget,
        };
        tokio::spawn(reaper.run(Arc::downgrade(&pool)));
        tokio::spawn(keep_filled(Arc::downgrade(&pool)));
        tokio::spawn(follow_names(
            Arc::clone(&all_processes),
            Arc::downgrade(&pool),
        ));
        let unpacked = UnpackedArtifacts::new(artifacts.clone(), launcher.run_dir.artifacts());
        Ok(Self {
            builder: Arc::new(Builder::new(tools, functions_domain.clone())),
            starter: Arc::new(FunctionStarter {
                launcher,
                pool,
                all_workers,
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
            all_processes,
            toolchain,
        })
    }

    /// Returns the digest of a build, which depends on the upload, the settings of its `jelou.json`, and the versions
    /// of the SDK, of Deno and of this program. An upload with an equal digest needs no second build.
    pub fn digest(&self, tree: &SourceTree, settings: &Map<String, Value>) -> String {
        digest(tree, settings, &self.toolchain)
    }

    /// Creates a slot for a deployment. The slot has no process until its first request.
    pub fn slot(&self, spec: LaunchSpec) -> Slot {
        let processes = Arc::new(Processes::new(Arc::clone(&self.starter), spec));
        self.all_processes.add(&processes);
        Slot::new(processes)
    }

    /// Builds an upload with the settings of its `jelou.json`, and imports it with these limits and secrets. A failed
    /// build leaves no files.
    ///
    /// # Errors
    ///
    /// When the upload cannot be built ([`BuildError::is_upload_fault`]), or the server cannot build now.
    pub async fn build(
        &self,
        slug: &Slug,
        tree: &SourceTree,
        settings: &Map<String, Value>,
        how: (TypeCheck, RemoteSource<'_>),
        limits: &Arc<FunctionLimits>,
        secrets: BTreeMap<String, Zeroizing<String>>,
    ) -> Result<Built, BuildError> {
        self.builder
            .build(slug, tree, settings, how, secrets, limits)
            .await
    }

    /// Stores the remote modules of a deploy for the next build of the function. If `files` is empty, removes the
    /// stored ones.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn keep_remote_modules(&self, slug: &Slug, files: &AssetFiles) -> std::io::Result<()> {
        self.builder.keep_remote_modules(slug, files)
    }

    /// Bundles a project again after a change. Does not run its code. The caller may drop the future at any time.
    ///
    /// # Errors
    ///
    /// When the project cannot be built ([`BuildError::is_upload_fault`]), or the server cannot build now.
    pub async fn rebuild(
        &self,
        builds: &IncrementalBuild,
        tree: &SourceTree,
        settings: &Map<String, Value>,
    ) -> Result<Prepared, BuildError> {
        self.builder.rebuild(builds, tree, settings).await
    }

    /// Checks the types of a project, independently of any build. The caller may drop the future at any time.
    ///
    /// # Errors
    ///
    /// When a type is wrong ([`BuildError::is_upload_fault`]), or the types cannot be checked now.
    pub async fn check_types(&self, tree: &SourceTree) -> Result<(), BuildError> {
        self.builder.check_types(tree).await
    }

    /// Starts the first process of a slot and reads the manifest from it. The slot's artifact is the prepared bundle.
    /// Dropping the future ends the process.
    ///
    /// # Errors
    ///
    /// When the function cannot be loaded ([`BuildError::is_upload_fault`]), or the server cannot start a process.
    pub async fn start_described(
        &self,
        slot: &Slot,
        prepared: Prepared,
        tree: &SourceTree,
        settings: &Map<String, Value>,
    ) -> Result<(Built, Warm), BuildError> {
        let slug = &slot.spec().slug;
        let secrets = self
            .starter
            .host
            .secrets(slug, slot.spec().preview.as_ref())
            .map_err(BuildError::Secrets)?;
        let (warm, loaded) = match slot.start_described(settings).await {
            Ok((warm, loaded)) => (warm, Ok(loaded)),
            Err(LeaseError::Start(error) | LeaseError::Process(error)) => {
                (Warm::default(), Err(error))
            }
            Err(error) => return Err(std::io::Error::other(error).into()),
        };
        let built = self
            .builder
            .describe(slug, prepared, loaded, tree, secrets)?;
        Ok((built, warm))
    }

    /// Ends the blank workers and takes down the sandbox. The caller must have retired the slots, which ends the
    /// workers of functions.
    pub fn shut_down(&self) {
        self.starter.pool.close();
        self.starter.launcher.sandbox.take_down();
    }

    /// Returns the number of blank workers, and the memory of all processes.
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

    /// Returns the status of each layer of the sandbox.
    pub fn sandbox_layers(&self) -> &[LayerStatus] {
        self.starter.launcher.sandbox.layers()
    }

    /// Whether functions can use IPv6.
    pub fn has_ipv6(&self) -> bool {
        self.starter.launcher.sandbox.has_ipv6()
    }

    /// Returns the egress rules for all functions.
    pub fn egress_rules(&self) -> &[EgressRule] {
        &self.starter.launcher.egress
    }

    /// Returns the maximum memory of all processes together, in MiB.
    pub fn workers_memory_mib(&self) -> u64 {
        self.starter.launcher.budget.limit_mib()
    }

    pub fn limits(&self) -> &Limits {
        &self.starter.launcher.limits
    }
}

/// Returns the networks of rules without a port. The firewall opens these networks for all processes.
pub fn whole_networks(rules: &[EgressRule]) -> Vec<IpNet> {
    let network = |rule: &EgressRule| match rule.host {
        EgressHost::Network(network) if rule.port.is_none() => Some(network),
        _ => None,
    };
    rules.iter().filter_map(network).collect()
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
