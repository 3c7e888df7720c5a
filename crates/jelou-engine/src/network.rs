//! How processes reach other networks: a company's certificate authority and proxy.

use std::path::PathBuf;

use zeroize::Zeroizing;

/// The settings of the operator. The proxy's URL may contain a password.
#[derive(Clone, Default)]
pub struct NetworkConfig {
    /// Certificates in PEM, in a file that processes may read.
    pub ca: Option<PathBuf>,
    /// For builds. Requests of functions go through the server.
    pub proxy: Option<Zeroizing<String>>,
    /// Comma-separated, in the form of the variable `NO_PROXY`.
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
