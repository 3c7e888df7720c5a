use std::sync::Arc;

use jelou_core::api::{self, CreateAccessToken, CreatedAccessToken};
use jelou_core::{Scope, Scopes, TokenName};
use jelou_store::{AccessTokenRecord, Actor, NewAccessToken, StoreError};
use jelou_token::AccessToken;
use jiff::Timestamp;

use super::{Control, ControlError};
use crate::registry::ManagerToken;

/// Name of the access token of the user who runs the server on loopback.
const LOCAL: &str = "local";

impl Control {
    pub(crate) async fn access_tokens(&self) -> Result<Vec<api::AccessToken>, ControlError> {
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
        let expires_at = self.expiry(new.expires_in)?;
        let token = mint()?;
        self.change(|control| async move {
            let new = described(&token, new.name, new.scopes, expires_at);
            let record = control.store.create_access_token(&actor, new).await?;
            control
                .registry
                .access_tokens
                .put(record.hash, manager_token(&record));
            Ok(CreatedAccessToken {
                token: token.expose().to_owned(),
                details: record.into(),
            })
        })
        .await
    }

    /// The administrator's token of a new server; `None` when there has ever been an access token.
    pub(crate) async fn bootstrap(&self) -> Result<Option<AccessToken>, ControlError> {
        let token = mint()?;
        let name = TokenName::first_deployment();
        let new = described(&token, name, Scopes::admin(), None);
        let created = self.store.bootstrap_access_token(new).await?;
        Ok(created.map(|record| {
            self.registry
                .access_tokens
                .put(record.hash, manager_token(&record));
            token
        }))
    }

    /// An administrator's token for the user who runs this server on their own machine; takes the place of an
    /// earlier one, whose value they have lost.
    pub(crate) async fn create_local_access_token(
        self: &Arc<Self>,
    ) -> Result<AccessToken, ControlError> {
        let token = mint()?;
        let name: TokenName = LOCAL
            .parse()
            .map_err(|error| ControlError::Random(format!("{error}")))?;
        self.change(|control| async move {
            let actor = Actor::system();
            match control.store.resolve_access_token(LOCAL).await {
                Ok(earlier) => {
                    let revoked = control
                        .store
                        .revoke_access_token(&actor, &earlier.id)
                        .await?;
                    control.registry.access_tokens.remove(&revoked.hash);
                }
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            let new = described(&token, name, Scopes::admin(), None);
            let record = control.store.create_access_token(&actor, new).await?;
            control
                .registry
                .access_tokens
                .put(record.hash, manager_token(&record));
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
            control.keep_an_administrator(&token).await?;
            let revoked = control.store.revoke_access_token(&actor, &token.id).await?;
            control.registry.access_tokens.remove(&revoked.hash);
            Ok(())
        })
        .await
    }

    /// Without an administrator nobody could ever create an access token again.
    async fn keep_an_administrator(&self, revoked: &AccessTokenRecord) -> Result<(), ControlError> {
        let now = self.clock.now();
        let administers =
            |token: &AccessTokenRecord| token.is_active(now) && token.scopes.allows(Scope::Admin);
        let others = self.store.list_access_tokens().await?;
        if !administers(revoked)
            || others
                .iter()
                .any(|other| other.id != revoked.id && administers(other))
        {
            return Ok(());
        }
        Err(StoreError::Conflict {
            message: format!(
                "`{}` is the last access token with the scope `admin`; create another one first",
                revoked.name
            ),
        }
        .into())
    }

    fn with_last_access(&self, token: AccessTokenRecord) -> api::AccessToken {
        let in_memory = self
            .registry
            .access_tokens
            .get(&token.hash)
            .and_then(|known| known.last_used.get())
            .and_then(|at| Timestamp::from_millisecond(at).ok());
        let last_used_at = in_memory.max(token.last_used_at);
        api::AccessToken {
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

/// What the management API needs of a stored token.
pub(crate) fn manager_token(record: &AccessTokenRecord) -> ManagerToken {
    ManagerToken::new(
        record.id.clone(),
        record.name.clone(),
        record.prefix,
        record.scopes.clone(),
        record.created_at,
        record.expires_at,
        record.last_used_at.map(Timestamp::as_millisecond),
    )
}
