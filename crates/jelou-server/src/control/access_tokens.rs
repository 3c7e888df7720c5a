//! Access tokens: creation, bootstrap, revocation.

use std::sync::Arc;

use jelou_core::api::{self, CreateAccessToken, CreatedAccessToken};
use jelou_core::{Scopes, TokenName};
use jelou_store::{AccessTokenRecord, Actor, NewAccessToken};
use jelou_token::AccessToken;
use jiff::Timestamp;

use super::{Control, ControlError};
use crate::registry::AccessTokenEntry;

/// Name of the access token in the local profile.
const LOCAL: &str = "local";

impl Control {
    pub(crate) async fn access_tokens(&self) -> Result<Vec<api::AccessTokenInfo>, ControlError> {
        let tokens = self.store.list_access_tokens().await?;
        Ok(tokens
            .into_iter()
            .map(|token| self.with_last_access(token))
            .collect())
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
        let expires_at = self.expiry(new.expires_in, None)?;
        let token = mint()?;
        self.change(|control| async move {
            let new = described(&token, new.name, new.scopes, expires_at);
            let record = control.store.create_access_token(&actor, new).await?;
            control
                .registry
                .access_tokens
                .put(record.hash, access_token_entry(&record));
            Ok(CreatedAccessToken {
                token: token.expose().to_owned(),
                details: record.into(),
            })
        })
        .await
    }

    /// Creates the first access token of a new server; `None` if a token has ever existed.
    pub(crate) async fn bootstrap(&self) -> Result<Option<AccessToken>, ControlError> {
        let token = mint()?;
        let name = TokenName::first_deployment();
        let new = described(&token, name, Scopes::admin(), None);
        let created = self.store.bootstrap_access_token(new).await?;
        Ok(created.map(|record| {
            self.registry
                .access_tokens
                .put(record.hash, access_token_entry(&record));
            token
        }))
    }

    /// Creates an access token for the local profile of the user who runs the server. It replaces the earlier token,
    /// because its value is lost.
    pub(crate) async fn create_local_access_token(
        self: &Arc<Self>,
    ) -> Result<AccessToken, ControlError> {
        let token = mint()?;
        let name: TokenName = LOCAL
            .parse()
            .map_err(|error| ControlError::Random(format!("{error}")))?;
        self.change(|control| async move {
            let actor = Actor::system();
            let new = described(&token, name, Scopes::admin(), None);
            let (record, replaced) = control.store.replace_access_token(&actor, new).await?;
            if let Some(replaced) = replaced {
                control.registry.access_tokens.remove(&replaced.hash);
            }
            control
                .registry
                .access_tokens
                .put(record.hash, access_token_entry(&record));
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
            control.registry.access_tokens.remove(&revoked.hash);
            Ok(())
        })
        .await
    }

    fn with_last_access(&self, token: AccessTokenRecord) -> api::AccessTokenInfo {
        let in_memory = self
            .registry
            .access_tokens
            .get(&token.hash)
            .and_then(|known| known.last_used.get())
            .and_then(|at| Timestamp::from_millisecond(at).ok());
        let last_used_at = in_memory.max(token.last_used_at);
        api::AccessTokenInfo {
            last_used_at,
            ..token.into()
        }
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

/// The registry entry of a stored token.
pub(crate) fn access_token_entry(record: &AccessTokenRecord) -> AccessTokenEntry {
    AccessTokenEntry::new(
        record.id.clone(),
        record.name.clone(),
        record.prefix,
        record.scopes.clone(),
        record.created_at,
        record.expires_at,
        record.last_used_at.map(Timestamp::as_millisecond),
    )
}
