//! Errors of the vault.

use std::io;
use std::path::PathBuf;

use jelou_core::SecretKey;

use super::owner::SecretOwner;
use super::sealed::KeyId;

/// An error of the vault. Contains no key and no value of a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    #[error("cannot use the key file `{path}`")]
    KeyFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "the key file `{path}` can be read by others (mode {mode:04o}); run `chmod 600 {path}`, and replace the key \
         if anyone may have read it"
    )]
    KeyFileMode { path: PathBuf, mode: u32 },
    #[error("the key file `{path}` is not a key: it must have exactly 32 bytes")]
    KeyFileContent { path: PathBuf },
    #[error(
        "there is no key file `{path}`, but the secrets of the database are under the key {}; restore the file from a \
         backup, or set JELOU_MASTER_KEY to the key of the other servers of this database",
        list(missing)
    )]
    KeyFileMissing { path: PathBuf, missing: Vec<KeyId> },
    #[error(
        "the secrets of the database are under the key {}, but the given key is {held}; give the key of this \
         database",
        list(missing)
    )]
    OtherKey { held: KeyId, missing: Vec<KeyId> },
    #[error(
        "the servers of this database encrypt with the key {shared}, but the first of the given keys is {current}, which the \
         other servers may not have; give {shared} first (docs/postgresql.md says how to rotate the key)"
    )]
    NotTheSharedKey { current: KeyId, shared: KeyId },
    #[error(
        "the master key is not 32 bytes in base64 (44 characters) or hexadecimal (64 digits); generate one with \
         `openssl rand -base64 32`"
    )]
    MasterKey,
    #[error("a secret is encrypted with the key {key_id}, which this server does not have")]
    UnknownKey { key_id: KeyId },
    #[error(
        "the stored value of `{key}` ({owner}) cannot be decrypted: it was changed or moved after it was encrypted"
    )]
    Unreadable { owner: SecretOwner, key: SecretKey },
    #[error(
        "the stored identity key `{id}` cannot be decrypted: it was changed or moved after it was encrypted"
    )]
    UnreadableIdentityKey { id: String },
    #[error(
        "the master key of a PostgreSQL database cannot be rotated while its servers run, because they share the key"
    )]
    SharedKey,
    #[error(
        "the master key does not come from a file of the server; put the new key before the present one, separated by a \
         space or a line break, and restart the server"
    )]
    NoKeyFile,
    #[error("the value could not be encrypted")]
    Seal,
    #[error("the operating system's random generator failed")]
    Random(#[source] getrandom::Error),
}

fn list(ids: &[KeyId]) -> String {
    let ids: Vec<&str> = ids.iter().map(KeyId::as_str).collect();
    ids.join(", ")
}
