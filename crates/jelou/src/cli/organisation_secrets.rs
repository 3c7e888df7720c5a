//! Arguments of `jelou secret`.

use clap::{Args, Subcommand};
use jelou_core::SecretKey;

/// Manage the organisation's secrets, which every function has unless it sets its own
#[derive(Args)]
pub(crate) struct OrganisationSecretsArgs {
    #[command(subcommand)]
    pub(crate) command: OrganisationSecretsCommand,
}

#[derive(Subcommand)]
pub(crate) enum OrganisationSecretsCommand {
    /// List the keys; values are never shown
    List,
    Set(SetArgs),
    Delete(DeleteArgs),
    Rollback(RollbackArgs),
}

/// Set secrets; asks for a missing value with masked input
#[derive(Args)]
#[command(override_usage = "jelou secret set [OPTIONS] NAME[=VALUE]...")]
pub(crate) struct SetArgs {
    /// `NAME=VALUE`, `NAME=-` or `NAME -` for stdin, or just `NAME`
    #[arg(value_name = "NAME=VALUE", required = true)]
    pub(crate) arguments: Vec<String>,
}

/// Delete a secret
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Key of the secret
    #[arg(value_name = "NAME")]
    pub(crate) key: SecretKey,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Restore an earlier value of a secret
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// Key of the secret
    #[arg(value_name = "NAME")]
    pub(crate) key: SecretKey,

    /// The version to restore; by default the one before the current one
    #[arg(long, value_name = "NUMBER")]
    pub(crate) version: Option<u64>,
}
