//! Arguments of `jelou cron`.

use clap::{Args, Subcommand};
use jelou_core::api::RunState;
use jelou_core::{RunId, Slug};

/// Manage schedules: list them, show their runs, run or pause them
#[derive(Debug, Args)]
pub(crate) struct CronArgs {
    #[command(subcommand)]
    pub(crate) command: CronCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CronCommand {
    List(ListArgs),
    Logs(LogsArgs),
    Run(RunArgs),
    Next(NextArgs),
    Pause(PauseArgs),
    Resume(ResumeArgs),
}

/// List schedules with their next and last runs
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Show the schedules of all functions
    #[arg(long, conflicts_with = "slug")]
    pub(crate) all: bool,
}

/// Show the runs of schedules, newest first
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Show the runs of all functions
    #[arg(long, conflicts_with_all = ["slug", "name", "before"])]
    pub(crate) all: bool,

    /// Only runs of this schedule
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Only runs in this state: RUNNING, OK, ERROR, TIMEOUT or MISSED
    #[arg(long)]
    pub(crate) state: Option<RunState>,

    /// Maximum number of runs to show
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,

    /// Only runs older than this one
    #[arg(long, value_name = "RUN_ID")]
    pub(crate) before: Option<RunId>,
}

/// Run a schedule now and wait for the end of the run
///
/// The function cannot distinguish this run from a scheduled run. A paused schedule can be run too.
#[derive(Debug, Args)]
#[command(override_usage = "jelou cron run [OPTIONS] [SLUG] [NAME]")]
pub(crate) struct RunArgs {
    /// Slug of the function, by default the one in jelou.json; then the name of the schedule or its expression, which may
    /// be left out if the function has one schedule
    #[arg(value_name = "SLUG_OR_NAME", num_args = 0..=2)]
    pub(crate) which: Vec<String>,

    /// The due time that the function gets: 2026-11-29T09:00:00Z, or 2026-11-29T09:00 in the time zone of the schedule
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,

    /// Do not wait for the end of the run
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// Show when schedules run next, in their own time zone and in UTC
#[derive(Debug, Args)]
pub(crate) struct NextArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Show the schedules of all functions
    #[arg(long, conflicts_with = "slug")]
    pub(crate) all: bool,

    /// Number of runs to show for each schedule
    #[arg(long, short = 'n', value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) count: u32,
}

/// Pause a schedule until it is resumed, even across deploys and restarts
#[derive(Debug, Args)]
#[command(override_usage = "jelou cron pause [OPTIONS] [SLUG] [NAME]")]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) which: WhichArgs,
}

/// Resume a paused schedule, from its next due time on
#[derive(Debug, Args)]
#[command(override_usage = "jelou cron resume [OPTIONS] [SLUG] [NAME]")]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) which: WhichArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WhichArgs {
    /// Slug of the function, by default the one in jelou.json; then the name of the schedule or its expression, which may
    /// be left out if the function has one schedule
    #[arg(value_name = "SLUG_OR_NAME", num_args = 0..=2)]
    pub(crate) which: Vec<String>,

    /// Every schedule of the function
    #[arg(long)]
    pub(crate) all: bool,
}
