//! Arguments of `jelou secrets`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jelou_core::{PreviewName, SecretKey, Slug};

/// Manage a function's secrets, which it reads with `ctx.env`
#[derive(Args)]
pub(crate) struct SecretsArgs {
    #[command(subcommand)]
    pub(crate) command: SecretsCommand,
}

#[derive(Subcommand)]
pub(crate) enum SecretsCommand {
    List(ListArgs),
    Set(SetArgs),
    Delete(DeleteArgs),
    Rollback(RollbackArgs),
}

/// Restore an earlier value of a secret
///
/// The last 5 versions of a secret are kept. The restored value becomes a new version, so a rollback can be undone. `jelou
/// secrets list --json` has the versions.
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct RollbackArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Key of the secret
    pub(crate) key: SecretKey,

    /// The version to restore; by default the one before the current one
    #[arg(long, value_name = "NUMBER")]
    pub(crate) version: Option<u64>,
}

/// List the keys; values are never shown
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    #[command(flatten)]
    pub(crate) of: PreviewArg,
}

/// Whose secrets they are.
#[derive(Debug, Args)]
pub(crate) struct PreviewArg {
    /// The secrets of this preview instead of the function's
    #[arg(long, value_name = "NAME")]
    pub(crate) preview: Option<PreviewName>,
}

/// Set secrets; asks for a missing value with masked input
///
/// `KEY=-` or `KEY -` takes the exact bytes of stdin as the value: `printf %s "$VALUE" | jelou secrets set mi-funcion
/// KEY=-`, or `jelou secrets set mi-funcion KEY=- < key.pem` for a file. A piped value appears neither in the process
/// list nor in the shell's history.
#[derive(Args)]
#[command(override_usage = "jelou secrets set [OPTIONS] [SLUG] [KEY=VALUE]...")]
pub(crate) struct SetArgs {
    /// Slug of the function (by default the one in jelou.json), then `KEY=VALUE`, `KEY=-` for stdin, or just
    /// `KEY`
    #[arg(value_name = "SLUG_OR_KEY=VALUE")]
    pub(crate) arguments: Vec<String>,

    /// Set every variable of a .env file; `-` reads it from stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) from_env: Option<PathBuf>,

    /// Create the function, or the preview, if it does not exist
    #[arg(long)]
    pub(crate) create: bool,

    #[command(flatten)]
    pub(crate) of: PreviewArg,
}

/// Delete a secret
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct DeleteArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Key of the secret
    pub(crate) key: SecretKey,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) of: PreviewArg,
}
