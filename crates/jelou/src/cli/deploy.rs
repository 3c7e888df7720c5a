//! Arguments of `jelou deploy`.

use std::path::PathBuf;

use clap::Args;
use jelou_core::{PreviewName, Slug, SmokeCall};

use super::Expiry;

/// Build the project and make it live
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are the switches of the command line; the command turns them into types"
)]
pub(crate) struct DeployArgs {
    /// Folder of the project
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,

    /// Slug of the function; by default the one in jelou.json
    #[arg(long, value_name = "SLUG")]
    pub(crate) function: Option<Slug>,

    /// Do not ask for confirmation. Fails if the deploy needs --create or --replace
    #[arg(long, short = 'y', visible_alias = "yes")]
    pub(crate) no_confirm: bool,

    /// Create the function if it does not exist, even if jelou.json names another function
    #[arg(long)]
    pub(crate) create: bool,

    /// Replace the live deployment, even if this folder neither deployed it nor is linked to the function
    #[arg(long)]
    pub(crate) replace: bool,

    /// Write the token of the first deployment into this file (mode 0600) instead of printing it
    #[arg(long, value_name = "FILE")]
    pub(crate) token_output: Option<PathBuf>,

    /// Create no token at the first deployment; the function must have an active one already
    #[arg(long, conflicts_with = "token_output")]
    pub(crate) no_token: bool,

    /// Show the function's log after the deploy, until Ctrl-C
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) follow: bool,

    /// Build and inspect, but change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Also check types
    #[arg(long)]
    pub(crate) check: bool,

    /// Build and deploy even if the same files are live already
    #[arg(long)]
    pub(crate) force: bool,

    /// Download modules that are imported by URL again, instead of taking those of the live deployment; implies --force
    #[arg(long)]
    pub(crate) reload: bool,

    /// Refuse changes that break callers of the live deployment, such as a removed tool or a new required field
    #[arg(long)]
    pub(crate) strict: bool,

    /// Call the new process before it goes live, and fail if it answers with another status: `METHOD PATH [BODY]
    /// STATUS`, such as `POST / {"a":1} 200`; repeat for more
    #[arg(long = "smoke", value_name = "CALL")]
    pub(crate) smoke: Vec<SmokeCall>,

    /// Purpose of the deploy, as free text
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) message: Option<String>,

    /// Version of the deploy, such as `v1.4.0`
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Option<String>,

    /// Wait until all servers of the same database serve the deployment, at most 2 seconds
    #[arg(long)]
    pub(crate) wait: bool,

    /// With --wait: end with status 1 if a server does not serve the deployment; the deploy is not undone
    #[arg(long, requires = "wait")]
    pub(crate) require_all: bool,

    /// Keep the deployment until `jelou deployments unpin`
    #[arg(long)]
    pub(crate) pin: bool,

    #[command(flatten)]
    pub(crate) preview: PreviewArgs,
}

/// A deploy that leaves the live deployment as it is.
#[derive(Debug, Args)]
#[expect(
    clippy::option_option,
    reason = "the flag may be absent, alone, or with a name"
)]
pub(crate) struct PreviewArgs {
    /// Deploy to a preview, which has its own address and always needs a token; the live deployment stays. Without a
    /// name, each deploy gets a new address
    #[arg(long = "preview", value_name = "NAME", num_args = 0..=1, conflicts_with_all = ["replace", "create"])]
    pub(crate) name: Option<Option<PreviewName>>,

    /// Delete the preview this long after its last deploy, such as `2d`; 14 days by default
    #[arg(long, value_name = "TIME", requires = "name")]
    pub(crate) expires_in: Option<Expiry>,

    /// Let the preview also read the secrets of the function; its own secrets take precedence
    #[arg(long, requires = "name")]
    pub(crate) with_secrets: bool,

    /// Give the preview no address: requests to the function reach it with the header `X-Jelou-Deployment: dep_...`
    #[arg(long, requires = "name")]
    pub(crate) header_only: bool,
}
