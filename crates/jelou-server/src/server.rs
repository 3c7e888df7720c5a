//! Starts the parts of the server in order, and stops them in reverse order.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jelou_core::{Clock, EgressRule};
use jelou_engine::{
    ArtifactCache, ArtifactError, CompanyInfo, Deno, Engine, EngineConfig, EngineError,
    EngineStage, JelouCredentials, NetworkConfig, deno,
};
use jelou_store::StoreError;
use jelou_token::AccessToken;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use zeroize::Zeroizing;

use crate::config::{self, Config};
use crate::control::{self, Control, ControlError, SelfDescription};
use crate::cron::Cron;
use crate::data_dir::{DataDir, DataDirError};
use crate::egress::{CaError, Egress};
use crate::engine_host::ServerHost;
use crate::freshness::Freshness;
use crate::gateway::running_calls::RunningCalls;
use crate::gateway::{Development, Domain, Gateway, is_local_domain};
use crate::github::GithubScanning;
use crate::listener::{Cores, InheritedSockets, ListenError, Sockets};
use crate::local_copy::ReadCopyError;
use crate::log_limit::LogLimit;
use crate::log_threads::LogThreads;
use crate::master_key::MasterKeyError;
use crate::mcp::ResultMemory;
use crate::metrics::{Metrics, Scrape, Traffic};
use crate::oidc::IdentityIssuer;
use crate::registry::{Live, Registry, RuntimeTokens};
use crate::stored::{fill, open_store, provide_artifacts};
use crate::token_usage::TokenCounters;
use crate::{api, call_counts, feed, last_used, memory};

/// Path of the issuer's URL in development.
const DEVELOPMENT_ISSUER_PATH: &str = "/__identity";

/// Why the server failed to start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("cannot use the master key")]
    MasterKey(#[from] MasterKeyError),
    #[error("cannot open the database")]
    Store(#[from] StoreError),
    #[error("the database is away, and this server cannot start without it")]
    LocalCopy(#[from] ReadCopyError),
    #[error(transparent)]
    Locate(#[from] deno::LocateError),
    #[error("cannot install the engine")]
    Install(#[from] deno::InstallError),
    #[error("cannot start the engine")]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Ca(#[from] CaError),
    #[error("cannot keep the logs of functions")]
    Logs(#[source] std::io::Error),
    #[error("cannot use the built functions")]
    Artifact(#[from] ArtifactError),
    #[error("cannot start the threads that serve connections")]
    Cores(#[source] std::io::Error),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("cannot use the keys that sign identity tokens: {0}")]
    Identity(String),
    #[error("cannot load the trust policies: {0}")]
    Trust(String),
    #[error("cannot listen for debuggers")]
    Inspector(#[source] std::io::Error),
    #[error("cannot create the first access token: {0}")]
    Bootstrap(String),
}

/// The addresses of a started server, and its first access token.
#[derive(Debug)]
pub struct Ready {
    /// URL of the management API.
    pub api: String,
    /// URL of the listener that serves functions.
    pub public: String,
    /// URL of a function, with `{slug}` as the placeholder for its slug.
    pub functions: String,
    /// The first access token. Set only at the first start with a data folder.
    pub access_token: Option<AccessToken>,
}

/// Parts that a server is built from.
pub(crate) struct Assembly<P> {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) sockets: InheritedSockets,
    /// `None` outside of development. The state of the development gateway, and the folder for the state of functions.
    pub(crate) development: Option<(Arc<Development>, PathBuf)>,
    /// Called to report slow steps.
    pub(crate) progress: P,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    pub(crate) control: Arc<Control>,
    metrics: Arc<Metrics>,
    log_threads: LogThreads,
    listeners: JoinSet<()>,
    /// Follows the changes of other servers of the database.
    feed: Option<JoinHandle<()>>,
    /// Runtimes of the cores. They run the tasks of requests.
    _cores: Arc<Cores>,
    stop: watch::Sender<bool>,
    _data: DataDir,
}

impl Server {
    /// Starts the server, on the current tokio runtime. `progress` reports slow steps.
    ///
    /// # Errors
    /// [`StartError`] names the part that failed.
    pub async fn start(
        config: Config,
        sockets: InheritedSockets,
        progress: impl Fn(&str),
    ) -> Result<(Self, Ready), StartError> {
        Self::start_with(config, Clock::system(), sockets, progress).await
    }

    /// Like [`Self::start`], with a clock that a test can set.
    ///
    /// # Errors
    /// [`StartError`] names the part that failed.
    pub async fn start_with_clock(
        config: Config,
        clock: Clock,
        progress: impl Fn(&str),
    ) -> Result<(Self, Ready), StartError> {
        Self::start_with(config, clock, InheritedSockets::default(), progress).await
    }

    async fn start_with(
        config: Config,
        clock: Clock,
        sockets: InheritedSockets,
        progress: impl Fn(&str),
    ) -> Result<(Self, Ready), StartError> {
        let assembly = Assembly {
            config,
            clock,
            sockets,
            development: None,
            progress,
        };
        let (server, mut ready) = Self::assemble(assembly).await?;
        if !server.control.started_from_copy() {
            let created = server.control.bootstrap().await;
            ready.access_token =
                created.map_err(|error: ControlError| StartError::Bootstrap(error.to_string()))?;
        }
        Ok((server, ready))
    }

    /// Starts the parts in order.
    #[expect(
        clippy::too_many_lines,
        reason = "a list: each part is made from those above it"
    )]
    pub(crate) async fn assemble<P: Fn(&str)>(
        assembly: Assembly<P>,
    ) -> Result<(Self, Ready), StartError> {
        let Assembly {
            config,
            clock,
            sockets,
            development,
            progress,
        } = assembly;
        let (development, data) = match development {
            None => (None, DataDir::open(&config.data)?),
            Some((development, state)) => (
                Some(development),
                DataDir::open_state(&state, &config.data)?,
            ),
        };
        // Bound first, so that an occupied port or an invalid certificate is reported before the slow steps.
        let sockets = Sockets::bind(&config, sockets).await?;
        let opened = open_store(&config, &data, development.is_some(), clock.clone()).await?;
        let (store, local_copy) = (opened.store, opened.local_copy);
        let deno = find_deno(&data, progress).await?;
        let artifacts = ArtifactCache::open(data.artifacts())?;
        let (snapshot, copied_at) = match opened.copied {
            Some((snapshot, at)) => (snapshot, Some(at)),
            None => (store.snapshot::<RuntimeTokens>().await?, None),
        };
        let is_away = copied_at.is_some();
        if !is_away {
            let functions = snapshot.functions.iter();
            let served = functions.filter_map(|function| function.live.as_ref());
            let previews = snapshot.previews.iter();
            let served = served.chain(previews.filter_map(|preview| preview.served.as_ref()));
            provide_artifacts(&store, &artifacts, served).await?;
        }

        let encrypted = sockets.are_encrypted();
        let domain = Domain::new(&config.domain, sockets.public_address, encrypted);
        let registry = Arc::new(Registry::of(snapshot.runtime_tokens));
        let metrics = Arc::new(Metrics::default());
        let (outputs, log_threads) =
            LogThreads::start(&config, &data.logs(), &clock, &registry, &metrics)
                .map_err(StartError::Logs)?;
        // Negative if the clock is behind. The state then counts as old, because its age is not known.
        let age = copied_at.map(|at| clock.now().duration_since(at).unsigned_abs());
        let age = age.unwrap_or_default();
        let freshness = Freshness::new(store.is_shared(), config.database.max_stale(), age);
        let gateway = Arc::new(Gateway {
            registry: Arc::clone(&registry),
            freshness: Arc::new(freshness),
            domain: domain.clone(),
            limits: config.limits.clone(),
            mcp: config.mcp.clone(),
            mcp_results: ResultMemory::new(&config.limits),
            running_calls: RunningCalls::default(),
            identity_trusted: config.identity.trusted.clone(),
            clock: clock.clone(),
            logs: outputs.logs,
            max_calls_per_second: config.logs.max_calls_per_second,
            metrics: Arc::clone(&metrics),
            records_addresses: config.tokens.record_addresses,
            access_log: outputs.access_log,
            telemetry: outputs.telemetry,
            refusals_logged: LogLimit::default(),
            store: store.clone(),
            development,
        });
        let issuer_url = issuer_url(&config, &sockets, gateway.development.is_some());
        let issuer = IdentityIssuer::new(issuer_url, store.clone(), clock.clone());
        if !is_away {
            let loaded = issuer.load().await;
            loaded.map_err(|error| StartError::Identity(error.to_string()))?;
        }
        let issuer = Arc::new(issuer);
        let egress = Egress::new(&config.egress)?;
        let host = Arc::new(ServerHost::new(
            Arc::clone(&registry),
            Arc::clone(&gateway),
            store.clone(),
            Arc::clone(&issuer),
            egress,
            config.log.functions,
        ));
        let traffic = Arc::new(Traffic::new(
            Arc::clone(&registry),
            store.clone(),
            Arc::clone(&metrics),
            clock.clone(),
            config.metrics.max_age(),
        ));
        let token_counters = Arc::new(TokenCounters::new(
            Arc::clone(&registry),
            store.clone(),
            clock.clone(),
            config.metrics.max_age(),
        ));
        let advertise = config.advertise.clone();
        let token_rules = config.tokens.clone();
        let max_functions = config.metrics.max_functions;
        let cron_settings = config.cron.clone();
        let github = GithubScanning::new(&config.leaks);
        let mut engine = engine_config(config, &data, deno, artifacts, domain.name())?;
        if let Some(development) = &gateway.development {
            let debuggers = development.debuggers.clone();
            engine.stage = EngineStage::Development {
                env_file: development.env_file.clone(),
            };
            engine.debuggers = debuggers;
            engine.sandbox.debugger = engine.debuggers.is_some();
        }
        let engine = Engine::start(engine, host)?;
        let (stop, stopped) = watch::channel(false);
        let cron = Cron::new(
            cron_settings,
            store.clone(),
            Arc::clone(&registry),
            Arc::clone(&gateway),
            stopped.clone(),
        );
        if !is_away {
            cron.load(&snapshot.functions).await?;
        }
        let control = Control::new(
            store.clone(),
            engine,
            Arc::clone(&gateway),
            traffic,
            (token_counters, token_rules),
            Arc::clone(&cron),
            stopped.clone(),
        );
        let control = control
            .with_github(github)
            .with_identity_issuer(Arc::clone(&issuer))
            .at(snapshot.position);
        let control = Arc::new(control);
        fill(
            &control,
            snapshot.functions,
            snapshot.previews,
            snapshot.secrets,
            &snapshot.access_tokens,
        );
        if is_away {
            control.set_started_from_copy();
        } else {
            let started = control.start_trust().await;
            started.map_err(|error| StartError::Trust(error.to_string()))?;
            // In development, a schedule runs only on request.
            if gateway.development.is_none() {
                cron.start();
            }
        }
        if let Some(copy) = local_copy {
            tokio::spawn(copy.keep(Arc::clone(&control)));
        }
        let scrape = Scrape {
            control: Arc::clone(&control),
            connections: sockets.connections(),
            max_functions,
        };
        let (api, open_metrics) = api::routers(scrape, sockets.has_metrics());
        // Fails only if it is set already.
        let _ = control.described_self.set(SelfDescription {
            address: advertise.unwrap_or_else(|| control::reachable(&sockets.api_url())),
            started_at: control.clock.now(),
        });
        let feed = if control.store.is_shared() {
            Some(feed::start(Arc::clone(&control)).await)
        } else {
            None
        };
        let ready = Ready {
            api: sockets.api_url(),
            public: sockets.public_url(),
            functions: control.domain.url("{slug}"),
            access_token: None,
        };
        let cores = Arc::new(Cores::start().map_err(StartError::Cores)?);
        let listeners = sockets.serve((gateway, issuer), api, open_metrics, &cores, &stopped);
        store_periodically(&control, &metrics);
        Ok((
            Self {
                control,
                metrics,
                log_threads,
                listeners,
                feed,
                _cores: cores,
                stop,
                _data: data,
            },
            ready,
        ))
    }

    /// Whether this server accepts the access token.
    pub fn accepts(&self, token: &AccessToken) -> bool {
        let now = self.control.clock.now();
        self.control
            .registry
            .access_tokens
            .get(&token.hash())
            .is_some_and(|known| !known.is_expired(now))
    }

    /// Creates the access token of the local profile, and revokes the previous one.
    ///
    /// # Errors
    /// [`StartError::Bootstrap`] if the token cannot be created.
    pub async fn local_access_token(&self) -> Result<AccessToken, StartError> {
        self.control
            .create_local_access_token()
            .await
            .map_err(|error| StartError::Bootstrap(error.to_string()))
    }

    /// Stops accepting requests, drains requests in flight, and closes the store.
    pub async fn shut_down(mut self) {
        // Fails only if no listener remains.
        let _ = self.stop.send(true);
        while self.listeners.join_next().await.is_some() {}
        self.control.quiesce().await;
        let mut retiring = JoinSet::new();
        for function in self.control.registry.with_previews() {
            if let Some(live) = function.live.swap(None) {
                retiring.spawn(async move {
                    live.slot.retire().await;
                    live
                });
            }
        }
        let retired = retiring.join_all().await;
        self.control.cron.shut_down().await;
        self.metrics.log(&self.control.registry);
        let Self {
            control,
            log_threads,
            feed,
            _data,
            _cores,
            ..
        } = self;
        let is_away = !control.is_confirmed();
        if let Some(feed) = feed {
            feed.abort();
        }
        let stores = store_at_the_end(&control, &retired);
        if !is_away {
            stores.await;
        } else if tokio::time::timeout(AWAY_STORE_TIMEOUT, stores)
            .await
            .is_err()
        {
            tracing::warn!(
                "the database is away: counts of calls since it went away are not stored"
            );
        }
        control.engine.shut_down();
        // Fails only if the runtime shuts down.
        let _ = tokio::task::spawn_blocking(move || log_threads.stop()).await;
        if let Err(error) = control.store.close().await {
            tracing::warn!(%error, "cannot close the database");
        }
    }
}

/// Maximum time of all final writes while the database is away. Each write would wait for `database.busy_timeout_ms`.
const AWAY_STORE_TIMEOUT: Duration = Duration::from_secs(5);

/// Stores the counts that are stored periodically, and removes this server from the stored servers.
async fn store_at_the_end(control: &Control, retired: &[Arc<Live>]) {
    call_counts::store_now(retired, &control.store).await;
    control.traffic.store_now(control.clock.now_ms()).await;
    control.token_counters.store_usage().await;
    control.token_counters.store_quotas().await;
    if let Err(error) = last_used::store_now(&control.registry, &control.store).await {
        tracing::warn!(%error, "cannot store the times of last use of tokens");
    }
    if control.store.is_shared() {
        control.retire_node().await;
    }
}

/// Starts the periodic tasks: storing counts, and deleting old data.
fn store_periodically(control: &Arc<Control>, metrics: &Arc<Metrics>) {
    let (store, registry) = (&control.store, &control.registry);
    tokio::spawn(memory::sweep_periodically(store.clone()));
    tokio::spawn(Arc::clone(control).expire_previews_periodically());
    tokio::spawn(control::sweep_periodically(Arc::clone(control)));
    tokio::spawn(call_counts::store_periodically(
        Arc::clone(registry),
        store.clone(),
    ));
    tokio::spawn(Arc::clone(&control.traffic).store_periodically());
    tokio::spawn(Arc::clone(control).keep_tokens_periodically());
    tokio::spawn(Arc::clone(control).continue_master_key_rotation());
    let counters = &control.token_counters;
    tokio::spawn(Arc::clone(counters).store_periodically());
    tokio::spawn(Arc::clone(counters).store_quotas_periodically());
    tokio::spawn(last_used::store_periodically(
        Arc::clone(registry),
        store.clone(),
        Arc::clone(metrics),
    ));
}

/// Returns the URL of the issuer of identity tokens: the public URL. Without a public URL, a server that only this
/// machine can reach uses its own address, so that users can try identity tokens. In development, the URL has a path,
/// so that the paths of its documents differ from those of the function.
fn issuer_url(config: &Config, sockets: &Sockets, is_development: bool) -> Option<String> {
    if is_development {
        let url = sockets.public_url().replace("127.0.0.1", "localhost");
        return Some(format!("{url}{DEVELOPMENT_ISSUER_PATH}"));
    }
    let is_local = sockets.public_address.ip().is_loopback() && is_local_domain(&config.domain);
    let own = is_local.then(|| sockets.api_url());
    config.public_url.clone().or(own)
}

fn engine_config(
    config: Config,
    data: &DataDir,
    deno: Deno,
    artifacts: ArtifactCache,
    functions_domain: &str,
) -> Result<EngineConfig, StartError> {
    for warning in config.egress.allow.iter().filter_map(EgressRule::warning) {
        tracing::warn!("egress.allow: {warning}");
    }
    for rule in &config.egress.allow {
        if rule.is_ipv6() && !config.sandbox.ipv6 {
            tracing::warn!("egress.allow: `{rule}` has no effect without sandbox.ipv6");
        }
    }
    Ok(EngineConfig {
        deno,
        cache_dir: data.cache(),
        artifacts,
        run_dir: data.run(),
        limits: config.limits,
        sandbox: config.sandbox,
        network: network_of(&config.egress, data)?,
        traces_outside: config.otlp.propagate_outside,
        egress_allow: config.egress.allow,
        functions_domain: functions_domain.to_owned(),
        company: CompanyInfo {
            id: config.company.id,
            name: config.company.name,
        },
        stage: EngineStage::Production,
        debuggers: None,
        jelou: config.jelou.map(|jelou| JelouCredentials {
            base_url: jelou.base_url,
            api_key: jelou.api_key,
        }),
    })
}

/// Returns the network settings for the processes of functions and builds. Copies the CA certificates to a file that
/// these processes may read.
fn network_of(egress: &config::Egress, data: &DataDir) -> Result<NetworkConfig, CaError> {
    let ca = match &egress.ca {
        Some(path) => {
            let copy = data.cache().join("egress-ca.pem");
            fs_err::create_dir_all(data.cache())?;
            fs_err::write(&copy, fs_err::read(path)?)?;
            fs_err::set_permissions(&copy, Permissions::from_mode(0o644))?;
            Some(copy)
        }
        None => None,
    };
    let proxy = egress.proxy.as_ref();
    Ok(NetworkConfig {
        ca,
        proxy: proxy.map(|proxy| Zeroizing::new(proxy.expose().to_owned())),
        no_proxy: egress.no_proxy.join(","),
        module_hosts: egress
            .module_hosts
            .iter()
            .map(ToString::to_string)
            .collect(),
    })
}

async fn find_deno(data: &DataDir, progress: impl Fn(&str)) -> Result<Deno, StartError> {
    let named = std::env::var_os("JELOU_DENO");
    let found = deno::locate(data.shared(), named.as_deref())?;
    if let Some(complete) = found.as_ref().filter(|found| found.bundler.is_some()) {
        return Ok(complete.clone());
    }
    progress(&format!(
        "Installing the engine, Deno {} (the first time only)",
        deno::DENO_VERSION
    ));
    let path = data.shared().to_path_buf();
    let install = move || match found {
        // Installed in advance, because the bundle step of a build has no network.
        Some(found) => deno::install_bundler(&path, found),
        None => deno::install(&path),
    };
    let installed = tokio::task::spawn_blocking(install).await;
    Ok(installed.map_err(|error| deno::InstallError::Io(std::io::Error::other(error)))??)
}
