//! A server for the development of projects in folders: it builds their functions after every change and stores no
//! deployment. By default, callers need no token.

mod error;
mod function;
mod inspector;
mod source_map;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jelou_core::api::CreateToken;
use jelou_core::{Clock, Limits, Slug, TokenName};
use jelou_engine::Debuggers;
use jelou_engine::build::IncrementalBuild;
use jelou_store::Actor;
use jelou_token::AccessToken;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

pub use self::error::ReloadError;
pub use self::function::{DevelopedFunction, Project, Reloaded};
use self::inspector::InspectorProxy;
use crate::config::Config;
use crate::control::{Control, ControlError};
use crate::data_dir::DataDir;
use crate::gateway::Development;
pub use crate::gateway::Place;
use crate::listener::InheritedSockets;
use crate::registry::Function;
use crate::server::{Assembly, Server, StartError};
pub use jelou_engine::BreakAt;

/// Settings of a development server, in addition to the settings of every server.
#[derive(Debug, Clone)]
pub struct DevelopmentConfig {
    /// The functions of the projects. If there is only one, it gets every request that names no function.
    pub slugs: Vec<Slug>,
    /// Folder for the state of the functions: their memory and their logs.
    pub state: PathBuf,
    /// The file with the secrets, as messages name it.
    pub env_file: String,
    /// Whether callers need a token.
    pub asks_for_token: bool,
    /// Set if debuggers can attach.
    pub debugger: Option<DebuggerConfig>,
}

/// How debuggers attach.
#[derive(Debug, Clone, Copy)]
pub struct DebuggerConfig {
    /// The loopback port for debuggers; 0 selects a free port.
    pub port: u16,
    pub break_at: BreakAt,
}

/// A running development server.
#[derive(Debug)]
pub struct DevelopmentServer {
    server: Server,
    functions: Vec<Arc<DevelopedFunction>>,
    development: Arc<Development>,
    url: String,
    api: String,
    debuggers: Option<Arc<Debuggers>>,
    /// The task that serves the debuggers' address. Dropping it ends the task.
    _inspector: JoinSet<()>,
}

impl DevelopmentServer {
    /// Starts the server. Requests wait until each function has had its first [`DevelopedFunction::reload`].
    ///
    /// # Errors
    /// [`StartError`] names the part that failed.
    pub async fn start(
        mut config: Config,
        development: DevelopmentConfig,
        progress: impl Fn(&str),
    ) -> Result<Self, StartError> {
        config.connections.drain_delay_ms = 0;
        let DevelopmentConfig {
            slugs,
            state,
            env_file,
            asks_for_token,
            debugger,
        } = development;
        // Every path of the functions' listener belongs to a function.
        config.api_listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let mut inspector = JoinSet::new();
        let (mut proxy, mut debuggers) = (None, None);
        if let Some(DebuggerConfig { port, break_at }) = debugger {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
            let listener = listener.map_err(StartError::Inspector)?;
            let port = listener.local_addr().map_err(StartError::Inspector)?.port();
            let known = Arc::new(Debuggers::new(break_at));
            let own = InspectorProxy::new(Arc::clone(&known), slugs.clone(), port);
            let own = Arc::new(own);
            inspector.spawn(Arc::clone(&own).serve(listener));
            proxy = Some(own);
            debuggers = Some(known);
            suit_debugger(&mut config.limits);
        }
        let development = Arc::new(Development::new(&slugs, env_file, debuggers.clone()));
        let (server, ready) = Server::assemble(Assembly {
            config,
            clock: Clock::system(),
            sockets: InheritedSockets::default(),
            development: Some((Arc::clone(&development), state)),
            progress,
        })
        .await?;
        let url = format!("{}/", ready.public.replace("127.0.0.1", "localhost"));
        let is_alone = slugs.len() == 1;
        let mut functions = Vec::new();
        for slug in slugs {
            let prepared = prepare(&server.control, &slug, asks_for_token).await;
            let (function, token) =
                prepared.map_err(|error| StartError::Bootstrap(error.to_string()))?;
            functions.push(Arc::new(DevelopedFunction {
                control: Arc::clone(&server.control),
                development: Arc::clone(&development),
                function,
                builds: IncrementalBuild::default(),
                inspector_url: proxy.as_ref().map(|proxy| proxy.url(&slug)),
                asks_for_token,
                token,
                url: if is_alone {
                    url.clone()
                } else {
                    format!("{url}fn/{slug}/")
                },
            }));
        }
        Ok(Self {
            server,
            functions,
            development,
            url,
            api: ready.api,
            debuggers,
            _inspector: inspector,
        })
    }

    /// Whether a server with this state folder runs, or starts.
    pub fn runs_in(state: &Path) -> bool {
        DataDir::is_in_use(state)
    }

    /// Returns the functions in the order of [`DevelopmentConfig::slugs`].
    pub fn functions(&self) -> &[Arc<DevelopedFunction>] {
        &self.functions
    }

    /// Returns the URL of the server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the URL of the management API, which only this machine can reach.
    pub fn api(&self) -> &str {
        &self.api
    }

    /// Creates an access token for other commands of the user. Revokes the access token of an earlier start.
    ///
    /// # Errors
    /// [`StartError::Bootstrap`] if the token cannot be created.
    pub async fn access_token(&self) -> Result<AccessToken, StartError> {
        self.server.local_access_token().await
    }

    /// Returns a receiver of the number of attached debuggers; `None` if debuggers cannot attach.
    pub fn watch_debuggers(&self) -> Option<watch::Receiver<usize>> {
        let debuggers = self.debuggers.as_ref()?;
        Some(debuggers.watch_attached())
    }

    /// Stops accepting requests, drains requests in flight, and ends all processes.
    pub async fn shut_down(self) {
        drop(self.functions);
        self.development.stop();
        // A process that a debugger has stopped continues, so that its requests finish.
        if let Some(debuggers) = &self.debuggers {
            debuggers.detach_all();
        }
        self.server.shut_down().await;
    }
}

/// Limits each function to one process, because a breakpoint applies to one process, and prevents timeouts during a
/// pause.
fn suit_debugger(limits: &mut Limits) {
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    limits.max_processes_per_function = Some(1);
    limits.idle_timeout_ms = DAY_MS;
    limits.stream_idle_timeout_ms = DAY_MS;
}

/// Creates the function at the first start in a folder. Creates the token if callers need one.
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
