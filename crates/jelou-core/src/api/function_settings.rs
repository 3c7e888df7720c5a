//! Egress rules and limits of one function.

use serde::{Deserialize, Serialize};

use crate::egress::EgressRule;
use crate::limits::{LimitName, OwnLimits};

/// The destinations that a function may connect to in addition to the public network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EgressRules {
    /// The rules of the function, such as `db.internal:5432`.
    #[schema(value_type = Vec<String>)]
    pub function: Vec<EgressRule>,
    /// The rules of the server (`egress.allow`), which apply to all functions.
    #[schema(value_type = Vec<String>)]
    pub server: Vec<EgressRule>,
    /// Warnings about the function's rules that open more than is probably intended, such as a cloud's metadata
    /// service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Adds and removes egress rules, either all or none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeEgress {
    #[schema(value_type = Vec<String>)]
    pub allow: Vec<EgressRule>,
    #[schema(value_type = Vec<String>)]
    pub deny: Vec<EgressRule>,
}

/// The effective value of a limit for a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitInForce {
    #[schema(value_type = String)]
    pub name: LimitName,
    /// The value, or `null` if the server chooses it.
    pub value: Option<u64>,
    pub set_for: LimitOwner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LimitOwner {
    Function,
    Server,
}

/// Sets and removes limits of a function, either all or none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeLimits {
    #[schema(value_type = BTreeMap<String, u64>)]
    pub set: OwnLimits,
    #[schema(value_type = Vec<String>)]
    pub unset: Vec<LimitName>,
}
