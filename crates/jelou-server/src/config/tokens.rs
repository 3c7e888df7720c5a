//! The section `[tokens]`.

use serde::Deserialize;

use super::ConfigError;

/// The operator's rules for runtime tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRules {
    /// Maximum lifetime of a token. `None`: the limit of the format, 10 years.
    #[serde(default)]
    pub max_life_days: Option<u32>,
    pub require_expiry: bool,
    /// Maximum number of tokens of a function. `None`: no maximum.
    #[serde(default)]
    pub max_per_function: Option<usize>,
    /// Days without use after which a token is disabled. `None`: tokens are not disabled.
    #[serde(default)]
    pub disable_unused_days: Option<u32>,
    /// If set, nobody may create tokens, and refusals have this text.
    #[serde(default)]
    pub creation_disabled: Option<String>,
    pub record_addresses: bool,
}

impl TokenRules {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let zero = |setting| Err(ConfigError::NoTokens { setting });
        match self {
            Self {
                max_life_days: Some(0),
                ..
            } => zero("max_life_days"),
            Self {
                max_per_function: Some(0),
                ..
            } => zero("max_per_function"),
            Self {
                disable_unused_days: Some(0),
                ..
            } => zero("disable_unused_days"),
            _ => Ok(()),
        }
    }
}
