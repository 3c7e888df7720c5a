//! The section `[otlp]`.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{ConfigError, is_web_address};

/// Settings for the export of traces and logs.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// URL of the collector. Empty: nothing is exported.
    #[serde(default)]
    pub endpoint: String,
    /// Headers of each request, for example with a key.
    #[serde(default)]
    pub headers: BTreeMap<String, Zeroizing<String>>,
    pub traces: bool,
    pub logs: bool,
    pub sample: f64,
    pub propagate_outside: bool,
}

impl Otlp {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !self.endpoint.is_empty() && !is_web_address(&self.endpoint) {
            return Err(ConfigError::OtlpUrl(self.endpoint.clone()));
        }
        if !(0.0..=1.0).contains(&self.sample) {
            return Err(ConfigError::OtlpSample(self.sample));
        }
        Ok(())
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
