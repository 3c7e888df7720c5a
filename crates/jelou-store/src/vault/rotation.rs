//! Rotation of the master key. The next key is stored in a second file until no value needs the current key any more. A
//! server that is killed in between has both keys, and continues at its next start.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::key_file;
use super::master_key::MasterKey;
use super::{KeyId, Keys, Vault, VaultError};

impl Vault {
    /// Whether values may be encrypted with an earlier key.
    pub(crate) fn is_rotating(&self) -> bool {
        !self.keys().retired.is_empty()
    }

    /// Whether the key comes from a file of the server.
    pub(crate) fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Returns the ids of all keys, the current one first.
    pub fn key_ids(&self) -> Vec<KeyId> {
        self.keys().all().map(|key| key.id().clone()).collect()
    }

    /// Generates a key, stores it in a second file and makes it the current key. An incomplete rotation is continued
    /// with its key instead.
    ///
    /// # Errors
    /// [`VaultError::NoKeyFile`] when the key does not come from a file; [`VaultError::KeyFile`],
    /// [`VaultError::Random`].
    pub(crate) fn begin_rotation(&self) -> Result<(), VaultError> {
        let file = self.file.as_ref().ok_or(VaultError::NoKeyFile)?;
        let next = key_file::create(&next_file(file), &MasterKey::generate()?)?;
        let keys = self.keys();
        if keys.current.id() == next.id() {
            return Ok(());
        }
        let retired = keys.all().map(MasterKey::copy).collect();
        self.set_keys(Keys {
            current: next,
            retired,
        });
        Ok(())
    }

    /// Replaces the key file by the file of the next key, if there is one. Earlier keys stay in memory until the server
    /// stops, to decrypt values that are already loaded.
    ///
    /// # Errors
    /// [`VaultError::KeyFile`].
    pub(crate) fn finish_rotation(&self) -> Result<(), VaultError> {
        match &self.file {
            Some(file) => key_file::replace(file, &next_file(file)),
            None => Ok(()),
        }
    }
}

pub(super) fn next_file(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".next");
    name.into()
}
