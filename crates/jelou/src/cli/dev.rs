//! Arguments of `jelou dev`.

use std::path::PathBuf;

use clap::Args;

use crate::env;

/// Serve a project on this machine, and reload it after every save
///
/// Needs no server and no login. The function is at port 3000, without a token, in the same engine and sandbox as on a
/// server. If a save cannot be built, the previous code stays live. With several functions, each is at `/fn/<slug>/`,
/// and they can call each other.
#[derive(Debug, Args)]
#[expect(
    clippy::option_option,
    reason = "an option can be absent, have no value, or have one"
)]
pub(crate) struct DevArgs {
    /// Project folders, or a folder that contains projects
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dirs: Vec<PathBuf>,

    /// Port to listen on; by default 3000, or the next free one; 0 selects a free port
    #[arg(long, short)]
    pub(crate) port: Option<u16>,

    /// File with the secrets; by default `.env` in the project's folder, if there is one
    #[arg(long = "env", value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,

    /// Require a token from callers, and print one
    #[arg(long)]
    pub(crate) token: bool,

    /// Do not watch the files
    #[arg(long)]
    pub(crate) no_watch: bool,

    /// Let a debugger attach; by default at port 9229, or the next free one
    ///
    /// Chrome (`chrome://inspect`) and VS Code attach to it. The address stays the same when a save replaces the
    /// process.
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true)]
    pub(crate) inspect: Option<Option<u16>>,

    /// Like `--inspect`, and wait for a debugger before each import of the function
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, conflicts_with = "inspect")]
    pub(crate) inspect_brk: Option<Option<u16>>,

    /// Start with an empty `ctx.memory` and an empty log
    #[arg(long)]
    pub(crate) fresh: bool,

    /// Data folder with the engine and the cache of packages; by default that of `jelou serve`
    #[arg(long, value_name = "DIR", env = env::JELOU_DATA, hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,
}
