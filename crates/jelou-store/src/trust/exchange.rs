//! Exchanges: an identity token is used up, and a short-lived token is stored. An exchange is not a change of
//! configuration, so it leaves no audit entry. Changes that are made with the new token leave entries.

use std::collections::BTreeMap;

use jelou_core::{AccessTokenId, FunctionId, Scopes, TokenId, TokenName, TokenPolicy, TrustId};
use jelou_token::{DisplayPrefix, TokenHash};
use jiff::Timestamp;
use sqlx::AnyExecutor;
use sqlx::any::AnyRow;

use super::{TrustRecord, json, note};
use crate::change::{Action, Change};
use crate::database::Write;
use crate::database::row::Columns;
use crate::difference::whole;
use crate::error::StoreError;
use crate::feed;
use crate::readable::{Readable, readable};
use crate::runtime_tokens::RuntimeTokenCredential;
use crate::store::Store;

/// A short-lived token that was issued for an identity token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangedToken {
    pub hash: TokenHash,
    pub prefix: DisplayPrefix,
    /// The name of the first policy in `policies`.
    pub name: TokenName,
    /// The policies that accepted the identity token.
    pub policies: Vec<TrustId>,
    /// Subject of the identity token.
    pub subject: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub new: NewExchangedToken,
}

/// The kind of an exchanged token, with its rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewExchangedToken {
    Access {
        id: AccessTokenId,
        scopes: Scopes,
    },
    Runtime {
        id: TokenId,
        function: FunctionId,
        policy: TokenPolicy,
    },
}

impl ExchangedToken {
    /// Returns the credential for the registry, or `None` for an access token.
    pub fn credential(&self) -> Option<RuntimeTokenCredential> {
        let NewExchangedToken::Runtime {
            id,
            function,
            policy,
        } = &self.new
        else {
            return None;
        };
        Some(RuntimeTokenCredential {
            hash: self.hash,
            id: id.clone(),
            function_id: function.clone(),
            expires_at: Some(self.expires_at),
            is_disabled: false,
            value_last_used_at: None,
            quota: None,
            policy: (!policy.is_unlimited()).then(|| Box::new(policy.clone())),
            previous: None,
        })
    }
}

/// A verified identity token, and the token to store in exchange.
#[derive(Debug)]
pub struct Exchange {
    /// Identifies the identity token: a hash of its issuer and its id.
    pub assertion: [u8; 32],
    /// When the identity token expires. After that, its use need not be stored.
    pub assertion_expires_at: Timestamp,
    pub token: ExchangedToken,
    /// The policies that accepted the identity token, each with the ids to pin.
    pub pins: Vec<(TrustRecord, BTreeMap<String, String>)>,
}

/// The outcome of [`Store::exchange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchanged {
    Stored,
    /// The identity token was already used. Nothing is stored.
    Replayed,
    /// A policy was deleted, or its ids were pinned, since it was read. Nothing is stored.
    PoliciesChanged,
}

impl Store {
    /// Uses up an identity token and stores the exchanged token, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn exchange(&self, exchange: &Exchange) -> Result<Exchanged, StoreError> {
        let token = &exchange.token;
        let pins = exchange.pins.iter();
        let pins: Vec<_> = pins
            .map(|(policy, pinned)| (policy.actor(), policy, pinned))
            .collect();
        let mut write = self.database.write().await?;
        let claimed = sqlx::query(
            "INSERT INTO used_assertions (assertion, expires_at) VALUES ($1, $2) \
             ON CONFLICT (assertion) DO NOTHING",
        )
        .bind(&exchange.assertion[..])
        .bind(exchange.assertion_expires_at.as_millisecond())
        .execute(write.transaction())
        .await?;
        if claimed.rows_affected() == 0 {
            return Ok(Exchanged::Replayed);
        }
        let (id, function, scopes, policy) = match &token.new {
            NewExchangedToken::Access { id, scopes } => {
                (id.to_string(), None, Some(scopes.to_string()), None)
            }
            NewExchangedToken::Runtime {
                id,
                function,
                policy,
            } => {
                let policy = json("exchanged_tokens.policy", policy)?;
                (
                    id.to_string(),
                    Some(function.to_string()),
                    None,
                    Some(policy),
                )
            }
        };
        let policies: Vec<_> = token.policies.iter().map(TrustId::as_str).collect();
        sqlx::query(
            "INSERT INTO exchanged_tokens \
             (hash, id, prefix, name, policies, subject, function_id, scopes, policy, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(&token.hash.as_bytes()[..])
        .bind(id)
        .bind(token.prefix.as_str())
        .bind(token.name.as_str())
        .bind(policies.join(" "))
        .bind(token.subject.as_str())
        .bind(function)
        .bind(scopes)
        .bind(policy)
        .bind(token.created_at.as_millisecond())
        .bind(token.expires_at.as_millisecond())
        .execute(write.transaction())
        .await?;
        for id in &token.policies {
            let used = sqlx::query("UPDATE trust_policies SET last_used_at = $1 WHERE id = $2")
                .bind(token.created_at.as_millisecond())
                .bind(id.as_str())
                .execute(write.transaction())
                .await?;
            if used.rows_affected() == 0 {
                return Ok(Exchanged::PoliciesChanged);
            }
        }
        // The first exchange pins the ids that the policy trusts. This is a change.
        for (actor, policy, pinned) in &pins {
            let mut change = Change::new(write, actor, token.created_at);
            let statement = "UPDATE trust_policies SET pinned = $1 WHERE id = $2 AND pinned = $3";
            let updated = sqlx::query(statement)
                .bind(json("trust_policies.pinned", pinned)?)
                .bind(policy.id.as_str())
                .bind(json("trust_policies.pinned", &policy.pinned)?)
                .execute(change.connection())
                .await?;
            if updated.rows_affected() == 0 {
                return Ok(Exchanged::PoliciesChanged);
            }
            let step = (Action::TrustPin, whole(&policy.pinned), whole(pinned));
            note(&mut change, policy, step).await?;
            write = change.into_write();
        }
        announce(&mut write).await?;
        write.commit().await?;
        Ok(Exchanged::Stored)
    }

    /// Returns the unexpired exchanged tokens that can be read.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn exchanged_tokens(&self) -> Result<Readable<ExchangedToken>, StoreError> {
        let mut tokens = exchanged_tokens(self.database.pool()).await?;
        let now = self.clock.now();
        tokens.rows.retain(|token| token.expires_at > now);
        Ok(tokens)
    }

    /// Revokes an exchanged token by its value.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn end_exchanged_token(
        &self,
        hash: &TokenHash,
    ) -> Result<Option<ExchangedToken>, StoreError> {
        let mut write = self.database.write().await?;
        let tokens = exchanged_tokens(write.transaction()).await?.rows;
        let Some(token) = tokens.into_iter().find(|token| token.hash == *hash) else {
            return Ok(None);
        };
        sqlx::query("DELETE FROM exchanged_tokens WHERE hash = $1")
            .bind(&hash.as_bytes()[..])
            .execute(write.transaction())
            .await?;
        announce(&mut write).await?;
        write.commit().await?;
        Ok(Some(token))
    }

    /// Deletes expired exchanged tokens and the records of expired identity tokens, once they have expired on every
    /// server. Returns the deleted exchanged tokens.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sweep_exchanges(&self) -> Result<Vec<ExchangedToken>, StoreError> {
        let mut write = self.database.write().await?;
        let now = self.deletion_time_in(write.transaction()).await?;
        let mut expired = exchanged_tokens(write.transaction()).await?.rows;
        expired.retain(|token| token.expires_at <= now);
        for statement in [
            "DELETE FROM exchanged_tokens WHERE expires_at <= $1",
            "DELETE FROM used_assertions WHERE expires_at <= $1",
        ] {
            sqlx::query(statement)
                .bind(now.as_millisecond())
                .execute(write.transaction())
                .await?;
        }
        write.commit().await?;
        Ok(expired)
    }
}

/// Notifies other servers that exchanged tokens have changed. Not needed when a token expires, because each server
/// checks the expiry itself.
async fn announce(write: &mut Write<'_>) -> Result<(), StoreError> {
    feed::count_exchange(write.transaction()).await?;
    Ok(write.announce().await?)
}

const SELECT_ALL: &str = "SELECT hash, id, prefix, name, policies, subject, function_id, scopes, policy, created_at, expires_at \
     FROM exchanged_tokens ORDER BY created_at";

/// Returns the exchanged tokens that can be read. Some may be expired.
pub(crate) async fn exchanged_tokens(
    executor: impl AnyExecutor<'_>,
) -> Result<Readable<ExchangedToken>, StoreError> {
    let rows = sqlx::query(SELECT_ALL).fetch_all(executor).await?;
    readable(&rows, ("exchanged_tokens", "id"), record)
}

fn record(row: &AnyRow) -> Result<ExchangedToken, StoreError> {
    let new = match row.optional_parsed("function_id")? {
        Some(function) => NewExchangedToken::Runtime {
            id: row.parsed("id")?,
            function,
            policy: row.optional_json("policy")?.unwrap_or_default(),
        },
        None => NewExchangedToken::Access {
            id: row.parsed("id")?,
            scopes: row.parsed("scopes")?,
        },
    };
    let policies = row.text("policies")?;
    let policies = policies.split_ascii_whitespace();
    Ok(ExchangedToken {
        hash: row.token_hash("hash")?,
        prefix: row.parsed("prefix")?,
        name: row.parsed("name")?,
        policies: policies.filter_map(|id| id.parse().ok()).collect(),
        subject: row.text("subject")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        new,
    })
}
