//! Everything about one function that a server keeps in memory.

use jelou_core::{FunctionId, Slug};

use crate::database::row::Columns as _;
use crate::database::{Connection, DatabaseError};
use crate::error::StoreError;
use crate::functions::{self, FunctionRecord};
use crate::previews::{self, PreviewRecord};
use crate::readable::placed;
use crate::runtime_tokens::{self, RuntimeTokenCredential};
use crate::secrets::{self, SecretRecord};
use crate::store::Store;
use crate::vault::SecretOwner;

/// A function with its tokens, secrets and previews.
#[derive(Debug)]
pub struct FunctionState {
    pub id: FunctionId,
    /// The unrevoked tokens that can be read, without exchanged tokens. Some may be expired or disabled.
    pub tokens: Vec<RuntimeTokenCredential>,
    /// Why other tokens cannot be read.
    pub unreadable: Vec<DatabaseError>,
    /// Everything else, or the reason why it cannot be read. The tokens apply in both cases.
    pub content: Result<FunctionContent, DatabaseError>,
}

/// A function with its secrets and previews.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionContent {
    pub record: FunctionRecord,
    pub secrets: Vec<SecretRecord>,
    /// Each with its own secrets. Some may be expired.
    pub previews: Vec<(PreviewRecord, Vec<SecretRecord>)>,
}

impl Store {
    /// Reads a function. `None` if it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Database`], unless only some rows are unreadable.
    pub async fn function_state(&self, slug: &Slug) -> Result<Option<FunctionState>, StoreError> {
        let mut state = self.database.snapshot().await?;
        let row = sqlx::query("SELECT id FROM functions WHERE slug = $1")
            .bind(slug.as_str())
            .fetch_optional(&mut state)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let id: FunctionId = row.parsed("id")?;
        let tokens = runtime_tokens::readable_of(&mut state, &id).await?;
        let content = match content(&mut state, &id).await {
            Ok(content) => Ok(content),
            Err(error) => Err(placed(error, "functions", slug.as_str())?),
        };
        Ok(Some(FunctionState {
            id,
            tokens: tokens
                .rows
                .iter()
                .map(RuntimeTokenCredential::from)
                .collect(),
            unreadable: tokens.unreadable,
            content,
        }))
    }

    /// Returns the valid slugs of all functions.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn function_slugs(&self) -> Result<Vec<Slug>, StoreError> {
        let rows = sqlx::query("SELECT slug FROM functions ORDER BY slug");
        let rows = rows.fetch_all(self.database.pool()).await?;
        // No host name leads to a function without a valid slug.
        let slugs = rows.iter().filter_map(|row| row.parsed("slug").ok());
        Ok(slugs.collect())
    }

    /// Whether the history of the database contains the deletion of this function.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn was_deleted(&self, function: &FunctionId) -> Result<bool, StoreError> {
        let deletion = sqlx::query(
            "SELECT 1 AS one FROM audit WHERE action = 'function.delete' AND target = $1 LIMIT 1",
        )
        .bind(function.as_str())
        .fetch_optional(self.database.pool())
        .await?;
        Ok(deletion.is_some())
    }
}

async fn content(state: &mut Connection, id: &FunctionId) -> Result<FunctionContent, StoreError> {
    let record = functions::find_by_id(&mut *state, id).await?;
    let owner = SecretOwner::Function(id.clone());
    let secrets = secrets::of(&mut *state, &owner).await?;
    let mut previews = Vec::new();
    for preview in previews::of(&mut *state, id).await? {
        let owner = SecretOwner::Preview(preview.id.clone());
        let own = secrets::of(&mut *state, &owner).await?;
        previews.push((preview, own));
    }
    Ok(FunctionContent {
        record,
        secrets,
        previews,
    })
}
