//! Whether an engine serves deployments or a developer.

/// What the functions of an engine are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineStage {
    /// Functions are deployed, and called for long.
    Production,
    /// Functions are loaded again and again.
    Development,
}
