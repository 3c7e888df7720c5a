//! The types of a runtime token: the whole record and the credential. Converts rows to records.

use jelou_core::api::{PreviousValue, RuntimeTokenInfo};
use jelou_core::{FunctionId, TokenId, TokenLabels, TokenName, TokenPolicy};
use jelou_token::{DisplayPrefix, TokenHash};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use super::QuotaUse;
use crate::database::DatabaseError;
use crate::database::row::Columns;
use crate::difference::set_members;
use crate::error::StoreError;
use crate::token_reference::Candidate;

/// An unrevoked runtime token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeTokenRecord {
    pub id: TokenId,
    /// The function that the token can call.
    pub function_id: FunctionId,
    /// Unique among the unrevoked tokens of the function.
    pub name: TokenName,
    /// Hash of the value.
    pub hash: TokenHash,
    /// The first characters of the value, for display.
    pub prefix: DisplayPrefix,
    /// Name of the access token that created this token.
    pub created_by: String,
    /// Time of creation.
    pub created_at: Timestamp,
    /// When the token expires. `None`: never.
    pub expires_at: Option<Timestamp>,
    /// When the token was disabled. `None`: enabled.
    pub disabled_at: Option<Timestamp>,
    /// The last use of any value. `None`: not used yet.
    pub last_used_at: Option<Timestamp>,
    /// The last use of the current value. `None`: not used since the rotation.
    pub value_last_used_at: Option<Timestamp>,
    /// The class of the last caller's address, or the address itself. `None`: not used yet.
    pub last_used_from: Option<String>,
    /// The calls in the current period of the quota. `None`: not used yet.
    pub quota: Option<QuotaUse>,
    /// The limits of the token.
    pub policy: TokenPolicy,
    /// Owner, purpose and tags.
    pub labels: TokenLabels,
    /// The value before the last rotation. `None`: never rotated.
    pub previous: Option<PreviousTokenValue>,
}

/// The value of a token before its last rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousTokenValue {
    /// Hash of the value.
    #[serde(with = "crate::local_copy::text::hash")]
    pub hash: TokenHash,
    /// The first characters of the value, for display.
    #[serde(with = "crate::local_copy::text")]
    pub prefix: DisplayPrefix,
    /// The end of the grace period.
    pub valid_until: Timestamp,
    /// When this value was last used. `None`: not yet.
    pub last_used_at: Option<Timestamp>,
}

/// The parts of a runtime token that are needed to check it. The registry may contain a million of them. To save
/// memory, a credential has no names or labels, and most have no policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeTokenCredential {
    /// Hash of the value.
    pub hash: TokenHash,
    pub id: TokenId,
    /// The function that the token can call.
    pub function_id: FunctionId,
    /// When the token expires. `None`: never.
    pub expires_at: Option<Timestamp>,
    /// Whether the token is disabled. Calls with it are refused.
    pub is_disabled: bool,
    /// The last use of the current value. `None`: not used since the rotation.
    pub value_last_used_at: Option<Timestamp>,
    /// The calls in the current period of the quota. `None`: not used yet.
    pub quota: Option<QuotaUse>,
    /// The limits of the token. `None`: unlimited.
    pub policy: Option<Box<TokenPolicy>>,
    /// The value before the last rotation. `None`: never rotated.
    pub previous: Option<Box<PreviousTokenValue>>,
}

/// A newly minted runtime token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRuntimeToken {
    /// Unique among the unrevoked tokens of the function.
    pub name: TokenName,
    /// Hash of the value.
    pub hash: TokenHash,
    /// The first characters of the value, for display.
    pub prefix: DisplayPrefix,
    /// When the token expires. `None`: never.
    pub expires_at: Option<Timestamp>,
    /// The limits of the token.
    pub policy: TokenPolicy,
    /// Owner, purpose and tags.
    pub labels: TokenLabels,
}

impl RuntimeTokenRecord {
    /// Whether the token is enabled and has not expired at `at`.
    pub fn is_active(&self, at: Timestamp) -> bool {
        self.disabled_at.is_none() && self.expires_at.is_none_or(|expires_at| expires_at > at)
    }
}

impl From<&RuntimeTokenRecord> for RuntimeTokenCredential {
    fn from(record: &RuntimeTokenRecord) -> Self {
        Self {
            hash: record.hash,
            id: record.id.clone(),
            function_id: record.function_id.clone(),
            expires_at: record.expires_at,
            is_disabled: record.disabled_at.is_some(),
            value_last_used_at: record.value_last_used_at,
            quota: record.quota,
            policy: Some(&record.policy)
                .filter(|policy| !policy.is_unlimited())
                .map(|policy| Box::new(policy.clone())),
            previous: record.previous.clone().map(Box::new),
        }
    }
}

impl From<RuntimeTokenRecord> for RuntimeTokenInfo {
    fn from(record: RuntimeTokenRecord) -> Self {
        Self {
            id: record.id,
            name: record.name,
            prefix: record.prefix.to_string(),
            last_used_at: record.last_used_at,
            last_used_from: record.last_used_from,
            created_at: record.created_at,
            created_by: record.created_by,
            expires_at: record.expires_at,
            disabled_at: record.disabled_at,
            scopes: record.policy.scopes,
            cidrs: record.policy.cidrs,
            methods: record.policy.methods,
            rate: record.policy.rate,
            quota: record.policy.quota,
            owner: record.labels.owner,
            purpose: record.labels.purpose,
            tags: record.labels.tags,
            previous: record.previous.map(PreviousTokenValue::into),
        }
    }
}

impl From<PreviousTokenValue> for PreviousValue {
    fn from(previous: PreviousTokenValue) -> Self {
        Self {
            prefix: previous.prefix.to_string(),
            valid_until: previous.valid_until,
            last_used_at: previous.last_used_at,
        }
    }
}

impl Candidate for RuntimeTokenRecord {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn name(&self) -> &TokenName {
        &self.name
    }

    fn prefix(&self) -> DisplayPrefix {
        self.prefix
    }
}

pub(crate) fn record(row: &AnyRow) -> Result<RuntimeTokenRecord, StoreError> {
    Ok(RuntimeTokenRecord {
        id: row.parsed("id")?,
        function_id: row.parsed("function_id")?,
        name: row.parsed("name")?,
        hash: row.token_hash("hash")?,
        prefix: row.parsed("prefix")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        expires_at: row.optional_time("expires_at")?,
        disabled_at: row.optional_time("disabled_at")?,
        last_used_at: row.optional_time("last_used_at")?,
        value_last_used_at: row.optional_time("value_last_used_at")?,
        last_used_from: row.optional_text("last_used_from")?,
        quota: QuotaUse::of(row)?,
        policy: row.optional_json("policy")?.unwrap_or_default(),
        labels: row.optional_json("labels")?.unwrap_or_default(),
        previous: previous(row)?,
    })
}

/// Returns the old value of a runtime token or an access token.
pub(crate) fn previous(row: &AnyRow) -> Result<Option<PreviousTokenValue>, StoreError> {
    let Some(valid_until) = row.optional_time("previous_valid_until")? else {
        return Ok(None);
    };
    Ok(Some(PreviousTokenValue {
        hash: row.token_hash("previous_hash")?,
        prefix: row.parsed("previous_prefix")?,
        valid_until,
        last_used_at: row.optional_time("previous_last_used_at")?,
    }))
}

/// Returns the text for the column `policy`: null if there are no limits.
pub(super) fn policy_text(policy: &TokenPolicy) -> Result<Option<String>, StoreError> {
    let limited = Some(policy).filter(|policy| !policy.is_unlimited());
    let text = limited.map(serde_json::to_string).transpose();
    text.map_err(|error| DatabaseError::corrupt("runtime_tokens.policy", error).into())
}

/// Returns the text for the column `labels`: null if there are none.
pub(super) fn labels_text(labels: &TokenLabels) -> Result<Option<String>, StoreError> {
    let present = Some(labels).filter(|labels| !labels.is_empty());
    let text = present.map(serde_json::to_string).transpose();
    text.map_err(|error| DatabaseError::corrupt("runtime_tokens.labels", error).into())
}

/// Returns the state of a token for the audit trail, without counts and times of use.
pub(super) fn terms(token: &RuntimeTokenRecord) -> Option<Value> {
    set_members(&json!({
        "name": token.name,
        "prefix": token.prefix.as_str(),
        "expiresAt": token.expires_at,
        "disabledAt": token.disabled_at,
        "limits": token.policy,
        "labels": token.labels,
    }))
}

/// Returns the valid values of a token, for the audit trail.
pub(crate) fn values(prefix: DisplayPrefix, previous: Option<&PreviousTokenValue>) -> Value {
    let old = previous.map(|previous| {
        json!({ "prefix": previous.prefix.as_str(), "validUntil": previous.valid_until })
    });
    json!({ "prefix": prefix.as_str(), "previous": old })
}
