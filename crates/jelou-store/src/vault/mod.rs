//! Encrypts secrets with a key that is stored outside the database.
//!
//! Each value is encrypted with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) and a random nonce of 24 bytes. The
//! owner and the secret's key are associated data, so a value that was moved to another row cannot be decrypted. Each
//! value is stored with the id of its master key, so that a vault can have several keys. The server uses
//! only one key now.

mod error;
mod key_file;
mod master_key;
mod owner;
mod sealed;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use jelou_core::SecretKey;
use zeroize::{Zeroize, Zeroizing};

use master_key::MasterKey;

pub use error::VaultError;
pub use owner::SecretOwner;
pub use sealed::{KeyId, ParseKeyIdError, SealedSecret};

const NONCE_BYTES: usize = 24;

/// The master keys.
pub struct Vault {
    /// Encrypts values, and decrypts values that it has encrypted.
    current: MasterKey,
    /// Decrypt values that were encrypted before a key rotation.
    retired: Vec<MasterKey>,
    /// The path where [`Vault::admit`] saves the current key, if the key is new.
    unsaved: Option<PathBuf>,
}

impl Vault {
    /// Reads the key from a file. If the file does not exist, generates a key. [`Store::open`](crate::Store::open)
    /// saves it later, unless the database already contains secrets, which a new key could not decrypt.
    ///
    /// # Errors
    /// [`VaultError::KeyFileMode`] when other users can read the file, [`VaultError::KeyFileContent`] when its content
    /// is not a key, [`VaultError::KeyFile`] when it cannot be read, [`VaultError::Random`] when there are no random
    /// bytes for a new key.
    pub fn open(key_file: &Path) -> Result<Self, VaultError> {
        match key_file::read(key_file)? {
            Some(key) => Ok(Self::with_key(key)),
            None => Ok(Self {
                unsaved: Some(key_file.to_owned()),
                ..Self::with_key(MasterKey::generate()?)
            }),
        }
    }

    /// Parses the key from text, for example the value of `JELOU_MASTER_KEY`: 32 bytes in base64 or hexadecimal.
    ///
    /// # Errors
    /// [`VaultError::MasterKey`] when the text is not a key.
    pub fn from_master_key(text: &str) -> Result<Self, VaultError> {
        Ok(Self::with_key(MasterKey::parse(text)?))
    }

    fn with_key(current: MasterKey) -> Self {
        Self {
            current,
            retired: Vec::new(),
            unsaved: None,
        }
    }

    /// Returns the id of the current key, which encrypts new values.
    pub fn key_id(&self) -> &KeyId {
        self.current.id()
    }

    /// Encrypts a value for this owner and key.
    ///
    /// # Errors
    /// [`VaultError::Random`] when there are no random bytes for the nonce; [`VaultError::Seal`] when the cipher fails.
    pub fn seal(
        &self,
        owner: &SecretOwner,
        key: &SecretKey,
        plaintext: &str,
    ) -> Result<SealedSecret, VaultError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(VaultError::Random)?;
        let payload = Payload {
            msg: plaintext.as_bytes(),
            aad: &associated_data(owner, key),
        };
        let sealed = cipher(&self.current)
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| VaultError::Seal)?;
        Ok(SealedSecret::from_parts(
            self.key_id().clone(),
            [nonce.as_slice(), &sealed].concat(),
        ))
    }

    /// Decrypts a value that [`Vault::seal`] encrypted for this owner and key.
    ///
    /// # Errors
    /// [`VaultError::UnknownKey`] when the vault lacks the value's key; [`VaultError::Unreadable`] when the value was
    /// changed, or belongs to another owner or key.
    pub fn unseal(
        &self,
        owner: &SecretOwner,
        key: &SecretKey,
        sealed: &SealedSecret,
    ) -> Result<Zeroizing<String>, VaultError> {
        let master_key = self
            .keys()
            .find(|held| held.id() == sealed.key_id())
            .ok_or_else(|| VaultError::UnknownKey {
                key_id: sealed.key_id().clone(),
            })?;
        let unreadable = || VaultError::Unreadable {
            owner: owner.clone(),
            key: key.clone(),
        };
        let (nonce, ciphertext) = sealed
            .ciphertext()
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or_else(unreadable)?;
        let payload = Payload {
            msg: ciphertext,
            aad: &associated_data(owner, key),
        };
        let plaintext = cipher(master_key)
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| unreadable())?;
        String::from_utf8(plaintext)
            .map(Zeroizing::new)
            .map_err(|error| {
                error.into_bytes().zeroize();
                unreadable()
            })
    }

    /// Checks that the vault has all keys `in_use`. Then saves the current key if it is new.
    pub(crate) fn admit(&mut self, in_use: &BTreeSet<KeyId>) -> Result<(), VaultError> {
        // Another process may have saved its key since.
        if let Some(path) = &self.unsaved
            && let Some(saved) = key_file::read(path)?
        {
            self.current = saved;
            self.unsaved = None;
        }
        let held: BTreeSet<KeyId> = self.keys().map(|key| key.id().clone()).collect();
        let missing: Vec<KeyId> = in_use.difference(&held).cloned().collect();
        match self.unsaved.take() {
            Some(path) if !missing.is_empty() => Err(VaultError::KeyFileMissing { path, missing }),
            None if !missing.is_empty() => Err(VaultError::OtherKey {
                held: self.key_id().clone(),
                missing,
            }),
            Some(path) => {
                self.current = key_file::create(&path, &self.current)?;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn keys(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.current).chain(&self.retired)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("key_id", self.key_id())
            .finish_non_exhaustive()
    }
}

fn cipher(key: &MasterKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.bytes().into())
}

/// Returns the data that binds a value to its owner and key. It is unambiguous, because neither contains a zero byte.
fn associated_data(owner: &SecretOwner, key: &SecretKey) -> Vec<u8> {
    format!("{owner}\0{key}").into_bytes()
}
