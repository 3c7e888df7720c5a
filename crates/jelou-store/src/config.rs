use std::path::PathBuf;
use std::time::Duration;

/// Where the database is and how patiently to wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// The SQLite file; created, readable by its owner alone, when it does not exist. Its folder must exist.
    pub path: PathBuf,
    /// How long a change waits while another process holds the database, and how long for its turn in this one.
    pub busy_timeout: Duration,
}

impl StoreConfig {
    pub const DEFAULT_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            busy_timeout: Self::DEFAULT_BUSY_TIMEOUT,
        }
    }
}
