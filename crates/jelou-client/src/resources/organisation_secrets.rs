//! Operations on the organisation's secrets.

use jelou_core::SecretKey;
use jelou_core::api::{List, RollbackSecret, Secret, SecretRolledBack, SecretsChanged, SetSecrets};

use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// Returns the operations on the organisation's secrets.
    pub fn organisation_secrets(&self) -> OrganisationSecrets<'_> {
        OrganisationSecrets { client: self }
    }
}

/// The operations on the secrets that every function inherits.
#[derive(Debug)]
pub struct OrganisationSecrets<'a> {
    client: &'a Client,
}

impl OrganisationSecrets<'_> {
    /// Lists the keys of the secrets, without their values.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list(&self) -> Result<Vec<Secret>, ClientError> {
        let list: List<Secret> = self.client.get(&collection())?;
        Ok(list.items)
    }

    /// Sets secrets. Other secrets stay unchanged.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn set(&self, secrets: &SetSecrets) -> Result<SecretsChanged, ClientError> {
        self.client.patch(&collection(), secrets)
    }

    /// Deletes a secret.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn delete(&self, key: &SecretKey) -> Result<(), ClientError> {
        self.client.delete(&collection().segment(key.as_str()))
    }

    /// Restores an earlier version of a secret.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn rollback(
        &self,
        key: &SecretKey,
        rollback: &RollbackSecret,
    ) -> Result<SecretRolledBack, ClientError> {
        let path = collection().segment(key.as_str()).segment("rollback");
        self.client.post(&path, rollback)
    }
}

fn collection() -> Path {
    Path::new("secrets")
}
