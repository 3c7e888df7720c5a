//! The section `[leaks]`.

use std::fmt;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{ConfigError, is_web_address};

/// Settings for GitHub's alerts about leaked tokens.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaks {
    /// Secret of GitHub's webhook. `None`: the webhook is off.
    #[serde(default)]
    pub github_webhook_secret: Option<Zeroizing<String>>,
    #[serde(default)]
    pub github_token: Option<Zeroizing<String>>,
    pub github_api: String,
}

impl Leaks {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if is_web_address(&self.github_api) {
            return Ok(());
        }
        Err(ConfigError::GithubUrl(self.github_api.clone()))
    }
}

impl fmt::Debug for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaks")
            .field("github_api", &self.github_api)
            .finish_non_exhaustive()
    }
}
