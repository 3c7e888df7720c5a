//! Arguments of `jelou init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jelou_core::Slug;

/// Start a project: index.ts, jelou.json, deno.json, tsconfig.json, .env, .gitignore and the SDK for editors and tests
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Folder of the project
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,

    /// Slug of the function; by default the folder's name
    #[arg(long)]
    pub(crate) slug: Option<Slug>,

    /// Start a new function, or link the folder to one that the server has (writes jelou.json and .jelou/ alone)
    #[arg(long, value_enum, default_value_t = InitMode::Create)]
    pub(crate) mode: InitMode,

    /// With `--mode link`, write the code that is live into the folder
    #[arg(long)]
    pub(crate) download: bool,

    /// Overwrite index.ts, jelou.json and deno.json
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InitMode {
    /// The first deployment creates the function
    Create,
    /// The function exists already
    Link,
}
