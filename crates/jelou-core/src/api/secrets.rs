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
    /// Those of `keys` whose values are too short to be masked in logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmasked: Vec<SecretKey>,
}
