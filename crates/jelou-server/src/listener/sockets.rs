//! The configured listening sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::watched::Patience;
use super::{Certificate, Connections, Cores, InheritedSockets, Listener, Routing, Stop, TlsError};
use crate::config::{self, Config};
use crate::gateway::Gateway;
use crate::network::TrustedProxies;
use crate::oidc::IdentityIssuer;

#[derive(Debug)]
pub(crate) struct Sockets {
    public: Listener,
    pub(crate) public_address: SocketAddr,
    /// The listener for the management API only, if one is configured.
    api_only: Option<Listener>,
    api_address: SocketAddr,
    certificate: Option<Arc<Certificate>>,
    trusted_proxies: TrustedProxies,
    drain_timeout: Duration,
    /// The listener for metrics only, if one is configured.
    metrics: Option<Listener>,
    settings: config::Connections,
    connections: Arc<Connections>,
}

#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("cannot listen on {address}")]
    Bind {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("cannot use a socket of the service manager (LISTEN_FDS)")]
    Inherited(#[source] std::io::Error),
    #[error(
        "the service manager listens on {0}, which is neither `listen` nor `api_listen` nor `metrics.listen`; set one of \
         them to this address, or remove the socket"
    )]
    Unused(SocketAddr),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Sockets {
    /// Listens on the configured addresses, with the inherited sockets where there are any.
    ///
    /// # Errors
    /// [`ListenError`].
    pub(crate) async fn bind(
        config: &Config,
        mut inherited: InheritedSockets,
    ) -> Result<Self, ListenError> {
        let certificate = config.tls.clone().map(Certificate::open).transpose()?;
        let (public, public_address) = bind(config.listen, &mut inherited).await?;
        let (api_only, api_address) = match config.api_listen {
            Some(address) => {
                let (listener, address) = bind(address, &mut inherited).await?;
                (Some(listener), address)
            }
            None => (None, public_address),
        };
        let metrics = match config.metrics.listen {
            Some(address) => Some(bind(address, &mut inherited).await?.0),
            None => None,
        };
        inherited.finish()?;
        let settings = config.connections.clone();
        Ok(Self {
            public,
            public_address,
            api_only,
            api_address,
            certificate: certificate.map(Arc::new),
            trusted_proxies: TrustedProxies::new(config.trusted_proxies.clone()),
            drain_timeout: config.limits.drain_timeout(),
            metrics,
            connections: Connections::new(settings.max, settings.max_per_address),
            settings,
        })
    }

    pub(crate) fn are_encrypted(&self) -> bool {
        self.certificate.is_some()
    }

    pub(crate) fn connections(&self) -> Arc<Connections> {
        Arc::clone(&self.connections)
    }

    /// Whether the metrics have their own listener.
    pub(crate) fn has_metrics(&self) -> bool {
        self.metrics.is_some()
    }

    pub(crate) fn api_url(&self) -> String {
        self.url(self.api_address)
    }

    /// Returns the URL of the listener that serves functions.
    pub(crate) fn public_url(&self) -> String {
        self.url(self.public_address)
    }

    fn url(&self, address: SocketAddr) -> String {
        let scheme = if self.are_encrypted() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{address}")
    }

    /// Accepts connections on all sockets until `stop`.
    pub(crate) fn serve(
        self,
        (gateway, issuer): (Arc<Gateway>, Arc<IdentityIssuer>),
        api: axum::Router,
        metrics: axum::Router,
        cores: &Arc<Cores>,
        stop: &watch::Receiver<bool>,
    ) -> JoinSet<()> {
        let mut listeners = JoinSet::new();
        let (drain, drained_since) = watch::channel(None);
        let is_stopping = Arc::<AtomicBool>::default();
        let (mut stop, stopping) = (stop.clone(), Arc::clone(&is_stopping));
        listeners.spawn(async move {
            // An error means that the sender was dropped, which also stops the server.
            let _ = stop.wait_for(|stop| *stop).await;
            stopping.store(true, Ordering::Relaxed);
            drain.send_replace(Some(Instant::now()));
        });
        let delay = Duration::from_millis(self.settings.drain_delay_ms);
        let stop = Stop::new(drained_since, delay);
        let settings = &self.settings;
        let access_log = gateway.access_log.clone();
        let freshness = Arc::clone(&gateway.freshness);
        let mut serve = |listener, gateway, api, issuer, certificate| {
            let routing = Routing {
                issuer,
                freshness: Arc::clone(&freshness),
                connections: Arc::clone(&self.connections),
                head_timeout: Duration::from_millis(settings.head_timeout_ms),
                patience: Patience {
                    write: Duration::from_millis(settings.write_timeout_ms),
                    half_closed: Duration::from_millis(settings.half_closed_timeout_ms),
                },
                access_log: access_log.clone(),
                gateway,
                api,
                trusted_proxies: self.trusted_proxies.clone(),
                certificate,
                is_stopping: Arc::clone(&is_stopping),
            };
            let routing = Arc::new(routing);
            listeners.spawn(super::serve(
                listener,
                routing,
                Arc::clone(cores),
                stop.clone(),
                self.drain_timeout,
            ));
        };
        let certificate = || self.certificate.clone();
        let issuer = || Some(Arc::clone(&issuer));
        match self.api_only {
            Some(api_only) => {
                serve(self.public, Some(gateway), None, issuer(), certificate());
                serve(api_only, None, Some(api), issuer(), certificate());
            }
            None => serve(
                self.public,
                Some(gateway),
                Some(api),
                issuer(),
                certificate(),
            ),
        }
        if let Some(listener) = self.metrics {
            serve(listener, None, Some(metrics), None, None);
        }
        listeners
    }
}

/// Binds a listener, unless it is inherited. Returns it with its address, which contains the port that the kernel chose
/// for port 0.
async fn bind(
    address: SocketAddr,
    inherited: &mut InheritedSockets,
) -> Result<(Listener, SocketAddr), ListenError> {
    let refused = |source| ListenError::Bind { address, source };
    let inherited = inherited.take(address);
    let is_inherited = inherited.is_some();
    let socket = match inherited {
        Some(socket) => TcpListener::from_std(socket).map_err(refused)?,
        None => TcpListener::bind(address).await.map_err(refused)?,
    };
    let bound = socket.local_addr().map_err(refused)?;
    let listener = Listener {
        socket,
        is_inherited,
    };
    Ok((listener, bound))
}
