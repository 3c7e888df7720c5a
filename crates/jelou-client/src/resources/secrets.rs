//! Operations on secrets of a function, and of its previews.

use jelou_core::api::{List, RollbackSecret, Secret, SecretRolledBack, SecretsChanged, SetSecrets};
use jelou_core::{PreviewName, SecretKey, Slug};

use super::functions::function;
use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// Returns the operations on a function's secrets.
    pub fn secrets(&self, slug: &Slug) -> Secrets<'_> {
        Secrets {
            client: self,
            slug: slug.clone(),
            preview: None,
        }
    }
}

/// The operations on the secrets of a function, or of one of its previews.
#[derive(Debug)]
pub struct Secrets<'a> {
    client: &'a Client,
    slug: Slug,
    preview: Option<PreviewName>,
}

impl Secrets<'_> {
    /// Selects the secrets of a preview instead of the function's. `None` selects the function's.
    #[must_use]
    pub fn of_preview(self, preview: Option<PreviewName>) -> Self {
        Self { preview, ..self }
    }

    /// Lists the keys of the secrets, without their values.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list(&self) -> Result<Vec<Secret>, ClientError> {
        let list: List<Secret> = self.client.get(&self.collection())?;
        Ok(list.items)
    }

    /// Sets secrets. Other secrets stay unchanged.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn set(&self, secrets: &SetSecrets) -> Result<SecretsChanged, ClientError> {
        self.client.patch(&self.collection(), secrets)
    }

    /// Deletes a secret.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn delete(&self, key: &SecretKey) -> Result<(), ClientError> {
        self.client.delete(&self.collection().segment(key.as_str()))
    }

    /// Restores an earlier version of a secret of the function.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn rollback(
        &self,
        key: &SecretKey,
        rollback: &RollbackSecret,
    ) -> Result<SecretRolledBack, ClientError> {
        let path = self.collection().segment(key.as_str()).segment("rollback");
        self.client.post(&path, rollback)
    }

    fn collection(&self) -> Path {
        let owner = function(&self.slug);
        let owner = match &self.preview {
            None => owner,
            Some(preview) => owner.segment("previews").segment(preview.as_str()),
        };
        owner.segment("secrets")
    }
}
