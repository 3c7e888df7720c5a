//! Runtime tokens of a function.

use std::sync::Arc;

use jelou_core::api::{self, CreateToken, CreatedToken};
use jelou_core::{Slug, TokenPolicy};
use jelou_store::{Actor, LastTokenRule, NewRuntimeToken, RuntimeTokenRecord};
use jelou_token::RuntimeToken;
use jiff::Timestamp;

use super::{Control, ControlError};

impl Control {
    pub(crate) async fn tokens(
        &self,
        slug: &Slug,
    ) -> Result<Vec<api::RuntimeTokenInfo>, ControlError> {
        let function = self.store.function_id(slug).await?;
        let tokens = self.store.list_tokens(&function).await?;
        Ok(tokens
            .into_iter()
            .map(|token| self.with_last_use(token))
            .collect())
    }

    pub(crate) async fn token(
        &self,
        slug: &Slug,
        reference: &str,
    ) -> Result<api::RuntimeTokenInfo, ControlError> {
        let function = self.store.function_id(slug).await?;
        let token = self.store.resolve_token(&function, reference).await?;
        Ok(self.with_last_use(token))
    }

    pub(crate) async fn create_token(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        new: CreateToken,
    ) -> Result<CreatedToken, ControlError> {
        let expires_at = self.expiry(new.expires_in)?;
        let policy = new.policy();
        let token = mint()?;
        let replace = new.replace;
        self.change(|control| async move {
            let function = control.store.function_id(&slug).await?;
            let new = NewRuntimeToken {
                name: new.name,
                hash: token.hash(),
                prefix: token.display_prefix(),
                expires_at,
                policy,
            };
            let record = if replace {
                let replaced = control.store.replace_token(&actor, &function, new).await?;
                if let Some(former) = replaced.former {
                    control.registry.tokens.remove(&former.hash);
                }
                replaced.token
            } else {
                control.store.create_token(&actor, &function, new).await?
            };
            control.registry.tokens.put((&record).into());
            let warnings = control.unknown_tools(&slug, &record.policy);
            Ok(CreatedToken {
                token: token.expose().to_owned(),
                details: record.into(),
                warnings,
            })
        })
        .await
    }

    /// Warnings about scopes whose tool the live deployment does not have. They are no errors, because a token may be
    /// created before its tool is deployed.
    fn unknown_tools(&self, slug: &Slug, policy: &TokenPolicy) -> Vec<String> {
        let function = self.registry.function(slug.as_str());
        let live = function.and_then(|function| function.live.load_full());
        let (Some(scopes), Some(live)) = (&policy.scopes, live) else {
            return Vec::new();
        };
        let known: Vec<_> = live
            .manifest
            .tools
            .iter()
            .map(|tool| tool.name.as_str())
            .collect();
        scopes
            .tools()
            .filter(|tool| !known.contains(tool))
            .map(|tool| {
                format!(
                    "`{slug}` has no tool `{tool}`; the scope `tool:{tool}` allows nothing until a deploy adds it; the \
                     tools are: {}",
                    known.join(", ")
                )
            })
            .collect()
    }

    pub(crate) async fn revoke_token(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        reference: String,
        rule: LastTokenRule,
    ) -> Result<(), ControlError> {
        self.change(|control| async move {
            let function = control.store.function_id(&slug).await?;
            let token = control.store.resolve_token(&function, &reference).await?;
            let revoked = control
                .store
                .revoke_token(&actor, &function, &token.id, rule)
                .await?;
            control.registry.tokens.remove(&revoked.hash);
            Ok(())
        })
        .await
    }

    /// Adds the time of last use from the registry, because the store may not have it yet.
    fn with_last_use(&self, token: RuntimeTokenRecord) -> api::RuntimeTokenInfo {
        let in_memory = self
            .registry
            .tokens
            .last_used(&token.hash)
            .and_then(|at| Timestamp::from_millisecond(at).ok());
        let last_used_at = in_memory.max(token.last_used_at);
        api::RuntimeTokenInfo {
            last_used_at,
            ..token.into()
        }
    }
}

pub(super) fn mint() -> Result<RuntimeToken, ControlError> {
    RuntimeToken::mint().map_err(|error| ControlError::Random(error.to_string()))
}
