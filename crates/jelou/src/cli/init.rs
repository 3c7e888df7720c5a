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

    /// Start a new function, or link the folder to a function of the server (writes only jelou.json and .jelou/)
    #[arg(long, value_enum, default_value_t = InitMode::Create)]
    pub(crate) mode: InitMode,

    /// The kind of code to start with; by default a function of one tool with a schema
    #[arg(long, value_enum)]
    pub(crate) template: Option<InitTemplate>,

    /// With `--mode link`, write the code that is live into the folder
    #[arg(long)]
    pub(crate) download: bool,

    /// Overwrite the code, jelou.json and deno.json
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InitTemplate {
    /// A Hono app with routes
    Hono,
    /// `export default { fetch }`, as on Workers
    Fetch,
    /// A Supabase edge function with `_shared`
    Supabase,
    /// A public route that checks a signature with a secret
    Webhook,
    /// Tools for agents
    Mcp,
    /// A function with a schedule
    Cron,
}
