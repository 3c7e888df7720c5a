//! Trust policies, which exchange identity tokens of other issuers for short-lived tokens.

mod exchange;

use std::collections::BTreeMap;

use jelou_core::api::{CallGrant, TrustPolicy};
use jelou_core::trust::{Conditions, Issuer};
use jelou_core::{Scopes, TokenName, TrustId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::AnyExecutor;
use sqlx::any::AnyRow;

use crate::actor::Actor;
use crate::change::{Action, Change, Entry};
use crate::database::row::Columns;
use crate::database::{Connection, DatabaseError};
use crate::difference::whole;
use crate::error::{Resource, StoreError};
use crate::readable::{Readable, readable};
use crate::store::Store;

pub(crate) use exchange::exchanged_tokens;
pub use exchange::{Exchange, Exchanged, ExchangedToken, NewExchangedToken};

/// The terms of a trust policy: which identity tokens it trusts, and which token they are exchanged for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustTerms {
    pub issuer: Issuer,
    pub issuer_url: String,
    pub audience: String,
    pub conditions: Conditions,
    /// Scopes of the issued access token. `None` if the policy issues a runtime token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// Rights of the issued runtime token. `None` if the policy issues an access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallGrant>,
}

/// A trust policy that is not deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustRecord {
    pub id: TrustId,
    /// Unique among the policies.
    pub name: TokenName,
    pub terms: TrustTerms,
    /// Immutable ids that later identity tokens must have.
    pub pinned: BTreeMap<String, String>,
    pub created_at: Timestamp,
    pub created_by: String,
    /// Time of the last exchange.
    pub last_used_at: Option<Timestamp>,
}

impl TrustRecord {
    /// Returns the author of changes made with tokens of this policy.
    pub fn actor(&self) -> Actor {
        Actor {
            id: self.id.to_string(),
            name: self.name.to_string(),
            address: None,
        }
    }
}

impl From<TrustRecord> for TrustPolicy {
    fn from(record: TrustRecord) -> Self {
        Self {
            id: record.id,
            name: record.name,
            issuer: record.terms.issuer,
            issuer_url: record.terms.issuer_url,
            audience: record.terms.audience,
            conditions: record.terms.conditions,
            scopes: record.terms.scopes,
            call: record.terms.call,
            pinned: record.pinned,
            created_at: record.created_at,
            created_by: record.created_by,
            last_used_at: record.last_used_at,
        }
    }
}

impl Store {
    /// Creates a trust policy.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken; [`StoreError::Database`].
    pub async fn create_trust(
        &self,
        actor: &Actor,
        name: TokenName,
        terms: TrustTerms,
        pinned: BTreeMap<String, String>,
    ) -> Result<TrustRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let policy = TrustRecord {
            id: TrustId::generate(),
            name,
            terms,
            pinned,
            created_at: change.now(),
            created_by: actor.name.clone(),
            last_used_at: None,
        };
        let inserted = sqlx::query(
            "INSERT INTO trust_policies (id, name, terms, pinned, created_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING",
        )
        .bind(policy.id.as_str())
        .bind(policy.name.as_str())
        .bind(json("trust_policies.terms", &policy.terms)?)
        .bind(json("trust_policies.pinned", &policy.pinned)?)
        .bind(policy.created_at.as_millisecond())
        .bind(policy.created_by.as_str())
        .execute(change.connection())
        .await?;
        if inserted.rows_affected() == 0 {
            return Err(StoreError::conflict(format!(
                "there is a trust policy `{}` already",
                policy.name
            )));
        }
        let step = (Action::TrustCreate, None, whole(&policy.terms));
        note(&mut change, &policy, step).await?;
        change.commit().await?;
        Ok(policy)
    }

    /// Deletes a trust policy and the tokens that were issued under it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Database`].
    pub async fn delete_trust(
        &self,
        actor: &Actor,
        reference: &str,
    ) -> Result<(TrustRecord, Vec<ExchangedToken>), StoreError> {
        let mut change = self.change(actor).await?;
        let policy = find(change.connection(), reference).await?;
        let mut ended = exchanged_tokens(&mut *change.connection()).await?.rows;
        ended.retain(|token| token.policies.contains(&policy.id));
        sqlx::query("DELETE FROM exchanged_tokens WHERE ' ' || policies || ' ' LIKE $1")
            .bind(format!("% {} %", policy.id))
            .execute(change.connection())
            .await?;
        sqlx::query("DELETE FROM trust_policies WHERE id = $1")
            .bind(policy.id.as_str())
            .execute(change.connection())
            .await?;
        let step = (Action::TrustDelete, whole(&policy.terms), None);
        note(&mut change, &policy, step).await?;
        change.commit().await?;
        Ok((policy, ended))
    }

    /// Returns the trust policies that can be read, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn trust_policies(&self) -> Result<Readable<TrustRecord>, StoreError> {
        all(self.database.pool()).await
    }

    /// Returns a trust policy by its id or name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Database`].
    pub async fn trust_policy(&self, reference: &str) -> Result<TrustRecord, StoreError> {
        let mut connection = self.database.snapshot().await?;
        find(&mut connection, reference).await
    }
}

const SELECT_ALL: &str = "SELECT id, name, terms, pinned, created_at, created_by, last_used_at \
     FROM trust_policies ORDER BY created_at, id";

async fn all(executor: impl AnyExecutor<'_>) -> Result<Readable<TrustRecord>, StoreError> {
    let rows = sqlx::query(SELECT_ALL).fetch_all(executor).await?;
    readable(&rows, ("trust_policies", "id"), record)
}

async fn find(connection: &mut Connection, reference: &str) -> Result<TrustRecord, StoreError> {
    let policies = all(connection).await?.rows;
    policies
        .into_iter()
        .find(|policy| policy.id.as_str() == reference || policy.name.as_str() == reference)
        .ok_or_else(|| StoreError::not_found(Resource::TrustPolicy, reference))
}

fn record(row: &AnyRow) -> Result<TrustRecord, StoreError> {
    Ok(TrustRecord {
        id: row.parsed("id")?,
        name: row.parsed("name")?,
        terms: row.json("terms")?,
        pinned: row.json("pinned")?,
        created_at: row.time("created_at")?,
        created_by: row.text("created_by")?,
        last_used_at: row.optional_time("last_used_at")?,
    })
}

/// Appends an audit entry about a policy, with its state before and after the step.
async fn note(
    change: &mut Change<'_>,
    policy: &TrustRecord,
    (action, before, after): (Action, Option<Value>, Option<Value>),
) -> Result<(), StoreError> {
    let function = policy.terms.call.as_ref().map(|call| &call.function);
    let entry = Entry {
        action,
        function,
        target: policy.id.as_str(),
        detail: Some(policy.name.as_str()),
    };
    let recorded = change.record(entry, before, after).await;
    recorded.map(drop)
}

fn json(column: &str, value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| DatabaseError::corrupt(column, error).into())
}
