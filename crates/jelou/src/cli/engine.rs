use clap::{Args, Subcommand};

/// Manage the engine that runs functions
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    #[command(subcommand)]
    pub(crate) command: EngineCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EngineCommand {
    /// Fetch the engine's pinned version
    Install,
    /// Show which engine the server would use
    Status,
}
