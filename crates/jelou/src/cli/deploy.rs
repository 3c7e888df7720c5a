use std::path::PathBuf;

use clap::Args;
use jelou_core::Slug;

/// Build the project and make it live
#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// Folder of the project
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,

    /// Slug of the function; by default the one in jelou.json
    #[arg(long, value_name = "SLUG")]
    pub(crate) function: Option<Slug>,

    /// Do not ask
    #[arg(long, short = 'y', visible_alias = "yes")]
    pub(crate) no_confirm: bool,

    /// Build and inspect, but change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Check types too
    #[arg(long)]
    pub(crate) check: bool,
}
