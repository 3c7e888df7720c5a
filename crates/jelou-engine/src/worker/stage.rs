//! Whether an engine serves deployments or a developer.

/// How the functions of an engine are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineStage {
    /// Functions are deployed once and called for a long time.
    Production,
    /// Functions are loaded again and again.
    Development {
        /// The file with the secrets, as messages name it.
        env_file: String,
    },
}

impl EngineStage {
    pub(crate) fn is_development(&self) -> bool {
        matches!(self, Self::Development { .. })
    }

    /// Returns the file with the secrets; `None` if `jelou secrets set` sets them.
    pub(crate) fn env_file(&self) -> Option<&str> {
        match self {
            Self::Production => None,
            Self::Development { env_file } => Some(env_file),
        }
    }
}
