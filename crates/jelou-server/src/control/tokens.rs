//! Runtime tokens of a function.

use std::sync::Arc;

use jelou_core::api::{
    self, CreateToken, CreatedToken, Patch, RevokeTokens, RotateToken, TokenUsageReport,
    UpdateToken,
};
use jelou_core::{Slug, TokenId, TokenPolicy};
use jelou_store::{
    Actor, LastTokenRule, NewRuntimeToken, OldValue, PreviousTokenValue, Readable, RotatedToken,
    Rotation, RuntimeTokenRecord,
};
use jelou_token::{DisplayPrefix, RuntimeToken, TokenHash};
use jiff::Timestamp;

use super::{Control, ControlError};

/// Maximum grace period of a rotation, in seconds: 30 days.
const MAX_GRACE_SECONDS: u64 = 30 * 24 * 60 * 60;

impl Control {
    pub(crate) async fn tokens(
        &self,
        slug: &Slug,
        after: Option<&TokenId>,
        limit: usize,
    ) -> Result<(Readable<api::RuntimeTokenInfo>, Option<TokenId>), ControlError> {
        let function = self.store.function_id(slug).await?;
        let page = self.store.token_page(&function, after, limit).await?;
        let tokens = page.tokens.map(|token| self.with_last_use(token));
        Ok((tokens, page.next))
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
        self.may_create_tokens()?;
        let expires_at = self.expiry(new.expires_in, new.expires_at)?;
        self.check_life(expires_at)?;
        let (policy, labels) = (new.policy(), new.labels());
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
                labels,
            };
            let record = if replace {
                let replaced = control.store.replace_token(&actor, &function, new).await?;
                if let Some(former) = replaced.former {
                    control.registry.tokens.remove(&former);
                }
                replaced.token
            } else {
                control.check_count(&function).await?;
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

    /// Returns warnings about scopes whose tool the live deployment does not have. They are not errors, because a token
    /// may be created before its tool is deployed.
    fn unknown_tools(&self, slug: &Slug, policy: &TokenPolicy) -> Vec<String> {
        let (Some(scopes), Some(live)) = (&policy.scopes, self.registry.live(slug)) else {
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
            control.registry.tokens.remove(&revoked);
            Ok(())
        })
        .await
    }

    /// Revokes the selected tokens in one change, and returns them.
    pub(crate) async fn revoke_tokens(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        selection: RevokeTokens,
    ) -> Result<Vec<api::RuntimeTokenInfo>, ControlError> {
        let is_everything =
            selection.ids.is_none() && selection.tag.is_none() && selection.created_by.is_none();
        if is_everything {
            return Err(ControlError::Invalid {
                detail: "the request selects no tokens".to_owned(),
                hint: "send ids, tag or createdBy",
            });
        }
        self.change(|control| async move {
            let function = control.store.function_id(&slug).await?;
            let revoked = control
                .store
                .revoke_tokens(&actor, &function, &selection)
                .await?;
            for token in &revoked {
                control.registry.tokens.remove(token);
            }
            Ok(revoked.into_iter().map(Into::into).collect())
        })
        .await
    }

    /// Changes a token. The next call sees the change.
    pub(crate) async fn update_token(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        reference: String,
        update: UpdateToken,
        rule: LastTokenRule,
    ) -> Result<api::RuntimeTokenInfo, ControlError> {
        match update.expires_at {
            Patch::Keep => {}
            Patch::Remove => self.check_life(None)?,
            Patch::Set(at) => self.check_life(Some(self.expiry_at(at)?))?,
        }
        self.change(|control| async move {
            let function = control.store.function_id(&slug).await?;
            let token = control.store.resolve_token(&function, &reference).await?;
            let updated = control
                .store
                .update_token(&actor, &function, &token.id, update, rule)
                .await?;
            control.registry.tokens.put((&updated).into());
            Ok(control.with_last_use(updated))
        })
        .await
    }

    /// Gives a token a new value. The old value stays valid until the grace period ends.
    pub(crate) async fn rotate_token(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        reference: String,
        rotation: RotateToken,
    ) -> Result<CreatedToken, ControlError> {
        let grace = grace_of(rotation)?;
        let value = mint()?;
        let function = self.store.function_id(&slug).await?;
        let token = self.store.resolve_token(&function, &reference).await?;
        self.gather_uses(token.prefix, self.seems_unused(&token))
            .await?;
        self.change(|control| async move {
            let function = control.store.function_id(&slug).await?;
            let token = control.store.resolve_token(&function, &reference).await?;
            let rotation = Rotation {
                hash: value.hash(),
                prefix: value.display_prefix(),
                valid_until: control.after(grace),
                old: old_value(control.seems_unused(&token)),
            };
            let rotated = control
                .store
                .rotate_token(&actor, &function, &token.id, rotation)
                .await?;
            control.registry.tokens.put((&rotated.token).into());
            let warnings = control.after_rotation(&rotated);
            Ok(CreatedToken {
                token: value.expose().to_owned(),
                details: control.with_last_use(rotated.token),
                warnings,
            })
        })
        .await
    }

    /// Removes the value that is neither new nor in its grace period. Returns warnings about effects that the user may
    /// not expect.
    fn after_rotation(&self, rotated: &RotatedToken) -> Vec<String> {
        let now = self.clock.now();
        let (token, former) = (&rotated.token, &rotated.former);
        let kept = token.previous.as_ref();
        let (current, previous) = ((former.hash, former.prefix), former.previous.as_ref());
        let (ended, warning) = ended(kept, current, previous, now);
        if let Some(ended) = ended {
            self.registry.tokens.remove_value(&ended);
        }
        let mut warnings = Vec::from_iter(warning);
        if !token.is_active(now) {
            warnings.push(format!(
                "`{}` is disabled or expired: the new value does not work until that changes",
                token.name
            ));
        }
        warnings
    }

    /// Ends the grace period of a rotation now.
    pub(crate) async fn finish_rotation(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        reference: String,
    ) -> Result<api::RuntimeTokenInfo, ControlError> {
        self.change(|control| async move {
            let function = control.store.function_id(&slug).await?;
            let token = control.store.resolve_token(&function, &reference).await?;
            let finished = control
                .store
                .finish_rotation(&actor, &function, &token.id)
                .await?;
            control.registry.tokens.put((&finished).into());
            Ok(control.with_last_use(finished))
        })
        .await
    }

    /// Returns the use of each of a function's tokens in the last `days`.
    pub(crate) async fn token_usage(
        &self,
        slug: &Slug,
        days: u32,
    ) -> Result<Readable<TokenUsageReport>, ControlError> {
        let function = self.store.function_id(slug).await?;
        let tokens = self.store.list_tokens(&function).await?;
        let counters = &self.token_counters;
        Ok(counters.report(&function, tokens, days).await?)
    }

    /// Adds the last use from the registry, because the store may not have it yet.
    fn with_last_use(&self, token: RuntimeTokenRecord) -> api::RuntimeTokenInfo {
        let used = &self.registry.tokens;
        let last_used_at = used.last_used(&token.hash).max(token.last_used_at);
        let previous_used = token
            .previous
            .as_ref()
            .and_then(|previous| used.last_used(&previous.hash).max(previous.last_used_at));
        let mut info = api::RuntimeTokenInfo::from(token);
        info.last_used_at = last_used_at.max(previous_used);
        if let Some(from) = self.registry.token_usage.read(&info.id).from {
            info.last_used_from = Some(from);
        }
        if let Some(previous) = &mut info.previous {
            previous.last_used_at = previous_used;
        }
        info
    }
}

/// Returns the value that callers still use. During a grace period, the current value may not be in use: the response with
/// it was lost, or it is not distributed yet. In that case, the previous value stays valid.
pub(super) fn old_value(seems_unused: bool) -> OldValue {
    if seems_unused {
        OldValue::Previous
    } else {
        OldValue::Current
    }
}

/// Returns the value that a rotation has ended, and a warning if it was valid. `kept` is the old value that stays valid,
/// `current` and `previous` are the values before the rotation.
pub(super) fn ended(
    kept: Option<&PreviousTokenValue>,
    current: (TokenHash, DisplayPrefix),
    previous: Option<&PreviousTokenValue>,
    now: Timestamp,
) -> (Option<TokenHash>, Option<String>) {
    let (hash, prefix) = current;
    if kept.map(|kept| kept.hash) != Some(hash) {
        let is_kept = kept.is_some_and(|kept| kept.valid_until > now);
        let warning = is_kept.then(|| {
            format!(
                "`{prefix}..`, the value of the earlier rotation, was not used yet and no longer works; the value before it \
                 keeps working during the grace period"
            )
        });
        return (Some(hash), warning);
    }
    let Some(older) = previous else {
        return (None, None);
    };
    let warning = (older.valid_until > now).then(|| {
        format!(
            "`{}..`, the value before the earlier rotation, no longer works",
            older.prefix
        )
    });
    (Some(older.hash), warning)
}

pub(super) fn mint() -> Result<RuntimeToken, ControlError> {
    RuntimeToken::mint().map_err(|error| ControlError::Random(error.to_string()))
}

/// Returns the grace period in seconds.
pub(super) fn grace_of(rotation: RotateToken) -> Result<u64, ControlError> {
    let grace = rotation.grace_seconds;
    if grace > MAX_GRACE_SECONDS {
        return Err(ControlError::Invalid {
            detail: format!(
                "graceSeconds is {grace}; it must be 0 to {MAX_GRACE_SECONDS} (30 days)"
            ),
            hint: "create a second token for callers that need longer",
        });
    }
    Ok(grace)
}
