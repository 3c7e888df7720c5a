//! Arguments of `jelou call`.

use clap::Args;
use jelou_core::{PreviewName, Slug};

use crate::env;

/// Call a function and show its answer
///
/// Values are converted to the types in the function's schema. The command asks for missing required values.
#[derive(Args)]
pub(crate) struct CallArgs {
    /// Tool to call, if the function has several; then its input, as KEY=VALUE
    #[arg(value_name = "TOOL | KEY=VALUE")]
    pub(crate) words: Vec<String>,

    /// Deployed function to call; by default the one of `jelou dev`
    #[arg(long, value_name = "SLUG", conflicts_with = "url")]
    pub(crate) function: Option<Slug>,

    /// Preview of the function to call; without --function, of the one in jelou.json
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    pub(crate) preview: Option<PreviewName>,

    /// Address of the function; by default that of the `jelou dev` that serves this folder
    #[arg(long)]
    pub(crate) url: Option<String>,

    /// The whole input as JSON, in place of KEY=VALUE
    #[arg(long, short, value_name = "JSON")]
    pub(crate) data: Option<String>,

    /// Call the tool over MCP, as an agent does
    #[arg(long)]
    pub(crate) mcp: bool,

    /// Run the schedule with this name or expression, in place of a call
    #[arg(long, value_name = "NAME", conflicts_with_all = ["words", "url", "preview", "data", "mcp", "token"])]
    pub(crate) cron: Option<String>,

    /// The due time that the function gets: 2026-11-29T09:00:00Z, or 2026-11-29T09:00 in the time zone of the schedule
    #[arg(long, value_name = "TIME", requires = "cron")]
    pub(crate) at: Option<String>,

    /// Runtime token; `-` reads it from stdin
    #[arg(long, env = env::JELOU_FUNCTION_TOKEN, hide_env_values = true)]
    pub(crate) token: Option<String>,
}
