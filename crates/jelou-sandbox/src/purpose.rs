//! What a process is for, which decides its rights.

/// What a process is for, which decides its rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Serves requests: may reach the public network.
    Serve,
    /// Reads the manifest: no network at all.
    Inspect,
    /// Reads what an upload imports and fetches its packages: may reach the registry.
    Fetch,
    /// Checks types: no network.
    Check,
    /// Bundles an upload: no network, but a second program, the bundler.
    Bundle,
}

/// Which sockets a process can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// Unix sockets only.
    None,
    /// What a function may use.
    Public,
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

    /// Whether it is more than one process.
    pub(crate) fn starts_programs(self) -> bool {
        self == Self::Bundle
    }

    /// How far it stands back when the processor is short (setpriority(2)): calls come before deploys.
    pub(crate) fn niceness(self) -> i32 {
        match self {
            Self::Serve => 0,
            Self::Inspect | Self::Fetch | Self::Check | Self::Bundle => 10,
        }
    }

    pub(crate) fn max_file_bytes(self) -> u64 {
        const MIB: u64 = 1024 * 1024;
        match self {
            // All that a worker writes are Deno's own small caches.
            Self::Serve | Self::Inspect => 64 * MIB,
            Self::Fetch | Self::Check | Self::Bundle => 512 * MIB,
        }
    }

    /// Whether it is a worker's, of which there may be many, rather than a build's.
    pub(crate) fn is_worker(self) -> bool {
        matches!(self, Self::Serve | Self::Inspect)
    }
}
