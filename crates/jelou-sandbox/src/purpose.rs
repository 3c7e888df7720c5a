//! The purpose of a process, which decides its rights.

/// The purpose of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Serves requests: reaches the public network.
    Serve,
    /// Reads the manifest: no network at all.
    Inspect,
    /// Resolves the imports of an upload and fetches its packages: reaches the registry.
    Fetch,
    /// Checks types: no network.
    Check,
    /// Bundles an upload: no network, but may start a second program, the bundler.
    Bundle,
}

/// The sockets that a process can create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// Unix sockets only.
    None,
    /// TCP and UDP to the public network; IPv6 only if configured.
    Public,
    /// TCP and UDP, IPv6 included.
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

    /// Whether the process may start other programs.
    pub(crate) fn starts_programs(self) -> bool {
        self == Self::Bundle
    }

    /// The nice value (setpriority(2)): calls have priority over deploys.
    pub(crate) fn niceness(self) -> i32 {
        match self {
            Self::Serve => 0,
            Self::Inspect | Self::Fetch | Self::Check | Self::Bundle => 10,
        }
    }

    pub(crate) fn max_file_bytes(self) -> u64 {
        const MIB: u64 = 1024 * 1024;
        match self {
            // A worker writes Deno's small caches only.
            Self::Serve | Self::Inspect => 64 * MIB,
            Self::Fetch | Self::Check | Self::Bundle => 512 * MIB,
        }
    }

    /// Whether the process is a worker and not a step of a build.
    pub(crate) fn is_worker(self) -> bool {
        matches!(self, Self::Serve | Self::Inspect)
    }
}
