//! Access tokens: list, bootstrap, creation, rotation, revocation.

use std::sync::Arc;

use jelou_core::api::{self, CreateAccessToken, CreatedAccessToken, RotateToken};
use jelou_core::{Scopes, TokenName};
use jelou_store::{AccessTokenRecord, Actor, NewAccessToken, Readable, Rotation};
use jelou_token::AccessToken;
use jiff::Timestamp;

use super::tokens::{ended, grace_of, old_value};
use super::{Control, ControlError};

/// Name of the access token in the local profile.
const LOCAL: &str = "local";

impl Control {
    pub(crate) async fn access_tokens(
        &self,
    ) -> Result<Readable<api::AccessTokenInfo>, ControlError> {
        let tokens = self.store.list_access_tokens().await?;
        Ok(tokens.map(|token| self.with_last_access(token)))
    }

    pub(crate) async fn create_access_token(
        self: &Arc<Self>,
        actor: Actor,
        new: CreateAccessToken,
    ) -> Result<CreatedAccessToken, ControlError> {
        if new.scopes.is_empty() {
            return Err(ControlError::Invalid {
                detail: "an access token needs at least one scope".to_owned(),
                hint: "the scopes are functions:read, functions:write and admin",
            });
        }
        let expires_at = self.expiry(new.expires_in, new.expires_at)?;
        let token = mint()?;
        self.change(|control| async move {
            let new = described(&token, new.name, new.scopes, expires_at);
            let record = control.store.create_access_token(&actor, new).await?;
            control.registry.access_tokens.put(&record);
            Ok(CreatedAccessToken {
                token: token.expose().to_owned(),
                details: record.into(),
                warnings: Vec::new(),
            })
        })
        .await
    }

    /// Creates the first access token of a new server. Returns `None` if the server has ever had a token.
    pub(crate) async fn bootstrap(&self) -> Result<Option<AccessToken>, ControlError> {
        let token = mint()?;
        let name = TokenName::first_deployment();
        let new = described(&token, name, Scopes::admin(), None);
        let created = self.store.bootstrap_access_token(new).await?;
        Ok(created.map(|record| {
            self.registry.access_tokens.put(&record);
            token
        }))
    }

    /// Creates an access token for the local profile of the user who runs the server. Replaces the earlier one, because
    /// its value is lost.
    pub(crate) async fn create_local_access_token(
        self: &Arc<Self>,
    ) -> Result<AccessToken, ControlError> {
        let token = mint()?;
        let name = match self.store.node() {
            // Servers of a shared database each have their own local token.
            Some(node) => format!("{LOCAL}-{}", &node.as_str()[node.as_str().len() - 8..]),
            None => LOCAL.to_owned(),
        };
        let name: TokenName = name
            .parse()
            .map_err(|error| ControlError::Random(format!("{error}")))?;
        self.change(|control| async move {
            let actor = Actor::system();
            let new = described(&token, name, Scopes::admin(), None);
            let (record, replaced) = control.store.replace_access_token(&actor, new).await?;
            if let Some(replaced) = replaced {
                control.registry.access_tokens.remove(&replaced);
            }
            control.registry.access_tokens.put(&record);
            Ok(token)
        })
        .await
    }

    pub(crate) async fn revoke_access_token(
        self: &Arc<Self>,
        actor: Actor,
        reference: String,
    ) -> Result<(), ControlError> {
        self.change(|control| async move {
            let token = control.store.resolve_access_token(&reference).await?;
            let revoked = control.store.revoke_access_token(&actor, &token.id).await?;
            control.registry.access_tokens.remove(&revoked);
            Ok(())
        })
        .await
    }

    pub(crate) async fn access_token(
        &self,
        reference: &str,
    ) -> Result<api::AccessTokenInfo, ControlError> {
        let token = self.store.resolve_access_token(reference).await?;
        Ok(self.with_last_access(token))
    }

    /// Gives an access token a new value. The old value stays valid until the grace period ends.
    pub(crate) async fn rotate_access_token(
        self: &Arc<Self>,
        actor: Actor,
        reference: String,
        rotation: RotateToken,
    ) -> Result<CreatedAccessToken, ControlError> {
        let grace = grace_of(rotation)?;
        let value = mint()?;
        let token = self.store.resolve_access_token(&reference).await?;
        self.gather_uses(token.prefix, self.access_seems_unused(&token))
            .await?;
        self.change(|control| async move {
            let token = control.store.resolve_access_token(&reference).await?;
            let rotation = Rotation {
                hash: value.hash(),
                prefix: value.display_prefix(),
                valid_until: control.after(grace),
                old: old_value(control.access_seems_unused(&token)),
            };
            let (token, former) = control
                .store
                .rotate_access_token(&actor, &token.id, rotation)
                .await?;
            let kept = token.previous.as_ref();
            let (current, previous) = ((former.hash, former.prefix), former.previous.as_ref());
            let (ended, warning) = ended(kept, current, previous, control.clock.now());
            if let Some(ended) = ended {
                control.registry.access_tokens.remove_value(&ended);
            }
            control.registry.access_tokens.put(&token);
            Ok(CreatedAccessToken {
                token: value.expose().to_owned(),
                details: control.with_last_access(token),
                warnings: Vec::from_iter(warning),
            })
        })
        .await
    }

    /// Ends the grace period of a rotation now.
    pub(crate) async fn finish_access_token_rotation(
        self: &Arc<Self>,
        actor: Actor,
        reference: String,
    ) -> Result<api::AccessTokenInfo, ControlError> {
        self.change(|control| async move {
            let token = control.store.resolve_access_token(&reference).await?;
            let finished = control
                .store
                .finish_access_token_rotation(&actor, &token.id)
                .await?;
            control.registry.access_tokens.put(&finished);
            Ok(control.with_last_access(finished))
        })
        .await
    }

    /// Adds the times of last use from the registry, because the store may not have them yet.
    fn with_last_access(&self, token: AccessTokenRecord) -> api::AccessTokenInfo {
        let used = &self.registry.access_tokens;
        let last_used_at = used.last_used(&token.hash).max(token.last_used_at);
        let previous_used = token
            .previous
            .as_ref()
            .and_then(|previous| used.last_used(&previous.hash).max(previous.last_used_at));
        let mut info = api::AccessTokenInfo::from(token);
        info.last_used_at = last_used_at.max(previous_used);
        if let Some(previous) = &mut info.previous {
            previous.last_used_at = previous_used;
        }
        info
    }
}

fn mint() -> Result<AccessToken, ControlError> {
    AccessToken::mint().map_err(|error| ControlError::Random(error.to_string()))
}

fn described(
    token: &AccessToken,
    name: TokenName,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
) -> NewAccessToken {
    NewAccessToken {
        name,
        hash: token.hash(),
        prefix: token.display_prefix(),
        scopes,
        expires_at,
    }
}
