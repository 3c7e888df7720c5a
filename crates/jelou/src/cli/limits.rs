//! Arguments of `jelou limits`.

use clap::{Args, Subcommand};
use jelou_core::Slug;

/// Manage the limits of a function
#[derive(Debug, Args)]
pub(crate) struct LimitsArgs {
    #[command(subcommand)]
    pub(crate) command: LimitsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LimitsCommand {
    Show(ShowArgs),
    Set(SetArgs),
    Unset(UnsetArgs),
}

/// Show the limits in force for a function, and who set them
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,
}

/// Set limits of a function; needs an access token with the scope `admin`
///
/// The names are those of section `[limits]` of the server's settings: `jelou limits set mi-funcion max_memory_mib=512
/// max_concurrent_requests=20`. The function's next call gets a new process with the new limits.
#[derive(Debug, Args)]
#[command(override_usage = "jelou limits set [OPTIONS] [SLUG] <NAME=VALUE>...")]
pub(crate) struct SetArgs {
    /// Slug of the function (by default the one in jelou.json), then `NAME=VALUE`
    #[arg(value_name = "SLUG_OR_NAME=VALUE", required = true)]
    pub(crate) arguments: Vec<String>,
}

/// Remove limits of a function, so that the server's limits apply; needs an access token with the scope `admin`
#[derive(Debug, Args)]
#[command(override_usage = "jelou limits unset [OPTIONS] [SLUG] <NAME>...")]
pub(crate) struct UnsetArgs {
    /// Slug of the function (by default the one in jelou.json), then names of limits
    #[arg(value_name = "SLUG_OR_NAME", required = true)]
    pub(crate) arguments: Vec<String>,
}
