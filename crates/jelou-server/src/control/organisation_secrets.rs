//! Secrets of the organisation, which every function has unless it sets its own.

use std::sync::Arc;

use jelou_core::SecretKey;
use jelou_core::api::{RollbackSecret, Secret, SecretRolledBack, SecretsChanged, SetSecrets};
use jelou_store::{Actor, Readable, SecretOwner};

use super::secrets::{parse_keys, unmasked};
use super::{Control, ControlError};

impl Control {
    pub(crate) async fn organisation_secrets(&self) -> Result<Readable<Secret>, ControlError> {
        Ok(self.store.list_secrets(&SecretOwner::Organisation).await?)
    }

    pub(crate) async fn set_organisation_secrets(
        self: &Arc<Self>,
        actor: Actor,
        request: SetSecrets,
    ) -> Result<SecretsChanged, ControlError> {
        let secrets = parse_keys(request.secrets)?;
        let unmasked = unmasked(&secrets);
        self.change(|control| async move {
            let owner = SecretOwner::Organisation;
            let stored = control.store.set_secrets(&actor, &owner, secrets).await?;
            control.reload_organisation().await?;
            let keys = stored.into_iter().map(|record| record.key).collect();
            Ok(SecretsChanged { keys, unmasked })
        })
        .await
    }

    pub(crate) async fn delete_organisation_secret(
        self: &Arc<Self>,
        actor: Actor,
        key: SecretKey,
    ) -> Result<(), ControlError> {
        self.change(|control| async move {
            let owner = SecretOwner::Organisation;
            control.store.delete_secret(&actor, &owner, &key).await?;
            control.reload_organisation().await
        })
        .await
    }

    pub(crate) async fn rollback_organisation_secret(
        self: &Arc<Self>,
        actor: Actor,
        key: SecretKey,
        rollback: RollbackSecret,
    ) -> Result<SecretRolledBack, ControlError> {
        self.change(|control| async move {
            let owner = SecretOwner::Organisation;
            let rolled_back = control
                .store
                .rollback_secret(&actor, &owner, &key, rollback.version);
            let (version, restored) = rolled_back.await?;
            control.reload_organisation().await?;
            Ok(SecretRolledBack {
                key,
                version,
                restored,
            })
        })
        .await
    }

    /// Updates the registry, so that the next request of every function sees the new secrets.
    async fn reload_organisation(&self) -> Result<(), ControlError> {
        self.load_organisation_secrets().await?;
        for function in self.registry.functions() {
            let owner = SecretOwner::Function(function.id.clone());
            self.reload_secrets(&function.slug, &owner).await?;
        }
        Ok(())
    }

    /// Puts the stored secrets of the organisation into the registry, but does not update the functions that inherit
    /// them.
    pub(super) async fn load_organisation_secrets(&self) -> Result<(), ControlError> {
        let secrets = self
            .store
            .sealed_secrets(&SecretOwner::Organisation)
            .await?;
        self.registry.organisation_secrets.store(Arc::new(secrets));
        Ok(())
    }
}
