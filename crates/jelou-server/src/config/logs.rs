//! The sections `[logs]` and `[log]`.

use std::time::Duration;

use jelou_logs::LogSettings;
use serde::Deserialize;

/// Limits of the stored log records of functions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionLogs {
    pub max_age_hours: u64,
    pub max_mib: u64,
    pub max_calls_mib: u64,
    pub max_calls_per_second: u64,
}

impl FunctionLogs {
    pub(crate) fn settings(&self) -> LogSettings {
        const MIB: u64 = 1024 * 1024;
        LogSettings {
            max_age: Duration::from_secs(self.max_age_hours.saturating_mul(3600)),
            max_bytes: self.max_mib.saturating_mul(MIB),
            max_call_bytes: self.max_calls_mib.saturating_mul(MIB),
        }
    }
}

/// Settings of the server's own log.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerLog {
    /// Whether the log also contains the lines that functions write.
    pub functions: bool,
    pub format: LogFormat,
    /// Whether each request is logged (access log, one line of JSON).
    pub access: bool,
}

/// The format of the server's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    /// One JSON object per line.
    Json,
}
