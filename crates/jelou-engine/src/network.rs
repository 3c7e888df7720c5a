//! Network settings of processes: a company's certificate authority and proxy.

use std::path::PathBuf;

use zeroize::Zeroizing;

/// The operator's network settings. The proxy's URL may contain a password.
#[derive(Clone, Default)]
pub struct NetworkConfig {
    /// A file with additional CA certificates in PEM format, which processes may read.
    pub ca: Option<PathBuf>,
    /// The URL of the proxy for builds. Requests of functions reach the proxy through the server.
    pub proxy: Option<Zeroizing<String>>,
    /// Hosts that are reached without the proxy, comma-separated as in the variable `NO_PROXY`.
    pub no_proxy: String,
    /// The hosts that builds may download modules from, each with or without a port.
    pub module_hosts: Vec<String>,
}

impl std::fmt::Debug for NetworkConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetworkConfig")
            .field("ca", &self.ca)
            .field("no_proxy", &self.no_proxy)
            .field("module_hosts", &self.module_hosts)
            .finish_non_exhaustive()
    }
}
