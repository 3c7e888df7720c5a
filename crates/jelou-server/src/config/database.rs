//! Settings of the database.

use std::time::Duration;

use jelou_store::{Location, PostgresUrl};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::ConfigError;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `None`: a SQLite file in the data folder.
    #[serde(default, deserialize_with = "database_url")]
    pub url: Option<PostgresUrl>,
    /// Whether the URL leads to a pooler in transaction mode.
    pub pooler: bool,
    /// The URL that bypasses the pooler, to receive notifications of changes.
    #[serde(default, deserialize_with = "database_url")]
    pub listen_url: Option<PostgresUrl>,
    pub busy_timeout_ms: u64,
    /// Time without an answer of the PostgreSQL database after which calls are refused. `None`: never.
    #[serde(default)]
    pub max_stale_ms: Option<u64>,
    /// Whether this server keeps a copy of the state of the PostgreSQL database on its disk, and may start from it.
    pub local_copy: bool,
}

impl Database {
    pub fn busy_timeout(&self) -> Duration {
        Duration::from_millis(self.busy_timeout_ms)
    }

    pub fn max_stale(&self) -> Option<Duration> {
        self.max_stale_ms.map(Duration::from_millis)
    }

    /// Returns the PostgreSQL database; `None` for a SQLite file.
    pub fn postgres(&self) -> Option<Location> {
        let url = self.url.clone()?;
        Some(if self.pooler {
            let listen = self.listen_url.clone();
            Location::Pooler { url, listen }
        } else {
            Location::Postgres(url)
        })
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.listen_url.is_some() && !self.pooler {
            return Err(ConfigError::ListenUrl);
        }
        Ok(())
    }
}

/// The text is not part of an error, because it contains a password.
fn database_url<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PostgresUrl>, D::Error> {
    let text = Zeroizing::new(String::deserialize(deserializer)?);
    text.parse().map(Some).map_err(D::Error::custom)
}
