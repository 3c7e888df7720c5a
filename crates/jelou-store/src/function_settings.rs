//! Settings that an administrator makes for a function: egress rules and limits.

use jelou_core::{EgressRule, FunctionSettings, LimitName, OwnLimits, Slug};
use serde_json::json;

use crate::actor::Actor;
use crate::change::{Action, Change, Entry};
use crate::database::row::Columns;
use crate::error::{Resource, StoreError};
use crate::functions;
use crate::store::Store;

impl Store {
    /// Returns the settings of a function.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or [`StoreError::Database`].
    pub async fn function_settings(&self, slug: &Slug) -> Result<FunctionSettings, StoreError> {
        let mut connection = self.database.snapshot().await?;
        functions::find(&mut connection, slug)
            .await?
            .map(|function| function.settings)
            .ok_or_else(|| StoreError::not_found(Resource::Function, slug))
    }

    /// Adds and removes egress rules, either all or none. Adding an existing rule has no effect.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function or a rule to remove does not exist; [`StoreError::Database`].
    pub async fn change_egress(
        &self,
        actor: &Actor,
        slug: &Slug,
        allow: &[EgressRule],
        deny: &[EgressRule],
    ) -> Result<FunctionSettings, StoreError> {
        let mut change = self.change(actor).await?;
        let mut settings = settings_of(&mut change, slug).await?;
        let rules = |settings: &FunctionSettings| Some(json!({ "egress": settings.egress }));
        for rule in allow {
            if let Err(place) = settings.egress.binary_search(rule) {
                let before = rules(&settings);
                settings.egress.insert(place, rule.clone());
                let rule = rule.to_string();
                let entry = entry(Action::EgressAllow, slug, &rule, None);
                change.record(entry, before, rules(&settings)).await?;
            }
        }
        for rule in deny {
            let Ok(place) = settings.egress.binary_search(rule) else {
                return Err(StoreError::not_found(Resource::EgressRule, rule));
            };
            let before = rules(&settings);
            settings.egress.remove(place);
            let rule = rule.to_string();
            let entry = entry(Action::EgressDeny, slug, &rule, None);
            change.record(entry, before, rules(&settings)).await?;
        }
        write(change, slug, settings).await
    }

    /// Sets and removes limits of a function, either all or none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function or a limit to remove does not exist; [`StoreError::Database`].
    pub async fn change_limits(
        &self,
        actor: &Actor,
        slug: &Slug,
        set: &OwnLimits,
        unset: &[LimitName],
    ) -> Result<FunctionSettings, StoreError> {
        let mut change = self.change(actor).await?;
        let mut settings = settings_of(&mut change, slug).await?;
        let limit = |value| json!({ "value": value });
        for (name, value) in set {
            let before = settings.limits.insert(*name, *value);
            let text = value.to_string();
            let entry = entry(Action::LimitSet, slug, name.as_str(), Some(&text));
            change
                .record(entry, before.map(limit), Some(limit(*value)))
                .await?;
        }
        for name in unset {
            let Some(before) = settings.limits.remove(name) else {
                return Err(StoreError::not_found(Resource::Limit, name));
            };
            let entry = entry(Action::LimitUnset, slug, name.as_str(), None);
            change.record(entry, Some(limit(before)), None).await?;
        }
        write(change, slug, settings).await
    }
}

async fn settings_of(change: &mut Change<'_>, slug: &Slug) -> Result<FunctionSettings, StoreError> {
    let row = sqlx::query("SELECT settings FROM functions WHERE slug = $1")
        .bind(slug.as_str())
        .fetch_optional(change.connection())
        .await?
        .ok_or_else(|| StoreError::not_found(Resource::Function, slug))?;
    Ok(row.optional_json("settings")?.unwrap_or_default())
}

fn entry<'a>(
    action: Action,
    slug: &'a Slug,
    target: &'a str,
    detail: Option<&'a str>,
) -> Entry<'a> {
    Entry {
        action,
        function: Some(slug),
        target,
        detail,
    }
}

async fn write(
    mut change: Change<'_>,
    slug: &Slug,
    settings: FunctionSettings,
) -> Result<FunctionSettings, StoreError> {
    // Serialization cannot fail: the settings are plain maps and lists.
    let json = serde_json::to_string(&settings).unwrap_or_default();
    sqlx::query("UPDATE functions SET settings = $1 WHERE slug = $2")
        .bind(json)
        .bind(slug.as_str())
        .execute(change.connection())
        .await?;
    change.commit().await?;
    Ok(settings)
}
