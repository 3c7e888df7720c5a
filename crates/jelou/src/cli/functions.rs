//! Arguments of `jelou functions`.

use clap::{Args, Subcommand};
use jelou_core::Slug;

use super::cron::CronArgs;
use super::deploy::DeployArgs;
use super::deployments::{DeploymentsArgs, RollbackArgs};
use super::dev::DevArgs;
use super::init::InitArgs;
use super::logs::LogsArgs;
use super::previews::PreviewsArgs;
use super::secrets::SecretsArgs;
use super::tokens::TokensArgs;

/// Manage functions
#[derive(Args)]
pub(crate) struct FunctionsArgs {
    #[command(subcommand)]
    pub(crate) command: FunctionsCommand,
}

#[derive(Subcommand)]
pub(crate) enum FunctionsCommand {
    /// List the functions of the server
    List,
    Info(InfoArgs),
    Create(CreateArgs),
    Delete(DeleteArgs),
    Init(InitArgs),
    Dev(DevArgs),
    Deploy(DeployArgs),
    Rollback(RollbackArgs),
    Deployments(DeploymentsArgs),
    Previews(PreviewsArgs),
    Tokens(TokensArgs),
    Secrets(SecretsArgs),
    Logs(LogsArgs),
    Cron(CronArgs),
}

/// Show one function
#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,
}

/// Create a function without deploying it, for instance to set its secrets first
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Slug of the function
    #[arg(value_name = "SLUG", conflicts_with = "slug")]
    pub(crate) positional_slug: Option<Slug>,

    /// Slug of the function
    #[arg(long)]
    pub(crate) slug: Option<Slug>,

    /// Display name
    #[arg(long)]
    pub(crate) name: Option<String>,
}

/// Delete a function with its deployments, tokens and secrets
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
}
