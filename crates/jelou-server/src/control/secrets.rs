//! Secrets of a function, and of its previews.

use std::collections::BTreeMap;
use std::sync::Arc;

use jelou_core::api::{RollbackSecret, Secret, SecretRolledBack, SecretsChanged, SetSecrets};
use jelou_core::{FunctionId, PreviewName, SecretKey, Slug};
use jelou_logs::MIN_SECRET_BYTES;
use jelou_store::{Actor, Readable, SecretOwner};
use zeroize::Zeroizing;

use super::{Control, ControlError};
use crate::registry::Preview;

impl Control {
    /// Returns the secrets of a function, or a preview's own secrets.
    pub(crate) async fn secrets(
        &self,
        slug: &Slug,
        preview: Option<&PreviewName>,
    ) -> Result<Readable<Secret>, ControlError> {
        let (_, owner) = self.secret_owner(slug, preview).await?;
        Ok(self.store.list_secrets(&owner).await?)
    }

    pub(crate) async fn set_secrets(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        preview: Option<PreviewName>,
        request: SetSecrets,
    ) -> Result<SecretsChanged, ControlError> {
        let secrets = parse_keys(request.secrets)?;
        let unmasked = unmasked(&secrets);
        self.change(|control| async move {
            let preview = preview.as_ref();
            let (function, owner) = control.secret_owner(&slug, preview).await?;
            let stored = control.store.set_secrets(&actor, &owner, secrets).await?;
            let keys: Vec<SecretKey> = stored.into_iter().map(|record| record.key).collect();
            control.reload_secrets(&slug, &owner).await?;
            let names: Vec<_> = keys.iter().map(SecretKey::as_str).collect();
            let message = format!("secrets set: {}", names.join(", "));
            control.secrets_event(&function, preview, message);
            Ok(SecretsChanged { keys, unmasked })
        })
        .await
    }

    pub(crate) async fn delete_secret(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        preview: Option<PreviewName>,
        key: SecretKey,
    ) -> Result<(), ControlError> {
        self.change(|control| async move {
            let preview = preview.as_ref();
            let (function, owner) = control.secret_owner(&slug, preview).await?;
            control.store.delete_secret(&actor, &owner, &key).await?;
            control.reload_secrets(&slug, &owner).await?;
            control.secrets_event(&function, preview, format!("secret deleted: {key}"));
            Ok(())
        })
        .await
    }

    /// Restores an earlier version of a secret, as a new version.
    pub(crate) async fn rollback_secret(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        key: SecretKey,
        rollback: RollbackSecret,
    ) -> Result<SecretRolledBack, ControlError> {
        self.change(|control| async move {
            let (function, owner) = control.secret_owner(&slug, None).await?;
            let rolled_back = control
                .store
                .rollback_secret(&actor, &owner, &key, rollback.version);
            let (version, restored) = rolled_back.await?;
            control.reload_secrets(&slug, &owner).await?;
            let message = format!("secret rolled back: {key}, to version {restored}");
            control.secrets_event(&function, None, message);
            Ok(SecretRolledBack {
                key,
                version,
                restored,
            })
        })
        .await
    }

    async fn secret_owner(
        &self,
        slug: &Slug,
        preview: Option<&PreviewName>,
    ) -> Result<(FunctionId, SecretOwner), ControlError> {
        let function = self.store.function_id(slug).await?;
        let owner = match preview {
            None => SecretOwner::Function(function.clone()),
            Some(name) => SecretOwner::Preview(self.store.preview(&function, name).await?.id),
        };
        Ok((function, owner))
    }

    fn secrets_event(&self, function: &FunctionId, preview: Option<&PreviewName>, message: String) {
        let message = match preview {
            None => message,
            Some(name) => format!("preview {name}: {message}"),
        };
        self.event(function, None, "secrets.changed", message);
    }

    /// Updates the registry, so that the next request sees the new secrets.
    pub(super) async fn reload_secrets(
        &self,
        slug: &Slug,
        owner: &SecretOwner,
    ) -> Result<(), ControlError> {
        let Some(function) = self.registry.function(slug.as_str()) else {
            return Ok(());
        };
        let changed = match owner {
            SecretOwner::Preview(id) => function.previews.with_id(id).into_iter().collect(),
            _ => {
                let own = self.store.sealed_secrets(owner).await?;
                let secrets = self.registry.with_inherited(own);
                function.secrets.store(Arc::new(secrets));
                self.restart(&function);
                let mut previews = function.previews.all();
                previews.retain(|one| one.preview.as_ref().is_some_and(Preview::inherits));
                previews
            }
        };
        for preview in changed {
            if let Some(facts) = &preview.preview {
                let own = self.own_secrets(&facts.id).await?;
                self.put_preview_secrets(&preview, own);
                self.restart(&preview);
            }
        }
        Ok(())
    }
}

/// Returns the keys whose values are too short to be masked in logs.
pub(super) fn unmasked(secrets: &[(SecretKey, Zeroizing<String>)]) -> Vec<SecretKey> {
    let short = secrets
        .iter()
        .filter(|(_, value)| value.len() < MIN_SECRET_BYTES);
    short.map(|(key, _)| key.clone()).collect()
}

pub(super) fn parse_keys(
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
            match key.parse::<SecretKey>() {
                Ok(key) => match key.check_settable() {
                    Ok(()) => Ok((key, value)),
                    Err(error) => Err(ControlError::Invalid {
                        detail: error.to_string(),
                        hint: "a function reads it with ctx.env.get",
                    }),
                },
                // The key may be a token that the user put in the wrong place, so the message redacts it.
                Err(error) => Err(ControlError::Invalid {
                    detail: format!("`{}`: {error}", jelou_token::redact(&key)),
                    hint: "for example OTRA_FUNCION_TOKEN",
                }),
            }
        })
        .collect()
}
