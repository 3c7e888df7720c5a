//! Moves tokens between servers, by the hashes of their values.

use jelou_core::{FunctionId, Slug, TokenId, TokenLabels, TokenName, TokenPolicy};
use jelou_token::{DisplayPrefix, TokenHash};
use jiff::Timestamp;
use serde_json::json;

use super::{
    PreviousTokenValue, RuntimeTokenRecord, holder, insert_row, list, named, note, revoke, terms,
};
use crate::actor::Actor;
use crate::change::{Action, Change, Entry};
use crate::database::Connection;
use crate::error::StoreError;
use crate::functions;
use crate::store::Store;

/// A token to import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportToken {
    /// `None`: the import generates an id.
    pub id: Option<TokenId>,
    pub name: TokenName,
    pub hash: TokenHash,
    pub prefix: DisplayPrefix,
    /// `None`: the time of the import.
    pub created_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub disabled_at: Option<Timestamp>,
    pub policy: TokenPolicy,
    pub labels: TokenLabels,
    pub previous: Option<PreviousTokenValue>,
}

/// The outcome of the import of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    Added {
        token: Box<RuntimeTokenRecord>,
        /// The token that had the name before. The import has revoked it.
        former: Option<Box<RuntimeTokenRecord>>,
    },
    AlreadyHere(TokenId),
    /// The token cannot be imported. Contains the reason.
    Clash(String),
}

/// The rules of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportRules {
    /// Whether to revoke tokens that have the name of an imported token.
    pub replace: bool,
    /// Whether to only report the outcomes, without a change.
    pub dry_run: bool,
    /// Maximum number of unrevoked tokens of a function.
    pub max_tokens: Option<usize>,
}

impl Store {
    /// Returns the unrevoked tokens of a function, for another server. Leaves an audit entry.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function does not exist, [`StoreError::Database`].
    pub async fn export_tokens(
        &self,
        actor: &Actor,
        function: &FunctionId,
    ) -> Result<Vec<RuntimeTokenRecord>, StoreError> {
        let mut change = self.change(actor).await?;
        let slug = functions::slug_of(change.connection(), function).await?;
        let tokens = list(&mut *change.connection(), function).await?;
        let detail = format!("hashes of {} tokens", tokens.len());
        let entry = Entry {
            action: Action::TokenExport,
            function: Some(&slug),
            target: function.as_str(),
            detail: Some(&detail),
        };
        let exported: Vec<_> = tokens.iter().map(|token| &token.id).collect();
        let exported = json!({ "exported": exported });
        change.record(entry, None, Some(exported)).await?;
        change.commit().await?;
        Ok(tokens)
    }

    /// Imports all tokens, or none if one of them clashes. Returns the outcomes in the order of `tokens`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function does not exist; [`StoreError::Conflict`] when it would have too many
    /// tokens; [`StoreError::LastToken`] when no active token would remain; [`StoreError::Database`].
    pub async fn import_tokens(
        &self,
        actor: &Actor,
        function: &FunctionId,
        tokens: Vec<ImportToken>,
        rules: ImportRules,
    ) -> Result<Vec<Imported>, StoreError> {
        let mut change = self.change(actor).await?;
        let slug = functions::slug_of(change.connection(), function).await?;
        let before = list(&mut *change.connection(), function).await?;
        let mut outcomes = Vec::with_capacity(tokens.len());
        for token in tokens {
            outcomes.push(import(&mut change, function, &slug, token, rules).await?);
        }
        let after = list(&mut *change.connection(), function).await?;
        if let Some(max) = rules.max_tokens
            && after.len() > max.max(before.len())
        {
            return Err(StoreError::conflict(format!(
                "`{slug}` would have {} tokens; the limit is {max} (tokens.max_per_function, a server setting)",
                after.len()
            )));
        }
        let now = change.now();
        let active = |tokens: &[RuntimeTokenRecord]| {
            let active = tokens.iter().find(|token| token.is_active(now));
            active.map(|token| token.name.clone())
        };
        if let (Some(last), None) = (active(&before), active(&after)) {
            return Err(StoreError::LastToken {
                token: last,
                function: slug,
            });
        }
        let clashes = outcomes
            .iter()
            .any(|outcome| matches!(outcome, Imported::Clash(_)));
        if !clashes && !rules.dry_run {
            change.commit().await?;
        }
        Ok(outcomes)
    }
}

async fn import(
    change: &mut Change<'_>,
    function: &FunctionId,
    slug: &Slug,
    new: ImportToken,
    rules: ImportRules,
) -> Result<Imported, StoreError> {
    if let Some((known, is_revoked)) = holder(change.connection(), &new.hash).await? {
        let is_here = known.function_id == *function && known.hash == new.hash && !is_revoked;
        return Ok(if is_here {
            Imported::AlreadyHere(known.id)
        } else {
            clash(&known, is_revoked, "its value")
        });
    }
    if let Some(previous) = &new.previous
        && let Some((known, is_revoked)) = holder(change.connection(), &previous.hash).await?
    {
        return Ok(clash(&known, is_revoked, "its old value"));
    }
    if let Some(id) = &new.id
        && exists(change.connection(), id).await?
    {
        return Ok(Imported::Clash(format!(
            "the id `{id}` is taken; leave it out for a new one"
        )));
    }
    let former = named(change.connection(), function, &new.name).await?;
    if let Some(former) = &former {
        if !rules.replace {
            return Ok(Imported::Clash(format!(
                "`{slug}` has another token `{}`",
                former.name
            )));
        }
        revoke(change, slug, former).await?;
    }
    let now = change.now();
    let token = RuntimeTokenRecord {
        id: new.id.unwrap_or_else(TokenId::generate),
        function_id: function.clone(),
        name: new.name,
        hash: new.hash,
        prefix: new.prefix,
        created_by: change.actor().name.clone(),
        created_at: new.created_at.map_or(now, |at| at.min(now)),
        expires_at: new.expires_at,
        disabled_at: new.disabled_at,
        last_used_at: None,
        value_last_used_at: None,
        last_used_from: None,
        quota: None,
        policy: new.policy,
        labels: new.labels,
        previous: new.previous,
    };
    if !insert_row(change, &token).await? {
        return Ok(Imported::Clash(format!(
            "`{slug}` has another token `{}`",
            token.name
        )));
    }
    let step = (Action::TokenImport, None, terms(&token));
    note(change, slug, &token, step).await?;
    Ok(Imported::Added {
        token: Box::new(token),
        former: former.map(Box::new),
    })
}

fn clash(known: &RuntimeTokenRecord, is_revoked: bool, what: &str) -> Imported {
    let state = if is_revoked {
        "a revoked token"
    } else {
        "a token"
    };
    let id = &known.id;
    Imported::Clash(format!("{what} is that of {state} of this server, `{id}`"))
}

async fn exists(connection: &mut Connection, id: &TokenId) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT id FROM runtime_tokens WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}
