//! Changes of a token's name, state, limits and labels.

use jelou_core::api::{Patch, RuntimeTokenInfo, UpdateToken};
use jelou_core::{FunctionId, TokenId};
use jiff::Timestamp;

use super::{LastTokenRule, RuntimeTokenRecord, labels_text, policy_text, readable_of};
use crate::actor::Actor;
use crate::change::{Action, Entry};
use crate::difference::difference;
use crate::error::{Resource, StoreError};
use crate::functions;
use crate::store::Store;

impl Store {
    /// Changes a token. Writes nothing if the update does not change the token.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function has no such token; [`StoreError::Conflict`] when the new name is
    /// taken; [`StoreError::LastToken`] when no active token would remain and the rule is enforced;
    /// [`StoreError::Database`].
    pub async fn update_token(
        &self,
        actor: &Actor,
        function: &FunctionId,
        id: &TokenId,
        update: UpdateToken,
        rule: LastTokenRule,
    ) -> Result<RuntimeTokenRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let slug = functions::slug_of(change.connection(), function).await?;
        let now = change.now();
        let (mut found, others): (Vec<_>, Vec<_>) =
            readable_of(&mut *change.connection(), function)
                .await?
                .rows
                .into_iter()
                .partition(|token| token.id == *id);
        let before = found
            .pop()
            .ok_or_else(|| StoreError::not_found(Resource::RuntimeToken, id))?;
        let after = updated(&before, update, now);
        let changed = changed_fields(&before, &after);
        if changed.is_empty() {
            return Ok(after);
        }
        if others.iter().any(|other| other.name == after.name) {
            return Err(StoreError::conflict(format!(
                "`{slug}` has an unrevoked token `{}` already",
                after.name
            )));
        }
        let is_last = before.is_active(now)
            && !after.is_active(now)
            && !others.iter().any(|other| other.is_active(now));
        if is_last && rule == LastTokenRule::Enforced {
            return Err(StoreError::LastToken {
                token: before.name,
                function: slug,
            });
        }
        let is_enabled_again = before.disabled_at.is_some() && after.disabled_at.is_none();
        let enabled_at = is_enabled_again.then_some(now);
        sqlx::query(
            "UPDATE runtime_tokens SET name = $1, disabled_at = $2, expires_at = $3, policy = $4, labels = $5, \
             quota_start = $6, quota_calls = $7, \
             expiry_warned_days = CASE WHEN expires_at = $3 THEN expiry_warned_days ELSE NULL END, \
             enabled_at = COALESCE($8, enabled_at) WHERE id = $9",
        )
        .bind(after.name.as_str())
        .bind(after.disabled_at.map(Timestamp::as_millisecond))
        .bind(after.expires_at.map(Timestamp::as_millisecond))
        .bind(policy_text(&after.policy)?)
        .bind(labels_text(&after.labels)?)
        .bind(after.quota.map(|quota| quota.start_ms))
        .bind(after.quota.map(|quota| i64::try_from(quota.calls).unwrap_or(i64::MAX)))
        .bind(enabled_at.map(Timestamp::as_millisecond))
        .bind(id.as_str())
        .execute(change.connection())
        .await?;
        let (old, new) = difference(
            &RuntimeTokenInfo::from(before.clone()),
            &RuntimeTokenInfo::from(after.clone()),
        );
        for (action, detail) in entries(&before, &after, &changed) {
            let entry = Entry {
                action,
                function: Some(&slug),
                target: id.as_str(),
                detail: Some(&detail),
            };
            change.record(entry, old.clone(), new.clone()).await?;
        }
        change.commit().await?;
        Ok(after)
    }
}

fn updated(before: &RuntimeTokenRecord, update: UpdateToken, now: Timestamp) -> RuntimeTokenRecord {
    let mut token = before.clone();
    if let Some(name) = update.name {
        token.name = name;
    }
    match update.disabled {
        Some(true) => token.disabled_at = token.disabled_at.or(Some(now)),
        Some(false) => token.disabled_at = None,
        None => {}
    }
    update.expires_at.apply(&mut token.expires_at);
    update.scopes.apply(&mut token.policy.scopes);
    update.cidrs.apply(&mut token.policy.cidrs);
    update.methods.apply(&mut token.policy.methods);
    update.rate.apply(&mut token.policy.rate);
    update.quota.apply(&mut token.policy.quota);
    let calendar = |token: &RuntimeTokenRecord| {
        let quota = token.policy.quota.as_ref();
        quota.map(|quota| quota.calendar().clone())
    };
    if calendar(before) != calendar(&token) {
        token.quota = None;
    }
    update.owner.apply(&mut token.labels.owner);
    update.purpose.apply(&mut token.labels.purpose);
    match update.tags {
        Patch::Keep => {}
        Patch::Remove => token.labels.tags = jelou_core::token_labels::Tags::default(),
        Patch::Set(tags) => token.labels.tags = tags,
    }
    token
}

fn changed_fields(before: &RuntimeTokenRecord, after: &RuntimeTokenRecord) -> Vec<&'static str> {
    [
        ("name", before.name != after.name),
        ("disabled", before.disabled_at != after.disabled_at),
        ("expiresAt", before.expires_at != after.expires_at),
        ("scopes", before.policy.scopes != after.policy.scopes),
        ("cidrs", before.policy.cidrs != after.policy.cidrs),
        ("methods", before.policy.methods != after.policy.methods),
        ("rate", before.policy.rate != after.policy.rate),
        ("quota", before.policy.quota != after.policy.quota),
        ("owner", before.labels.owner != after.labels.owner),
        ("purpose", before.labels.purpose != after.labels.purpose),
        ("tags", before.labels.tags != after.labels.tags),
    ]
    .into_iter()
    .filter_map(|(name, changed)| changed.then_some(name))
    .collect()
}

/// Returns the audit entries. Disabling and enabling have separate actions, so that readers can search for them.
fn entries(
    before: &RuntimeTokenRecord,
    after: &RuntimeTokenRecord,
    changed: &[&str],
) -> Vec<(Action, String)> {
    let mut entries = Vec::new();
    match (before.disabled_at, after.disabled_at) {
        (None, Some(_)) => entries.push((Action::TokenDisable, after.name.to_string())),
        (Some(_), None) => entries.push((Action::TokenEnable, after.name.to_string())),
        _ => {}
    }
    let others: Vec<_> = changed
        .iter()
        .copied()
        .filter(|field| *field != "disabled")
        .collect();
    if !others.is_empty() {
        let name = &before.name;
        let detail = if before.name == after.name {
            format!("{name}: {}", others.join(", "))
        } else {
            format!("{name}, now {}: {}", after.name, others.join(", "))
        };
        entries.push((Action::TokenUpdate, detail));
    }
    entries
}
