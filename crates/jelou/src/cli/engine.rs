//! Arguments of `jelou engine`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::env;

/// Manage the engine that runs functions
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    /// The server's data folder
    #[arg(long, value_name = "DIR", env = env::JELOU_DATA, hide_env_values = true, global = true)]
    pub(crate) data: Option<PathBuf>,

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
