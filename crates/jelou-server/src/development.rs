//! A server for one project: it builds the function from the folder's files, keeps no deployment, and asks callers for no
//! token.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use http::HeaderValue;
use jelou_core::api::CreateToken;
use jelou_core::{Clock, DeploymentId, Manifest, SecretKey, Slug, SourceTree, TokenName};
use jelou_engine::ArtifactError;
use jelou_engine::build::TypeCheck;
use jelou_logs::{Query, TokenNames};
use jelou_store::{Actor, ArtifactRecord, SecretOwner, SecretRecord};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::api::ApiError;
use crate::config::Config;
use crate::control::{Control, ControlError, openapi_of};
use crate::gateway::Development;
use crate::registry::{Function, Live};
use crate::server::{Assembly, Server, StartError};

/// Bytes of records that are read at a time.
const PAGE_BYTES: usize = 256 * 1024;

/// What a server for development has beside the settings of any server.
#[derive(Debug, Clone)]
pub struct DevelopmentConfig {
    /// The function of the project. Every request that names no other function is for it.
    pub slug: Slug,
    /// Folder for the state of the project: the memory and the log of its function.
    pub state: PathBuf,
    /// Whether callers need a token.
    pub asks_for_token: bool,
}

/// The files of the project.
#[derive(Debug, PartialEq)]
pub struct Project {
    pub tree: SourceTree,
    /// What `jelou.json` says beside the files.
    pub settings: Map<String, Value>,
    pub secrets: Vec<(SecretKey, Zeroizing<String>)>,
}

/// A build that serves requests now.
#[derive(Debug)]
pub struct Reloaded {
    pub manifest: Arc<Manifest>,
    pub warnings: Vec<String>,
}

/// Why a project cannot be built or started.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ReloadError {
    pub message: String,
    pub hint: Option<String>,
    /// The first place in the project that the message names.
    pub place: Option<Place>,
}

/// A place in a file of the project. Line and column count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column } = self;
        write!(f, "{file}:{line}:{column}")
    }
}

impl Place {
    /// The first place that the text names, of a file of the project.
    fn first_in(text: &str, tree: &SourceTree) -> Option<Self> {
        text.split(|c: char| c.is_whitespace() || "()`'\"<>,".contains(c))
            .find_map(|word| {
                let mut parts = word.trim_end_matches(':').rsplitn(3, ':');
                let column = parts.next()?.parse().ok()?;
                let line = parts.next()?.parse().ok()?;
                let file = parts.next()?;
                let file = file.strip_prefix("./").unwrap_or(file);
                tree.file(file).map(|file| Self {
                    file: file.path.clone(),
                    line,
                    column,
                })
            })
    }
}

impl ReloadError {
    fn new(error: ControlError, tree: &SourceTree) -> Self {
        let (message, hint) = ApiError::from(error).into_texts();
        Self {
            place: Place::first_in(&message, tree),
            message,
            hint,
        }
    }

    /// The value of the header `X-Jelou-Dev-Stale`.
    fn stale(&self) -> HeaderValue {
        let place = self.place.as_ref().map(ToString::to_string);
        let place = place.and_then(|place| HeaderValue::try_from(place).ok());
        place.unwrap_or(HeaderValue::from_static("the last build failed"))
    }
}

/// A running server for the development of one function.
#[derive(Debug)]
pub struct DevelopmentServer {
    server: Server,
    development: Arc<Development>,
    function: Arc<Function>,
    asks_for_token: bool,
    token: Option<Zeroizing<String>>,
    address: String,
}

impl DevelopmentServer {
    /// Starts the server. It answers 404 until the first [`Self::reload`].
    ///
    /// # Errors
    /// [`StartError`] names the part that failed.
    pub async fn start(
        config: Config,
        development: DevelopmentConfig,
        progress: impl Fn(&str),
    ) -> Result<Self, StartError> {
        let DevelopmentConfig {
            slug,
            state,
            asks_for_token,
        } = development;
        let development = Arc::new(Development::new(slug));
        let (server, ready) = Server::assemble(Assembly {
            config,
            clock: Clock::system(),
            development: Some((Arc::clone(&development), state)),
            progress,
        })
        .await?;
        let prepared = prepare(&server.control, &development.slug, asks_for_token).await;
        let (function, token) =
            prepared.map_err(|error| StartError::Bootstrap(error.to_string()))?;
        Ok(Self {
            server,
            development,
            function,
            asks_for_token,
            token,
            address: ready.api,
        })
    }

    /// URL of the function.
    pub fn url(&self) -> String {
        format!("{}/", self.address.replace("127.0.0.1", "localhost"))
    }

    /// The token that callers need, if they need one.
    pub fn token(&self) -> Option<&str> {
        self.token.as_ref().map(|token| token.as_str())
    }

    /// Builds the project, and serves it from the next request on. Requests in flight finish with the code that they
    /// began with. Can be dropped at any time: then the code before goes on.
    ///
    /// # Errors
    /// When the project cannot be built or started. The code before goes on, and each of its responses says so.
    pub async fn reload(&self, project: &Project) -> Result<Reloaded, ReloadError> {
        let Project {
            tree,
            settings,
            secrets,
        } = project;
        let result = self.make_live(tree, settings, secrets).await;
        let result = result.map_err(|error| ReloadError::new(error, tree));
        let stale = result.as_ref().err().map(ReloadError::stale);
        self.development.set_stale(stale);
        result
    }

    /// The error of a project that cannot be read. The code before goes on, and each of its responses says so.
    pub fn refuse(&self, message: &str) -> ReloadError {
        let error = ReloadError {
            message: message.to_owned(),
            hint: None,
            place: None,
        };
        self.development.set_stale(Some(error.stale()));
        error
    }

    async fn make_live(
        &self,
        tree: &SourceTree,
        settings: &Map<String, Value>,
        secrets: &[(SecretKey, Zeroizing<String>)],
    ) -> Result<Reloaded, ControlError> {
        let control = &self.server.control;
        let function = &self.function;
        function
            .secrets
            .store(Arc::new(seal(control, function, secrets)?));
        let engine = &control.engine;
        let limits = control.limits_of(&function.slug);
        let secrets = control.build_secrets(function)?;
        let mut built = engine
            .build(
                &function.slug,
                tree,
                settings,
                TypeCheck::Skip,
                &limits,
                secrets,
            )
            .await?;
        built.manifest.openapi = openapi_of(settings, tree)?;
        control.check_limits(&function.slug, &built.manifest)?;
        if !self.asks_for_token {
            for tool in &mut built.manifest.tools {
                tool.public = true;
            }
        }
        let stored = ArtifactRecord {
            bundle: built.bundle.code.clone(),
            source_map: Some(built.bundle.source_map.clone()),
            sources: Vec::new(),
            assets: built
                .bundle
                .assets_archive(&[])
                .map_err(ArtifactError::Io)?,
        };
        let hash = stored.hash();
        engine.artifacts().put(&hash.to_string(), &built.bundle)?;
        let id = DeploymentId::generate();
        let live = control.new_live(function, id, hash, built.manifest);
        let manifest = Arc::clone(&live.manifest);
        let candidate = control.prepare(function, live, &[], 0).await?;
        if let Some(former) = candidate.put_live(function) {
            self.retire(former, &hash.to_string());
        }
        Ok(Reloaded {
            manifest,
            warnings: built.warnings,
        })
    }

    /// Lets the requests in flight finish, then removes the bundle, unless `current` is the same.
    fn retire(&self, former: Arc<Live>, current: &str) {
        let engine = self.server.control.engine.clone();
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

    /// The records of the function from now on, each as JSON.
    ///
    /// # Errors
    /// When the files of the log cannot be opened.
    pub fn records(&self) -> std::io::Result<mpsc::Receiver<String>> {
        let logs = self.server.control.logs.clone();
        let function = self.function.id.clone();
        let mut watch = logs.watch(&function)?;
        // A slow terminal slows the reading, not the function.
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
                    // The runtime ends.
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

    /// Stops accepting requests, drains requests in flight, and ends all processes.
    pub async fn shut_down(self) {
        self.server.shut_down().await;
    }
}

/// Creates the function at the first start in a folder, and the token.
async fn prepare(
    control: &Arc<Control>,
    slug: &Slug,
    asks_for_token: bool,
) -> Result<(Arc<Function>, Option<Zeroizing<String>>), ControlError> {
    let actor = Actor::system;
    if control.registry.function(slug.as_str()).is_none() {
        let new = jelou_core::api::CreateFunction {
            slug: slug.clone(),
            name: None,
        };
        control.create_function(actor(), new).await?;
    }
    let function = control.registry.function(slug.as_str());
    let function = function.ok_or(ControlError::Interrupted)?;
    let token = if asks_for_token {
        let new = CreateToken::replacing(TokenName::first_deployment());
        let created = control.create_token(actor(), slug.clone(), new).await?;
        Some(Zeroizing::new(created.token))
    } else {
        None
    };
    Ok((function, token))
}

/// Encrypts the secrets as the registry keeps them. They are not stored.
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
