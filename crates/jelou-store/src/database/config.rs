//! Location and timeout of the database.

use std::path::PathBuf;
use std::time::Duration;

/// Location and timeout of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// Path of the SQLite file. Created with mode 0600 if it does not exist. Its folder must exist.
    pub path: PathBuf,
    /// How long a change waits for other changes of this process, and how long SQLite waits for a lock of another
    /// process.
    pub busy_timeout: Duration,
}

impl StoreConfig {
    /// 5 seconds.
    pub const DEFAULT_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

    /// Creates a configuration with the default timeout.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            busy_timeout: Self::DEFAULT_BUSY_TIMEOUT,
        }
    }
}
