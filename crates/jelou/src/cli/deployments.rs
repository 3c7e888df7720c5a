//! Arguments of `jelou deployments` and `jelou rollback`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use jelou_core::{DeploymentId, Slug};

/// Manage deployments: see what can be restored, get its source, and make one live
#[derive(Debug, Args)]
pub(crate) struct DeploymentsArgs {
    #[command(subcommand)]
    pub(crate) command: DeploymentsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeploymentsCommand {
    List(ListArgs),
    Info(InfoArgs),
    Download(DownloadArgs),
    Promote(PromoteArgs),
    /// Keep a deployment until it is unpinned
    Pin(PinArgs),
    /// Let later deploys delete a deployment again
    Unpin(PinArgs),
}

/// List a function's deployments, newest first; each of them can be restored
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,
}

/// Show one deployment: its files, tools, schedules, commit and calls
#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    #[command(flatten)]
    pub(crate) deployment: DeploymentArgs,
}

/// Write the uploaded files of a deployment into a folder
#[derive(Debug, Args)]
pub(crate) struct DownloadArgs {
    #[command(flatten)]
    pub(crate) deployment: DeploymentArgs,

    /// Folder to write to, by default the deployment's id; a name that ends with `.tar` gets an archive, and `-` writes
    /// the archive to stdout
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Overwrite files that differ
    #[arg(long)]
    pub(crate) force: bool,
}

/// Make a deployment live without a build: the deployment of a preview, or a deployment that a rollback replaced
#[derive(Debug, Args)]
pub(crate) struct PromoteArgs {
    #[command(flatten)]
    pub(crate) deployment: DeploymentArgs,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Reason, for the audit trail
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PinArgs {
    #[command(flatten)]
    pub(crate) deployment: DeploymentArgs,
}

/// Make an earlier deployment live, without a build
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(crate) deployment: DeploymentArgs,

    /// Do not ask for confirmation; without an id, the deployment that was live and healthy most recently is restored
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Reason, for the audit trail
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// A function, and one of its deployments.
#[derive(Debug, Args)]
pub(crate) struct DeploymentArgs {
    /// Slug of the function; by default the one in jelou.json. Can be left out before an id
    #[arg(value_name = "SLUG")]
    pub(crate) first: Option<SlugOrId>,

    /// Id of the deployment, `dep_...`
    #[arg(value_name = "DEPLOYMENT_ID")]
    pub(crate) id: Option<DeploymentId>,
}

/// A slug has no `_`, and every id has one.
#[derive(Debug, Clone)]
pub(crate) enum SlugOrId {
    Slug(Slug),
    Id(DeploymentId),
}

impl FromStr for SlugOrId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with(DeploymentId::PREFIX) {
            return text
                .parse()
                .map(Self::Id)
                .map_err(|error| format!("{error}"));
        }
        text.parse()
            .map(Self::Slug)
            .map_err(|error| format!("{error}"))
    }
}
