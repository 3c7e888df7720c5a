//! The section `[connections]`.

use serde::Deserialize;

use super::ConfigError;

/// The limits of connections from callers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connections {
    /// Maximum number of open connections. Default: derived from the process's limit of file descriptors.
    #[serde(default)]
    pub max: Option<usize>,
    pub max_per_address: usize,
    pub head_timeout_ms: u64,
    pub write_timeout_ms: u64,
    pub half_closed_timeout_ms: u64,
    /// How long a stopping server still accepts connections.
    pub drain_delay_ms: u64,
}

impl Connections {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let one_at_least = [
            ("max", self.max == Some(0)),
            ("max_per_address", self.max_per_address == 0),
            ("head_timeout_ms", self.head_timeout_ms == 0),
            ("write_timeout_ms", self.write_timeout_ms == 0),
        ];
        match one_at_least.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((setting, _)) => Err(ConfigError::NoConnections { setting }),
            None => Ok(()),
        }
    }
}
