//! Secrets of a function.

use std::collections::BTreeMap;
use std::sync::Arc;

use jelou_core::api::{Secret, SecretsChanged, SetSecrets};
use jelou_core::{SecretKey, Slug};
use jelou_logs::MIN_SECRET_BYTES;
use jelou_store::{Actor, SecretOwner};
use zeroize::Zeroizing;

use super::{Control, ControlError};
use crate::registry::Function;

impl Control {
    pub(crate) async fn secrets(&self, slug: &Slug) -> Result<Vec<Secret>, ControlError> {
        let owner = SecretOwner::Function(self.store.function_id(slug).await?);
        Ok(self.store.list_secrets(&owner).await?)
    }

    pub(crate) async fn set_secrets(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        request: SetSecrets,
    ) -> Result<SecretsChanged, ControlError> {
        let secrets = parse_keys(request.secrets)?;
        let unmasked = secrets
            .iter()
            .filter(|(_, value)| value.len() < MIN_SECRET_BYTES)
            .map(|(key, _)| key.clone())
            .collect();
        self.change(|control| async move {
            let owner = SecretOwner::Function(control.store.function_id(&slug).await?);
            let stored = control.store.set_secrets(&actor, &owner, secrets).await?;
            let keys: Vec<SecretKey> = stored.into_iter().map(|record| record.key).collect();
            control.reload_secrets(&slug, &owner).await?;
            let names: Vec<_> = keys.iter().map(SecretKey::as_str).collect();
            control.secrets_event(&owner, format!("secrets set: {}", names.join(", ")));
            Ok(SecretsChanged { keys, unmasked })
        })
        .await
    }

    pub(crate) async fn delete_secret(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        key: SecretKey,
    ) -> Result<(), ControlError> {
        self.change(|control| async move {
            let owner = SecretOwner::Function(control.store.function_id(&slug).await?);
            control.store.delete_secret(&actor, &owner, &key).await?;
            control.reload_secrets(&slug, &owner).await?;
            control.secrets_event(&owner, format!("secret deleted: {key}"));
            Ok(())
        })
        .await
    }

    fn secrets_event(&self, owner: &SecretOwner, message: String) {
        if let SecretOwner::Function(function) = owner {
            self.event(function, None, "secrets.changed", message);
        }
    }

    /// Updates the registry, so that the next request sees the new secrets.
    async fn reload_secrets(&self, slug: &Slug, owner: &SecretOwner) -> Result<(), ControlError> {
        let sealed = self.store.sealed_secrets(owner).await?;
        if let Some(function) = self.registry.function(slug.as_str()) {
            let function: &Function = &function;
            function.secrets.store(Arc::new(sealed));
            self.restart(function);
        }
        Ok(())
    }
}

fn parse_keys(
    secrets: BTreeMap<String, String>,
) -> Result<Vec<(SecretKey, Zeroizing<String>)>, ControlError> {
    if secrets.is_empty() {
        return Err(ControlError::Invalid {
            detail: "there are no secrets to set".to_owned(),
            hint: "give at least one KEY=VALUE",
        });
    }
    secrets
        .into_iter()
        .map(|(key, value)| {
            let value = Zeroizing::new(value);
            match key.parse() {
                Ok(key) => Ok((key, value)),
                // The value may be a token in the wrong place.
                Err(error) => Err(ControlError::Invalid {
                    detail: format!("`{}`: {error}", jelou_token::redact(&key)),
                    hint: "for example OTRA_FUNCION_TOKEN",
                }),
            }
        })
        .collect()
}
