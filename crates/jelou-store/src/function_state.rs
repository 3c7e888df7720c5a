//! Everything about one function that a server keeps in memory.

use jelou_core::Slug;

use crate::error::StoreError;
use crate::functions::{self, FunctionRecord};
use crate::previews::{self, PreviewRecord};
use crate::runtime_tokens::{self, RuntimeTokenCredential};
use crate::secrets::{self, SecretRecord};
use crate::store::Store;
use crate::trust;
use crate::vault::SecretOwner;

/// A function with its tokens, secrets and previews.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionState {
    pub record: FunctionRecord,
    pub secrets: Vec<SecretRecord>,
    /// Each with its own secrets. Some may be expired.
    pub previews: Vec<(PreviewRecord, Vec<SecretRecord>)>,
    /// The unrevoked tokens, including exchanged tokens. Some may be expired or disabled.
    pub tokens: Vec<RuntimeTokenCredential>,
}

impl Store {
    /// Reads a function. `None` if it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn function_state(&self, slug: &Slug) -> Result<Option<FunctionState>, StoreError> {
        let mut state = self.database.snapshot().await?;
        let Some(record) = functions::find(&mut state, slug).await? else {
            return Ok(None);
        };
        let owner = SecretOwner::Function(record.id.clone());
        let secrets = secrets::of(&mut state, &owner).await?;
        let mut previews = Vec::new();
        for preview in previews::of(&mut state, &record.id).await? {
            let owner = SecretOwner::Preview(preview.id.clone());
            let own = secrets::of(&mut state, &owner).await?;
            previews.push((preview, own));
        }
        let tokens = runtime_tokens::list(&mut state, &record.id).await?;
        let exchanged = trust::exchanged_tokens(&mut state).await?;
        let exchanged = exchanged
            .iter()
            .filter_map(trust::ExchangedToken::credential);
        let exchanged = exchanged.filter(|token| token.function_id == record.id);
        let tokens = tokens.iter().map(RuntimeTokenCredential::from);
        Ok(Some(FunctionState {
            secrets,
            previews,
            tokens: tokens.chain(exchanged).collect(),
            record,
        }))
    }
}
