//! Encrypts secrets with a key that is stored outside the database.
//!
//! Each value is encrypted with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) and a random nonce of 24 bytes. The
//! owner and the secret's key are associated data, so a value that was moved to another row cannot be decrypted. Each
//! value is stored with the id of its master key, so that a vault can have several keys: the current one, which
//! encrypts, and earlier ones, which only decrypt until every value has been encrypted anew.

mod error;
mod key_file;
mod master_key;
mod owner;
mod rotation;
mod sealed;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use jelou_core::SecretKey;
use zeroize::Zeroizing;

use master_key::MasterKey;

pub use error::VaultError;
pub use key_file::UNFINISHED_KEY;
pub use owner::SecretOwner;
pub use sealed::{KeyId, ParseKeyIdError, SealedSecret};

const NONCE_BYTES: usize = 24;

/// The master keys.
pub struct Vault {
    keys: RwLock<Arc<Keys>>,
    /// The file of the key. `None` if the key comes from elsewhere.
    file: Option<PathBuf>,
    /// Whether [`Vault::admit`] must still save the current key, because it is new.
    is_unsaved: bool,
}

struct Keys {
    /// Encrypts values, and decrypts values that it has encrypted.
    current: MasterKey,
    /// Decrypt values that were encrypted before a rotation.
    retired: Vec<MasterKey>,
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
        let held = key_file::read(key_file)?;
        let is_unsaved = held.is_none();
        let held = match held {
            Some(key) => key,
            None => MasterKey::generate()?,
        };
        // The next key exists while a rotation is not complete.
        let keys = match key_file::read(&rotation::next_file(key_file))? {
            Some(next) if !is_unsaved => Keys {
                current: next,
                retired: vec![held],
            },
            _ => Keys::only(held),
        };
        Ok(Self {
            file: Some(key_file.to_owned()),
            is_unsaved,
            ..Self::with(keys)
        })
    }

    /// Parses keys from text, for example the value of `JELOU_MASTER_KEY`: 32 bytes in base64 or hexadecimal. Further
    /// keys, after white space, are earlier ones, which only decrypt.
    ///
    /// # Errors
    /// [`VaultError::MasterKey`] when a part of the text is not a key.
    pub fn from_master_key(text: &str) -> Result<Self, VaultError> {
        let mut keys = text.split_whitespace().map(MasterKey::parse);
        let current = keys.next().ok_or(VaultError::MasterKey)??;
        let retired = keys.collect::<Result<_, _>>()?;
        Ok(Self::with(Keys { current, retired }))
    }

    fn with(keys: Keys) -> Self {
        Self {
            keys: RwLock::new(Arc::new(keys)),
            file: None,
            is_unsaved: false,
        }
    }

    /// Returns the id of the current key, which encrypts new values.
    pub fn key_id(&self) -> KeyId {
        self.keys().current.id().clone()
    }

    /// Returns the keys that authenticate requests between servers: first the one to sign with, then those of earlier
    /// master keys.
    pub fn request_keys(&self) -> Vec<Zeroizing<[u8; 32]>> {
        self.keys().all().map(MasterKey::for_requests).collect()
    }

    /// Encrypts a value for this owner and key of a secret.
    ///
    /// # Errors
    /// [`VaultError::Random`] when there are no random bytes for the nonce; [`VaultError::Seal`] when the cipher fails.
    pub fn seal(
        &self,
        owner: &SecretOwner,
        key: &SecretKey,
        plaintext: &str,
    ) -> Result<SealedSecret, VaultError> {
        self.encrypt(plaintext.as_bytes(), &associated_data(owner, key))
    }

    /// Decrypts a value that [`Vault::seal`] encrypted for this owner and key of a secret.
    ///
    /// # Errors
    /// [`VaultError::UnknownKey`] when the vault lacks the value's master key; [`VaultError::Unreadable`] when the
    /// value was changed, or belongs to another owner or secret.
    pub fn unseal(
        &self,
        owner: &SecretOwner,
        key: &SecretKey,
        sealed: &SealedSecret,
    ) -> Result<Zeroizing<String>, VaultError> {
        let unreadable = || VaultError::Unreadable {
            owner: owner.clone(),
            key: key.clone(),
        };
        let plaintext = self
            .decrypt(sealed, &associated_data(owner, key))?
            .ok_or_else(unreadable)?;
        let text = std::str::from_utf8(&plaintext).map_err(|_| unreadable())?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Encrypts a private key that signs identity tokens.
    pub(crate) fn seal_identity_key(
        &self,
        id: &str,
        pkcs8: &[u8],
    ) -> Result<SealedSecret, VaultError> {
        self.encrypt(pkcs8, &identity_key_data(id))
    }

    /// Decrypts a private key that [`Vault::seal_identity_key`] encrypted.
    pub(crate) fn unseal_identity_key(
        &self,
        id: &str,
        sealed: &SealedSecret,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.decrypt(sealed, &identity_key_data(id))?
            .ok_or_else(|| VaultError::UnreadableIdentityKey { id: id.to_owned() })
    }

    /// Encrypts a part of the local copy, and binds it to its name.
    pub(crate) fn seal_local(&self, part: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let sealed = self.encrypt(plain, &local_data(part))?;
        let key_id = sealed.key_id().as_str().as_bytes();
        Ok([key_id, sealed.ciphertext()].concat())
    }

    /// Decrypts a part that [`Self::seal_local`] has encrypted. `None` if the part was changed.
    pub(crate) fn unseal_local(
        &self,
        part: &str,
        sealed: &[u8],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let parts = sealed.split_at_checked(KeyId::DIGITS);
        let parsed = parts.and_then(|(key_id, ciphertext)| {
            let key_id = str::from_utf8(key_id).ok()?.parse().ok()?;
            Some(SealedSecret::from_parts(key_id, ciphertext.to_vec()))
        });
        match parsed {
            Some(sealed) => self.decrypt(&sealed, &local_data(part)),
            None => Ok(None),
        }
    }

    fn encrypt(&self, plaintext: &[u8], aad: &[u8]) -> Result<SealedSecret, VaultError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(VaultError::Random)?;
        let payload = Payload {
            msg: plaintext,
            aad,
        };
        let keys = self.keys();
        let sealed = cipher(&keys.current)
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| VaultError::Seal)?;
        Ok(SealedSecret::from_parts(
            keys.current.id().clone(),
            [nonce.as_slice(), &sealed].concat(),
        ))
    }

    /// Returns `None` if the value was changed, or encrypted with other associated data.
    fn decrypt(
        &self,
        sealed: &SealedSecret,
        aad: &[u8],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let keys = self.keys();
        let master_key = keys
            .all()
            .find(|held| held.id() == sealed.key_id())
            .ok_or_else(|| VaultError::UnknownKey {
                key_id: sealed.key_id().clone(),
            })?;
        let Some((nonce, ciphertext)) = sealed.ciphertext().split_first_chunk::<NONCE_BYTES>()
        else {
            return Ok(None);
        };
        let payload = Payload {
            msg: ciphertext,
            aad,
        };
        let decrypted = cipher(master_key).decrypt(&XNonce::from(*nonce), payload);
        Ok(decrypted.ok().map(Zeroizing::new))
    }

    /// Checks that the vault has all keys `in_use`. Then saves the current key if it is new.
    pub(crate) fn admit(&mut self, in_use: &BTreeSet<KeyId>) -> Result<(), VaultError> {
        // Another process may have saved its key in the meantime.
        if self.is_unsaved
            && let Some(path) = &self.file
            && let Some(saved) = key_file::read(path)?
        {
            self.set_keys(Keys::only(saved));
            self.is_unsaved = false;
        }
        self.check(in_use)?;
        if self.is_unsaved
            && let Some(path) = &self.file
        {
            self.set_keys(Keys::only(key_file::create(path, &self.keys().current)?));
            self.is_unsaved = false;
        }
        Ok(())
    }

    /// Checks that the vault has all keys `in_use`.
    pub(crate) fn check(&self, in_use: &BTreeSet<KeyId>) -> Result<(), VaultError> {
        let keys = self.keys();
        let held: BTreeSet<KeyId> = keys.all().map(|key| key.id().clone()).collect();
        let missing: Vec<KeyId> = in_use.difference(&held).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(match self.file.clone().filter(|_| self.is_unsaved) {
            Some(path) => VaultError::KeyFileMissing { path, missing },
            None => VaultError::OtherKey {
                held: self.key_id(),
                missing,
            },
        })
    }

    fn keys(&self) -> Arc<Keys> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&keys)
    }

    fn set_keys(&self, keys: Keys) {
        let mut held = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(keys);
    }
}

impl Keys {
    fn only(current: MasterKey) -> Self {
        Self {
            current,
            retired: Vec::new(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.current).chain(&self.retired)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("key_id", &self.key_id())
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

/// Returns the data that binds a part of the local copy to its name. No secret has the same data, because no owner has
/// this name.
fn local_data(part: &str) -> Vec<u8> {
    format!("local copy\0{part}").into_bytes()
}

/// Returns the data that binds an identity key to its id. No secret has the same data, because no owner has this name.
fn identity_key_data(id: &str) -> Vec<u8> {
    format!("identity key\0{id}").into_bytes()
}
