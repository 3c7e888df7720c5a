//! Whether an engine serves deployments or a developer.

/// How the functions of an engine are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineStage {
    /// Functions are deployed once and called for a long time.
    Production,
    /// Functions are loaded again and again.
    Development,
}
