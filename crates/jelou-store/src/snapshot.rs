//! The complete state at one position of the history, which the server reads at its start.

use crate::access_tokens::{self, AccessTokenRecord};
use crate::error::StoreError;
use crate::feed::{self, Position};
use crate::functions::{self, FunctionRecord};
use crate::previews::{self, PreviewRecord};
use crate::runtime_tokens::{self, RuntimeTokenCredential};
use crate::secrets::{self, SecretRecord};
use crate::store::Store;

/// The complete state at one position. `Tokens` is a collection of the caller. The runtime tokens are added to it one
/// by one, because there may be a million.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot<Tokens> {
    pub position: Position,
    /// Sorted by slug.
    pub functions: Vec<FunctionRecord>,
    /// All previews. Some may be expired.
    pub previews: Vec<PreviewRecord>,
    /// The unrevoked runtime tokens. Some may be expired or disabled.
    pub runtime_tokens: Tokens,
    /// The unrevoked access tokens. Some may be expired.
    pub access_tokens: Vec<AccessTokenRecord>,
    /// Sorted by owner and key.
    pub secrets: Vec<SecretRecord>,
}

impl Store {
    /// Reads the complete state.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn snapshot<Tokens>(&self) -> Result<Snapshot<Tokens>, StoreError>
    where
        Tokens: Default + Extend<RuntimeTokenCredential>,
    {
        let mut state = self.database.snapshot().await?;
        Ok(Snapshot {
            position: feed::head(&mut state).await?,
            functions: functions::all(&mut state).await?,
            previews: previews::all(&mut state).await?,
            runtime_tokens: runtime_tokens::all_credentials(&mut state).await?,
            access_tokens: access_tokens::all(&mut state).await?,
            secrets: secrets::all(&mut state).await?,
        })
    }
}
