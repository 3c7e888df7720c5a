//! Everything at once, for the start of a server.

use crate::access_tokens::{self, AccessTokenRecord};
use crate::error::StoreError;
use crate::functions::{self, FunctionRecord};
use crate::row::Columns;
use crate::runtime_tokens::{self, RuntimeTokenKey};
use crate::secrets::{self, SecretRecord};
use crate::store::Store;

/// All that a complete copy in memory is made of, as it was at one revision. There may be a million runtime tokens: they
/// go one by one into whatever they are kept in.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot<Tokens> {
    pub revision: i64,
    pub functions: Vec<FunctionRecord>,
    /// The unrevoked ones; some may be expired or disabled.
    pub runtime_tokens: Tokens,
    /// The unrevoked ones; some may be expired.
    pub access_tokens: Vec<AccessTokenRecord>,
    pub secrets: Vec<SecretRecord>,
}

impl Store {
    pub async fn snapshot<Tokens>(&self) -> Result<Snapshot<Tokens>, StoreError>
    where
        Tokens: Default + Extend<RuntimeTokenKey>,
    {
        let mut state = self.database.snapshot().await?;
        let revision = sqlx::query("SELECT value AS revision FROM revision WHERE id = 1")
            .fetch_one(&mut *state)
            .await?
            .number("revision")?;
        Ok(Snapshot {
            revision,
            functions: functions::all(&mut *state).await?,
            runtime_tokens: runtime_tokens::all_keys(&mut *state).await?,
            access_tokens: access_tokens::all(&mut *state).await?,
            secrets: secrets::all(&mut *state).await?,
        })
    }
}
