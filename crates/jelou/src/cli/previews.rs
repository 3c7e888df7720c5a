//! Arguments of `jelou previews`.

use clap::{Args, Subcommand};
use jelou_core::{PreviewName, Slug};

/// Manage previews: deployments with an address, secrets and memory of their own (`jelou deploy --preview`)
#[derive(Debug, Args)]
pub(crate) struct PreviewsArgs {
    #[command(subcommand)]
    pub(crate) command: PreviewsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PreviewsCommand {
    List(ListArgs),
    Delete(DeleteArgs),
}

/// List a function's previews
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,
}

/// Delete a preview with its secrets and its memory; its deployment can still be promoted
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct DeleteArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Name of the preview
    pub(crate) name: PreviewName,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
}
