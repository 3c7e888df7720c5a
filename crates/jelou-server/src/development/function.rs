//! One project in development: builds it after every change, and replaces the running code.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use jelou_core::api::PlannedSchedule;
use jelou_core::manifest::Mode;
use jelou_core::{DeploymentId, LogRules, Manifest, SecretKey, Slug, SourceTree};
use jelou_engine::build::{BuildError, Built, IncrementalBuild, Prepared};
use jelou_engine::{ArtifactError, LoadError, Slot, Warm};
use jelou_logs::{Query, TokenNames};
use jelou_store::{ArtifactRecord, SecretOwner, SecretRecord};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::error::ReloadError;
use super::source_map;
use crate::control::{Control, ControlError, openapi_of};
use crate::gateway::Development;
use crate::registry::{Function, Live};

/// Maximum bytes of log records that are read at a time.
const PAGE_BYTES: usize = 256 * 1024;

/// Number of attempts to load the code if the machine is too busy to start a process in time.
const ATTEMPTS: usize = 3;

/// The files, the settings and the secrets of a project.
#[derive(PartialEq)]
pub struct Project {
    /// The absolute path of the folder.
    pub dir: PathBuf,
    pub tree: SourceTree,
    /// The settings of `jelou.json`.
    pub settings: Map<String, Value>,
    pub secrets: Vec<(SecretKey, Zeroizing<String>)>,
}

impl fmt::Debug for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Project")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// A build that serves requests now, with its warnings.
#[derive(Debug)]
pub struct Reloaded {
    pub manifest: Arc<Manifest>,
    pub warnings: Vec<String>,
    pub schedules: Vec<PlannedSchedule>,
}

/// A function that is developed in a folder.
pub struct DevelopedFunction {
    pub(super) control: Arc<Control>,
    pub(super) development: Arc<Development>,
    pub(super) function: Arc<Function>,
    pub(super) builds: IncrementalBuild,
    /// Whether callers need a token.
    pub(super) asks_for_token: bool,
    pub(super) token: Option<Zeroizing<String>>,
    pub(super) url: String,
    /// The address for debuggers; `None` if they cannot attach.
    pub(super) inspector_url: Option<String>,
}

impl fmt::Debug for DevelopedFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevelopedFunction")
            .field("function", &self.function.slug)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl DevelopedFunction {
    pub fn slug(&self) -> &Slug {
        &self.function.slug
    }

    /// Returns the URL of the function, with a `/` at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the address for debuggers; `None` if they cannot attach.
    pub fn inspector_url(&self) -> Option<&str> {
        self.inspector_url.as_deref()
    }

    /// Returns the token that callers need; `None` if they need none.
    pub fn token(&self) -> Option<&str> {
        self.token.as_ref().map(|token| token.as_str())
    }

    /// Builds the project, and serves it from the next request on. Requests in flight finish with the previous code.
    /// Cancel safe: if the future is dropped, the previous code stays live.
    ///
    /// # Errors
    /// The project cannot be built or started. The previous code stays live, and its responses have a header about the
    /// error.
    pub async fn reload(&self, project: &Project) -> Result<Reloaded, ReloadError> {
        let mut result = self.make_live(project).await;
        for _ in 1..ATTEMPTS {
            if !matches!(&result, Err(error) if is_of_a_busy_machine(error)) {
                break;
            }
            result = self.make_live(project).await;
        }
        let result = result.map_err(|error| ReloadError::new(error, &project.tree));
        let stale = result.as_ref().err().map(ReloadError::stale);
        self.development.loaded(self.slug(), stale);
        result
    }

    /// Returns the error of a project that cannot be read. The previous code stays live, and its responses have a
    /// header about the error.
    pub fn refuse(&self, message: String, hint: Option<String>) -> ReloadError {
        let error = ReloadError {
            message,
            hint,
            place: None,
            frame: None,
        };
        self.development.loaded(self.slug(), Some(error.stale()));
        error
    }

    /// Checks the types of the project. Builds do not wait for the check. Can be dropped at any time.
    ///
    /// # Errors
    /// A type is wrong.
    pub async fn check_types(&self, project: &Project) -> Result<(), ReloadError> {
        let tree = &project.tree;
        match self.control.engine.check_types(tree).await {
            Err(error) if error.is_upload_fault() => Err(ReloadError::new(error.into(), tree)),
            Err(error) => {
                tracing::debug!(%error, "cannot check types");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Returns the lines around the first place in the project that the text names.
    pub fn frame_in(&self, text: &str) -> Option<String> {
        let (_, frame) = self.development.frame_in(self.slug(), text)?;
        Some(frame)
    }

    async fn make_live(&self, project: &Project) -> Result<Reloaded, ControlError> {
        let Project {
            dir,
            tree,
            settings,
            secrets,
        } = project;
        let (control, function) = (&self.control, &self.function);
        let secrets = seal(control, function, secrets)?;
        function.secrets.store(Arc::new(secrets));
        let engine = &control.engine;
        let mut prepared = engine.rebuild(&self.builds, tree, settings).await?;
        if self.inspector_url.is_some() {
            source_map::embed(&mut prepared.bundle, dir, tree);
        }
        let stored = ArtifactRecord {
            bundle: prepared.bundle.code.clone(),
            source_map: Some(prepared.bundle.source_map.clone()),
            sources: Vec::new(),
            assets: prepared
                .bundle
                .assets_archive(&[])
                .map_err(ArtifactError::Io)?,
        };
        let hash = stored.hash();
        engine
            .artifacts()
            .put(&hash.to_string(), &prepared.bundle)?;
        let id = DeploymentId::generate();
        // The process starts before its manifest is known. It needs only a few fields of the manifest.
        let expected = self.expected(settings);
        let slot = control.slot(function, id.clone(), hash.to_string(), &expected);
        let slot = Unused(Some(slot));
        let (mut built, warm) = slot.start(control, prepared, tree, settings).await?;
        let manifest = &mut built.manifest;
        manifest.openapi = openapi_of(settings, tree)?;
        control.check_limits(&function.slug, manifest)?;
        let schedules = control.planned_schedules(manifest, tree, settings)?;
        if !self.asks_for_token {
            for tool in &mut manifest.tools {
                tool.public = true;
            }
        }
        let manifest = built.manifest;
        let former = if is_started_alike(&expected, &manifest) {
            let live = control.live_in(function, slot.used()?, manifest);
            let former = function.swap_live(live);
            drop(warm);
            former
        } else {
            let live = control.new_live(function, id, hash, manifest);
            control
                .prepare(function, live, &[], 0)
                .await?
                .activate(function)
        };
        control.cron.refresh();
        self.development.set_tree(&function.slug, tree);
        if let Some(former) = former {
            self.retire(former, &hash.to_string());
        }
        let live = function.live.load_full().ok_or(ControlError::Interrupted)?;
        Ok(Reloaded {
            manifest: Arc::clone(&live.manifest),
            warnings: built.warnings,
            schedules,
        })
    }

    /// Returns the manifest that the next process starts with, predicted from the previous manifest.
    fn expected(&self, settings: &Map<String, Value>) -> Manifest {
        let live = self.function.live.load();
        let before = live.as_ref().map(|live| &live.manifest);
        Manifest {
            mode: Mode::Define,
            name: None,
            description: String::new(),
            tools: Vec::new(),
            env: settings.get("env") != Some(&Value::Bool(false)),
            keep_warm: before.map_or(0, |before| before.keep_warm),
            logs: before.map_or_else(LogRules::default, |before| before.logs),
            routes: Vec::new(),
            openapi: None,
        }
    }

    /// Drains the former code, then removes its bundle, unless the current code has the same bundle.
    fn retire(&self, former: Arc<Live>, current: &str) {
        let engine = self.control.engine.clone();
        let current = current.to_owned();
        tokio::spawn(async move {
            former.slot.retire().await;
            let hash = &former.slot.spec().artifact_hash;
            if *hash != current
                && let Err(error) = engine.artifacts().remove(hash)
            {
                tracing::warn!(%error, "cannot remove an earlier bundle");
            }
        });
    }

    /// Returns the log records of the function from now on, each as JSON.
    ///
    /// # Errors
    /// The files of the log cannot be opened.
    pub fn records(&self) -> std::io::Result<mpsc::Receiver<String>> {
        let logs = self.control.logs.clone();
        let function = self.function.id.clone();
        let mut watch = logs.watch(&function)?;
        // A slow terminal blocks the reader of the log, not the function.
        let (sender, records) = mpsc::channel(256);
        tokio::spawn(async move {
            let mut cursor = watch.last_seq();
            while watch.wait_beyond(cursor).await {
                let (logs, function) = (logs.clone(), function.clone());
                let read = move || {
                    let (query, names) = (Query::default(), TokenNames::default());
                    logs.page(&function, &query, &names, cursor, PAGE_BYTES)
                };
                let page = match tokio::task::spawn_blocking(read).await {
                    Ok(Ok(page)) => page,
                    Ok(Err(error)) => return tracing::warn!(%error, "cannot read the log"),
                    // The runtime shuts down.
                    Err(_) => return,
                };
                cursor = page.cursor;
                for found in page.records {
                    if sender.send(found.json).await.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(records)
    }
}

/// Whether a process was too slow to get ready, so that it never received the function.
fn is_of_a_busy_machine(error: &ControlError) -> bool {
    matches!(
        error,
        ControlError::Build(BuildError::Load(LoadError::NotReady(_)))
    )
}

/// Whether both manifests start a process in the same way.
fn is_started_alike(one: &Manifest, other: &Manifest) -> bool {
    one.env == other.env && one.keep_warm == other.keep_warm && one.logs == other.logs
}

/// A slot that has no requests yet. Dropping it ends its processes.
struct Unused(Option<Slot>);

impl Unused {
    async fn start(
        &self,
        control: &Control,
        prepared: Prepared,
        tree: &SourceTree,
        settings: &Map<String, Value>,
    ) -> Result<(Built, Warm), ControlError> {
        let slot = self.0.as_ref().ok_or(ControlError::Interrupted)?;
        let started = control
            .engine
            .start_described(slot, prepared, tree, settings);
        Ok(started.await?)
    }

    fn used(mut self) -> Result<Slot, ControlError> {
        self.0.take().ok_or(ControlError::Interrupted)
    }
}

impl Drop for Unused {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            tokio::spawn(async move { slot.retire().await });
        }
    }
}

/// Encrypts the secrets in the form that the registry needs. They are not stored.
fn seal(
    control: &Control,
    function: &Function,
    secrets: &[(SecretKey, Zeroizing<String>)],
) -> Result<Vec<SecretRecord>, ControlError> {
    let owner = SecretOwner::Function(function.id.clone());
    let vault = control.store.vault();
    secrets
        .iter()
        .map(|(key, value)| {
            let sealed = vault.seal(&owner, key, value);
            let sealed = sealed.map_err(jelou_store::StoreError::from)?;
            Ok(SecretRecord {
                owner: owner.clone(),
                key: key.clone(),
                sealed,
            })
        })
        .collect()
}
