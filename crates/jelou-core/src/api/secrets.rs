//! Secrets.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::SecretKey;

/// A secret in a list. The value is never shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    pub key: SecretKey,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    pub updated_by: String,
    /// Number of the current version.
    #[serde(default = "first")]
    pub version: u64,
    /// Earlier versions that a rollback can restore, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<SecretVersion>,
}

fn first() -> u64 {
    1
}

/// An earlier version of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretVersion {
    pub version: u64,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    pub updated_by: String,
}

/// Restores an earlier version of a secret as a new version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackSecret {
    /// The version to restore. Default: the previous version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// The result of a rollback of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SecretRolledBack {
    pub key: SecretKey,
    /// Number of the new version.
    pub version: u64,
    /// Number of the restored version.
    pub restored: u64,
}

/// Sets these secrets. Other secrets keep their values.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSecrets {
    pub secrets: BTreeMap<String, String>,
}

impl std::fmt::Debug for SetSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetSecrets")
            .field("keys", &self.secrets.keys())
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SecretsChanged {
    /// The keys that were set or deleted.
    pub keys: Vec<SecretKey>,
    /// The keys whose values are too short to be masked in logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmasked: Vec<SecretKey>,
}

/// The master key of a server that can rotate it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MasterKeyState {
    /// Id of the key: the start of a digest.
    #[schema(example = "c935ce22")]
    pub key_id: String,
}

/// The result of a rotation of the master key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MasterKeyRotated {
    /// Id of the new key: the start of a digest.
    #[schema(example = "c935ce22")]
    pub key_id: String,
    /// Number of values that were re-encrypted.
    pub values: u64,
}
