//! Whether an engine serves deployments or a developer.

/// What the functions of an engine are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineStage {
    /// Functions are deployed once and called for a long time.
    Production,
    /// Functions are loaded again and again.
    Development,
}
