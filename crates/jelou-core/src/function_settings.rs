//! The settings of one function, set by an administrator. They belong to the function, not to a deployment.

use serde::{Deserialize, Serialize};

use crate::egress::EgressRule;
use crate::limits::OwnLimits;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FunctionSettings {
    /// Egress rules of this function, in addition to the public network and the rules for all functions. Sorted.
    pub egress: Vec<EgressRule>,
    /// Limits of this function that differ from those of the server.
    pub limits: OwnLimits,
}
