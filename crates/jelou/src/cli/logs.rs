//! Arguments of `jelou logs`.

use clap::{Args, Subcommand};
use jelou_core::{DeploymentId, PreviewName, Slug};

/// Show the log of functions: their output, their calls, and events of the platform
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct LogsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<LogsCommand>,

    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogsCommand {
    Stats(StatsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// Slugs of functions, by default the one in jelou.json; and a filter such as 'level>=warn status:5xx "exact text"'
    #[arg(value_name = "SLUG|FILTER")]
    pub(crate) slugs_or_filter: Vec<String>,

    /// Filter, for example one that looks like a slug
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,

    /// Keep printing new records; the default, except with --history, --until and --request
    #[arg(long, short, conflicts_with = "history")]
    pub(crate) follow: bool,

    /// Show the stored records and end; the last 100 without --since or --tail
    #[arg(long)]
    pub(crate) history: bool,

    /// Begin with the last N records [default: 20]
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) tail: Option<usize>,

    /// Begin at this time, such as 2026-11-29T10:30:00Z, or this long ago, such as 2h
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    /// End before this time
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    pub(crate) until: Option<String>,

    /// This level and above: debug, info, warn or error
    #[arg(long)]
    pub(crate) level: Option<String>,

    /// Records of this request, whose id is in the header X-Request-Id of its response
    #[arg(long, value_name = "ID")]
    pub(crate) request: Option<String>,

    /// Records of this deployment
    #[arg(long, value_name = "ID")]
    pub(crate) deployment: Option<DeploymentId>,

    /// Records of the deployment that this preview serves
    #[arg(long, value_name = "NAME", conflicts_with = "deployment")]
    pub(crate) preview: Option<PreviewName>,
}

/// Sum up calls: how many, how many failed, and how long they took
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Fields to group by, separated by commas: status, tool, route, method, token, protocol, deployment, error
    #[arg(long, default_value = "status")]
    pub(crate) by: String,

    /// Calls from this time on, or from this long ago, such as 2h
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    /// Calls before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,

    /// Only the calls that match
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
}
