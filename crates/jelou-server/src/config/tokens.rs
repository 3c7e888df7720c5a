//! The section `[tokens]`.

use serde::Deserialize;

use super::ConfigError;

/// What an operator asks of runtime tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// `None` for the limit of the format, 10 years.
    #[serde(default)]
    pub max_life_days: Option<u32>,
    pub require_expiry: bool,
    /// `None` for any number.
    #[serde(default)]
    pub max_per_function: Option<usize>,
    /// `None` to disable none.
    #[serde(default)]
    pub disable_unused_days: Option<u32>,
    /// The message of refusals while nobody may create tokens.
    #[serde(default)]
    pub creation_disabled: Option<String>,
    pub record_addresses: bool,
}

impl Tokens {
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
