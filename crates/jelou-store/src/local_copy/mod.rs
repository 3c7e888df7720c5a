//! The local copy: the complete state, encrypted, from which a server can start while its database is away.
//!
//! Two parts are encrypted and authenticated separately, because the state may stay the same for months: the state, and
//! the time at which it was last known to equal the database. Tokens are in a binary format, so that a million of them
//! are read in a second. Everything else is JSON.

pub(crate) mod text;
mod tokens;

use jelou_core::FunctionId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::access_tokens::AccessTokenRecord;
use crate::error::StoreError;
use crate::feed::Position;
use crate::functions::FunctionRecord;
use crate::previews::PreviewRecord;
use crate::runtime_tokens::RuntimeTokenCredential;
use crate::secrets::SecretRecord;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::vault::{Vault, VaultError};

/// Names of the two parts. The vault authenticates each part with its name.
const STATE: &str = "state";
const SEEN: &str = "seen";

/// Why a local copy cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalCopyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("it was changed, or is of another version of jelou or of another database")]
    Form,
}

/// The encrypted state at a position, to write to a file.
#[derive(Debug)]
pub struct SealedState {
    pub position: Position,
    pub bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    /// The program and the database. The records of another program may have other fields.
    origin: String,
    position: Position,
    made_at: Timestamp,
    functions: Vec<FunctionRecord>,
    previews: Vec<PreviewRecord>,
    access_tokens: Vec<AccessTokenRecord>,
    secrets: Vec<SecretRecord>,
    /// The functions that the tokens name by their numbers.
    functions_of_tokens: Vec<FunctionId>,
}

#[derive(Serialize, Deserialize)]
struct Seen {
    position: Position,
    at: Timestamp,
}

impl Store {
    /// Reads the complete state from the database, and encrypts it.
    ///
    /// # Errors
    /// [`LocalCopyError::Store`] when the database cannot be read; [`LocalCopyError::Vault`].
    pub async fn seal_state(&self, origin: &str) -> Result<SealedState, LocalCopyError> {
        let made_at = self.clock.now();
        let snapshot = self.snapshot::<tokens::Lines>().await?;
        let lines = snapshot.runtime_tokens;
        if let Some(error) = lines.error {
            return Err(error);
        }
        let head = Head {
            origin: origin.to_owned(),
            position: snapshot.position,
            made_at,
            functions: snapshot.functions,
            previews: snapshot.previews,
            access_tokens: snapshot.access_tokens,
            secrets: snapshot.secrets,
            functions_of_tokens: lines.functions,
        };
        let json = serde_json::to_vec(&head)?;
        let length = u64::try_from(json.len()).map_err(|_| LocalCopyError::Form)?;
        let plain = [&length.to_le_bytes()[..], &json, &lines.bytes].concat();
        Ok(SealedState {
            position: head.position,
            bytes: self.vault.seal_local(STATE, &plain)?,
        })
    }

    /// Encrypts a note: at the time `at`, the state at this position equalled the database.
    ///
    /// # Errors
    /// [`LocalCopyError::Vault`].
    pub fn seal_seen(&self, position: Position, at: Timestamp) -> Result<Vec<u8>, LocalCopyError> {
        let json = serde_json::to_vec(&Seen { position, at })?;
        Ok(self.vault.seal_local(SEEN, &json)?)
    }
}

/// Reads a local copy: its state, and the time at which this was last known to equal the database. A note about another
/// state has no effect.
///
/// # Errors
/// [`LocalCopyError::Form`] when a part was changed, or has another origin; [`LocalCopyError::Vault`] when its master
/// key is missing.
pub fn open_local_copy<Tokens>(
    vault: &Vault,
    origin: &str,
    state: &[u8],
    seen: Option<&[u8]>,
) -> Result<(Snapshot<Tokens>, Timestamp), LocalCopyError>
where
    Tokens: Default + Extend<RuntimeTokenCredential>,
{
    let plain = vault
        .unseal_local(STATE, state)?
        .ok_or(LocalCopyError::Form)?;
    let (length, rest) = plain.split_first_chunk().ok_or(LocalCopyError::Form)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| LocalCopyError::Form)?;
    let (json, lines) = rest.split_at_checked(length).ok_or(LocalCopyError::Form)?;
    let head: Head = serde_json::from_slice(json)?;
    if head.origin != origin {
        return Err(LocalCopyError::Form);
    }
    let mut seen_at = head.made_at;
    if let Some(seen) = seen {
        let json = vault
            .unseal_local(SEEN, seen)?
            .ok_or(LocalCopyError::Form)?;
        let seen: Seen = serde_json::from_slice(&json)?;
        if seen.position == head.position {
            seen_at = seen_at.max(seen.at);
        }
    }
    let snapshot = Snapshot {
        runtime_tokens: tokens::read(lines, &head.functions_of_tokens)?,
        position: head.position,
        functions: head.functions,
        previews: head.previews,
        access_tokens: head.access_tokens,
        secrets: head.secrets,
    };
    Ok((snapshot, seen_at))
}

impl From<serde_json::Error> for LocalCopyError {
    fn from(_: serde_json::Error) -> Self {
        Self::Form
    }
}

impl From<postcard::Error> for LocalCopyError {
    fn from(_: postcard::Error) -> Self {
        Self::Form
    }
}

impl From<jiff::Error> for LocalCopyError {
    fn from(_: jiff::Error) -> Self {
        Self::Form
    }
}
