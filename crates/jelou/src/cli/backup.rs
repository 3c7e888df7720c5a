//! Arguments of `jelou backup` and `jelou restore`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::env;

/// Back up everything the server stores to a file; the server may be running
///
/// The file contains functions with their code and deployments, tokens, secrets (encrypted), schedules and the audit
/// trail. It contains neither the master key, which decrypts the secrets, nor the logs of functions.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct BackupArgs {
    #[command(subcommand)]
    pub(crate) command: Option<BackupCommand>,

    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct WriteArgs {
    /// File to write, or `-` for stdout
    #[arg(value_name = "FILE", required = true)]
    pub(crate) file: Option<PathBuf>,

    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Read a whole backup and check that it is complete and undamaged
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// File to read, or `-` for stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Restore a backup into a data folder without a database
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// File to read, or `-` for stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The server's data folder
    #[arg(long, value_name = "DIR", env = env::JELOU_DATA, hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,

    /// The server's configuration file
    #[arg(long, value_name = "FILE", env = env::JELOU_CONFIG, hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
}
