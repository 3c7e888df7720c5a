//! The vault encrypts secrets with a key that is outside the database.
//!
//! Each value is sealed by XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a random nonce, long enough that it
//! never repeats. The owner and the key's name are authenticated with it, so a value that is moved to another row does
//! not open. The id of the master key stands beside each value: several keys can be held, the first of which seals, so
//! that a rotation need not be done at once.

mod error;
mod key_file;
mod master_key;
mod sealed;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use jelou_core::SecretKey;
use zeroize::{Zeroize, Zeroizing};

use crate::secrets::SecretOwner;
use master_key::MasterKey;

pub use error::VaultError;
pub use sealed::{KeyId, ParseKeyIdError, SealedSecret};

const NONCE_BYTES: usize = 24;

pub struct Vault {
    /// Seals; opens what it sealed.
    current: MasterKey,
    /// Only open what they sealed before.
    retired: Vec<MasterKey>,
    /// Where the current key is still to be written: see [`Vault::admit`].
    unsaved: Option<PathBuf>,
}

impl Vault {
    /// Takes the key from a file. When there is none a key is generated, and the file is created once the store was
    /// opened and found to hold no secrets: a lost key must not be replaced by one that opens nothing.
    ///
    /// # Errors
    /// When the file can be read by others than its owner, or is not a key.
    pub fn open(key_file: &Path) -> Result<Self, VaultError> {
        match key_file::read(key_file)? {
            Some(key) => Ok(Self::with_key(key)),
            None => Ok(Self {
                unsaved: Some(key_file.to_owned()),
                ..Self::with_key(MasterKey::generate()?)
            }),
        }
    }

    /// Takes the key from text, such as the value of `JELOU_MASTER_KEY`: 32 bytes in base64 or hexadecimal.
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

    /// The id of the key that seals.
    pub fn key_id(&self) -> &KeyId {
        self.current.id()
    }

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

    /// # Errors
    /// [`VaultError::UnknownKey`] without the key; [`VaultError::Unreadable`] for anything but what [`Vault::seal`] made
    /// for this owner and key.
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

    /// Checks that everything sealed under `in_use` can be opened, and only then saves a key that is new.
    pub(crate) fn admit(&mut self, in_use: &BTreeSet<KeyId>) -> Result<(), VaultError> {
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

/// Neither an owner nor a key holds a zero byte, so no two pairs look alike.
fn associated_data(owner: &SecretOwner, key: &SecretKey) -> Vec<u8> {
    format!("{owner}\0{key}").into_bytes()
}
