//! The level of a log record, and the rules for which records of a function are kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The level of a record.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    #[default]
    Debug,
    Info,
    Warn,
    Error,
}

/// The text is not a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the levels are debug, info, warn and error")]
pub struct ParseLevelError;

impl Level {
    /// All levels, in ascending order.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// Returns the level in upper case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }

    /// Returns the level of a call with this status.
    pub fn of_status(status: u16) -> Self {
        match status {
            500.. => Self::Error,
            400.. => Self::Warn,
            _ => Self::Info,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Level {
    type Err = ParseLevelError;

    fn from_str(text: &str) -> Result<Self, ParseLevelError> {
        let mut known = Self::ALL.into_iter();
        known
            .find(|level| level.as_str().eq_ignore_ascii_case(text))
            .ok_or(ParseLevelError)
    }
}

/// The rules for which records of a function's log are kept: `config.logs`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogRules {
    /// The lowest level of the function's own lines that are kept.
    pub level: Level,
    /// The fraction of requests that are kept, from 0 to 1. Requests with an error are always kept.
    pub sample: f64,
}

impl Default for LogRules {
    fn default() -> Self {
        Self {
            level: Level::default(),
            sample: 1.0,
        }
    }
}
