//! Makes and restores backups of the configured database. A server may run during a backup.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use jelou_core::Clock;
use jelou_store::backup;
pub use jelou_store::backup::{BackupError, Contents, verify};

use crate::config::Config;
use crate::data_dir::{DataDir, DataDirError};
use crate::master_key::{self, MasterKeyError};
use crate::stored::store_config;

/// Why a backup cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Backup(#[from] BackupError),
}

/// Writes a backup of the database.
///
/// # Errors
/// [`BackupError`] shows whether the database or `out` failed.
pub async fn write(config: &Config, out: impl Write + Send) -> Result<Contents, BackupError> {
    let store = store_config(config, config.data.as_path());
    let version = env!("CARGO_PKG_VERSION");
    backup::write(&store, version, &Clock::system(), out).await
}

/// Restores a backup into an empty database, which no server may use. A SQLite database is in the data folder.
///
/// # Errors
/// [`RestoreError`].
pub async fn restore(config: &Config, input: impl Read + Send) -> Result<Contents, RestoreError> {
    let data = DataDir::open(&config.data)?;
    let store = store_config(config, data.path());
    Ok(backup::restore(&store, input).await?)
}

/// Returns the ids of the master keys that the secrets of a backup need and this configuration does not have.
///
/// # Errors
/// [`MasterKeyError`] when the configured key cannot be read.
pub fn missing_keys(config: &Config, contents: &Contents) -> Result<Vec<String>, MasterKeyError> {
    let vault = master_key::open(&config.master_key, &key_file(&config.data))?;
    let held = vault.key_ids();
    let needed = contents.trailer.keys.iter();
    Ok(needed
        .filter(|key| !held.iter().any(|held| held.as_str() == key.as_str()))
        .cloned()
        .collect())
}

/// Returns the file of the master key, which is not part of a backup.
pub fn key_file(data: &Path) -> PathBuf {
    DataDir::key_file_of(data)
}
