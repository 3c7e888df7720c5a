//! Runs the steps of a build in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jelou_core::api::Dependency;
use jelou_core::manifest::Mode;
use jelou_core::source::FileKind;
use jelou_core::{FunctionLimits, Level, Manifest, Slug, SourceTree};
use jelou_sandbox::{CpuShare, Purpose};
use serde_json::{Map, Value};
use sourcemap::SourceMap;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::bundle::Bundled;
use super::bundler::Bundler;
use super::error::BuildError;
use super::incremental::IncrementalBuild;
use super::kept_modules::{self, RemoteSource};
use super::secrets::BuildSecrets;
use super::tools::Tools;
use super::usage::Usage;
use super::workspace::Workspace;
use super::{bindings, bundle, graph, near_miss, types};
use crate::artifacts::{AssetFiles, Bundle, Unpacked, stack_trace};
use crate::worker::{Blank, LaunchTerms, LoadError, LoadMode, LoadRequest, Loaded, builtins};

/// Maximum number of concurrent builds. Further builds wait.
const CONCURRENT_BUILDS: usize = 2;

#[derive(Debug)]
pub struct Built {
    pub bundle: Bundle,
    pub manifest: Manifest,
    /// The files of the upload that the build used. The deployment needs no other files.
    pub files: BTreeMap<String, FileKind>,
    /// The packages and remote modules in the bundle, sorted.
    pub dependencies: Vec<Dependency>,
    pub warnings: Vec<String>,
    /// The remote modules, for the next build of the function ([`crate::Engine::keep_remote_modules`]).
    pub remote: AssetFiles,
}

/// Whether the build also checks types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeCheck {
    Skip,
    Run,
}

/// Builds uploads, with limited concurrency.
#[derive(Debug)]
pub(crate) struct Builder {
    tools: Tools,
    functions_domain: String,
    permits: Semaphore,
}

impl Builder {
    pub(crate) fn new(tools: Tools, functions_domain: String) -> Self {
        Self {
            tools,
            functions_domain,
            permits: Semaphore::new(CONCURRENT_BUILDS),
        }
    }

    /// Builds an upload. A failed build leaves no files.
    pub(crate) async fn build(
        &self,
        slug: &Slug,
        tree: &SourceTree,
        settings: &Map<String, Value>,
        (types, remote): (TypeCheck, RemoteSource<'_>),
        secrets: BTreeMap<String, Zeroizing<String>>,
        limits: &Arc<FunctionLimits>,
    ) -> Result<Built, BuildError> {
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
        let secrets = BuildSecrets::new(secrets);
        self.build_now(slug, tree, settings, (types, remote), &secrets, limits)
            .await
            .map_err(BuildError::or_full_disk)
    }

    async fn build_now(
        &self,
        slug: &Slug,
        tree: &SourceTree,
        settings: &Map<String, Value>,
        (types, remote): (TypeCheck, RemoteSource<'_>),
        secrets: &BuildSecrets,
        limits: &Arc<FunctionLimits>,
    ) -> Result<Built, BuildError> {
        let tools = &self.tools;
        let workspace = Workspace::create(tools, tree, &tools.kept_modules.get(slug, remote))?;
        let resolved = graph::resolve(tools, &workspace, tree).await;
        workspace.forget_credentials()?;
        let mut resolved = resolved?;
        if types == TypeCheck::Run {
            BuildError::check(std::mem::take(&mut resolved.types_outside))?;
            types::check(tools, &workspace).await?;
        }
        let mut process = Bundler::default();
        let bundled = bundle::run(tools, &workspace, &resolved, &mut process).await?;
        let urls = resolved.remote.keys().chain(&resolved.redirects);
        let limit = 2 * tools.launcher.limits.max_remote_bytes;
        let remote = kept_modules::collect(&workspace.remote(), urls.map(String::as_str), limit)?;
        let mut prepared = Prepared::of(bundled, resolved.files, tree, settings)?;
        let loaded = self
            .inspect(slug, &mut prepared.bundle, settings, secrets, limits)
            .await?;
        let built = prepared.with_manifest((slug, None), loaded, tree, secrets)?;
        Ok(Built { remote, ..built })
    }

    /// Stores the remote modules of a deploy for the next build of the function.
    pub(crate) fn keep_remote_modules(
        &self,
        slug: &Slug,
        files: &AssetFiles,
    ) -> std::io::Result<()> {
        self.tools.kept_modules.put(slug, files)
    }

    /// Bundles a project again. Does not import the bundle.
    pub(crate) async fn rebuild(
        &self,
        builds: &IncrementalBuild,
        tree: &SourceTree,
        settings: &Map<String, Value>,
    ) -> Result<Prepared, BuildError> {
        let bundled = builds.bundle(&self.tools, tree).await;
        let (bundled, reached) = bundled.map_err(BuildError::or_full_disk)?;
        Prepared::of(bundled, reached, tree, settings)
    }

    /// Checks the types of a project in a temporary folder, independently of any build.
    pub(crate) async fn check_types(&self, tree: &SourceTree) -> Result<(), BuildError> {
        let tools = &self.tools;
        let workspace = Workspace::create(tools, tree, &AssetFiles::new())?;
        let resolved = graph::resolve(tools, &workspace, tree).await;
        workspace.forget_credentials()?;
        BuildError::check(resolved?.types_outside)?;
        types::check(tools, &workspace).await
    }

    /// For `jelou dev`: completes a build whose manifest was read from the first process of the slot, which also serves
    /// the function. If loading failed, returns its error with positions in the source files.
    pub(crate) fn describe(
        &self,
        slug: &Slug,
        prepared: Prepared,
        loaded: Result<Loaded, LoadError>,
        tree: &SourceTree,
        secrets: BTreeMap<String, Zeroizing<String>>,
    ) -> Result<Built, BuildError> {
        let secrets = BuildSecrets::new(secrets);
        let loaded = loaded.map_err(|error| self.readable(error, &prepared.bundle, &secrets))?;
        let env_file = self.tools.launcher.stage.env_file();
        prepared.with_manifest((slug, env_file), loaded, tree, &secrets)
    }

    /// Imports the bundle once, with the function's secrets and without network, to read its manifest. Before that,
    /// makes Deno compile a large bundle, and stores the result in `bundle`.
    async fn inspect(
        &self,
        slug: &Slug,
        bundle: &mut Bundle,
        settings: &Map<String, Value>,
        secrets: &BuildSecrets,
        limits: &Arc<FunctionLimits>,
    ) -> Result<Loaded, BuildError> {
        let launcher = &self.tools.launcher;
        let charge = launcher.budget.charge();
        let terms = LaunchTerms {
            limits: Arc::clone(limits),
            ..launcher.common_terms().await
        };
        let mut blank = Blank::start(launcher, Purpose::Inspect, CpuShare::Own, terms, charge)
            .await
            .map_err(BuildError::Load)?;
        let files = Unpacked::write(&launcher.run_dir.artifacts(), &bundle.code, &bundle.assets)?;
        let module = blank.provide(&files).await?;
        // Must run before the function's code, because the code could write to the caches of its process.
        builtins::prepare(launcher, &files);
        if files.begin_compiling() {
            bundle.compiled = blank.compile(launcher, &module, &files).await?;
        }
        let request = LoadRequest {
            mode: LoadMode::Inspect,
            module: module.as_str(),
            words: files.words(),
            function_slug: slug,
            function_id: None,
            deployment_id: None,
            company: None,
            env: secrets.env(),
            process_env: settings.get("env") != Some(&Value::Bool(false)),
            functions_domain: &self.functions_domain,
            egress_socket: None,
            egress: &[],
            is_proxied: false,
            log_level: Level::default(),
            traces_outside: false,
            env_file: None,
            waits_for_debugger: None,
            log_line_bytes: launcher.limits.max_log_line_bytes,
            max_body_bytes: limits.max_body_bytes,
            max_body_told: limits.describe("max_body_bytes"),
            body_memory_told: limits.describe("max_body_memory_mib"),
            memory: None,
            jelou: None,
            settings: Some(settings),
        };
        let loaded = blank.inspect(&request).await;
        Ok(loaded.map_err(|error| self.readable(error, bundle, secrets))?)
    }

    /// Maps positions in the error's texts to source files, masks secrets, and adds advice.
    fn readable(&self, error: LoadError, bundle: &Bundle, secrets: &BuildSecrets) -> LoadError {
        let map = SourceMap::from_slice(bundle.source_map.as_bytes()).ok();
        // The server must not reveal where it stores its files.
        let run_dir = self.tools.launcher.run_dir.path().display().to_string();
        let error = error.map_texts(|text| {
            let text = stack_trace::rewrite(&text, map.as_ref()).replace(&run_dir, "");
            secrets.mask(text)
        });
        error.advised(near_miss::of_undefined)
    }
}

/// A bundle that no process has loaded yet.
#[derive(Debug)]
pub struct Prepared {
    pub bundle: Bundle,
    files: BTreeMap<String, FileKind>,
    dependencies: Vec<Dependency>,
    warnings: Vec<String>,
    /// Warnings about the use of the uploaded files.
    usage_warnings: Vec<String>,
}

impl Prepared {
    /// Combines the bundle with the assets and the list of used files. `reached`: the files that the imports reach.
    fn of(
        bundled: Bundled,
        reached: BTreeSet<String>,
        tree: &SourceTree,
        settings: &Map<String, Value>,
    ) -> Result<Self, BuildError> {
        let Bundled {
            mut bundle,
            dependencies,
            files: mut used,
            warnings,
        } = bundled;
        used.extend(reached);
        let openapi = settings.get("openapi").and_then(Value::as_str);
        let openapi = openapi.map(|path| path.strip_prefix("./").unwrap_or(path));
        let usage = Usage::of(tree, &used, openapi)?;
        bundle.assets.extend(usage.assets(tree));
        Ok(Self {
            bundle,
            files: usage.files,
            dependencies,
            warnings,
            usage_warnings: usage.warnings,
        })
    }

    /// Adds the manifest and the warnings that a worker has reported.
    fn with_manifest(
        self,
        (slug, env_file): (&Slug, Option<&str>),
        loaded: Loaded,
        tree: &SourceTree,
        secrets: &BuildSecrets,
    ) -> Result<Built, BuildError> {
        let manifest = loaded.manifest.ok_or_else(|| {
            LoadError::Protocol("the worker sent no manifest for the function".to_owned())
        })?;
        secrets.check_manifest(&manifest)?;
        let warnings = loaded.warnings.into_iter().map(|text| secrets.mask(text));
        let set = secrets.env().into_keys().collect();
        let variables = bindings::Variables {
            slug,
            env_file,
            set: &set,
        };
        let bindings =
            bindings::warnings(variables, manifest.mode == Mode::Handler, tree, &self.files);
        Ok(Built {
            bundle: self.bundle,
            manifest,
            files: self.files,
            dependencies: self.dependencies,
            remote: AssetFiles::new(),
            warnings: [
                self.warnings,
                warnings.collect(),
                self.usage_warnings,
                bindings,
            ]
            .concat(),
        })
    }
}
