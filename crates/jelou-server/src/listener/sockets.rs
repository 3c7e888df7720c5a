//! The configured listening sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::watched::Patience;
use super::{Certificate, Connections, Cores, Routing, TlsError};
use crate::config::{self, Config};
use crate::gateway::Gateway;
use crate::network::TrustedProxies;
use crate::oidc::IdentityIssuer;

#[derive(Debug)]
pub(crate) struct Sockets {
    public: TcpListener,
    pub(crate) public_address: SocketAddr,
    /// The listener for the management API only, if one is configured.
    api_only: Option<TcpListener>,
    api_address: SocketAddr,
    certificate: Option<Arc<Certificate>>,
    trusted_proxies: TrustedProxies,
    drain_timeout: Duration,
    /// The listener for metrics only, if one is configured.
    metrics: Option<TcpListener>,
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
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Sockets {
    pub(crate) async fn bind(config: &Config) -> Result<Self, ListenError> {
        let certificate = config.tls.clone().map(Certificate::open).transpose()?;
        let (public, public_address) = bind(config.listen).await?;
        let (api_only, api_address) = match config.api_listen {
            Some(address) => {
                let (listener, address) = bind(address).await?;
                (Some(listener), address)
            }
            None => (None, public_address),
        };
        let metrics = match config.metrics.listen {
            Some(address) => Some(bind(address).await?.0),
            None => None,
        };
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

    /// Returns the counter of the connections of all sockets.
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

/// Binds a listener. Returns it with its address, which contains the port that the kernel chose for port 0.
async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ListenError> {
    let refused = |source| ListenError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}
