//! What an administrator has set for one function. It belongs to the function, not to a deployment.

use serde::{Deserialize, Serialize};

use crate::egress::EgressRule;
use crate::limits::OwnLimits;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FunctionSettings {
    /// What the function may connect to besides the public network and the rules for all functions; sorted.
    pub egress: Vec<EgressRule>,
    /// Limits of its own.
    pub limits: OwnLimits,
}
