//! The purpose of a process, which determines its permissions.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Serves requests; has access to the public network.
    Serve,
    /// Reads the manifest; has no network access.
    Inspect,
    /// Resolves the imports of an upload and fetches its packages; has access to the registry.
    Fetch,
    /// Checks types; has no network access.
    Check,
    /// Bundles an upload; has no network access, but may start a second program, the bundler.
    Bundle,
}

/// The sockets that a process can create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// Unix sockets only.
    None,
    /// TCP and UDP to the public network. IPv6 only if configured.
    Public,
    /// TCP and UDP, including IPv6.
    All,
}

impl Purpose {
    pub(crate) fn network(self) -> Network {
        match self {
            Self::Serve => Network::Public,
            Self::Fetch => Network::All,
            Self::Inspect | Self::Check | Self::Bundle => Network::None,
        }
    }

    /// Returns whether the process may start other programs.
    pub(crate) fn starts_programs(self) -> bool {
        self == Self::Bundle
    }

    /// Returns the nice value (setpriority(2)). Calls have priority over deploys.
    pub(crate) fn niceness(self) -> i32 {
        match self {
            Self::Serve => 0,
            Self::Inspect | Self::Fetch | Self::Check | Self::Bundle => 10,
        }
    }

    pub(crate) fn max_file_bytes(self) -> u64 {
        const MIB: u64 = 1024 * 1024;
        match self {
            // A worker writes only Deno's small caches.
            Self::Serve | Self::Inspect => 64 * MIB,
            Self::Fetch | Self::Check | Self::Bundle => 512 * MIB,
        }
    }

    /// Returns whether the process is a worker, not a build step.
    pub(crate) fn is_worker(self) -> bool {
        matches!(self, Self::Serve | Self::Inspect)
    }
}
