//! Arguments of `jelou master-key`.

use clap::{Args, Subcommand};

/// Manage the key that encrypts every secret of the server
#[derive(Debug, Args)]
pub(crate) struct MasterKeyArgs {
    #[command(subcommand)]
    pub(crate) command: MasterKeyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MasterKeyCommand {
    /// Generate a new key, encrypt every secret with it, and replace the key file
    Rotate(RotateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
}
