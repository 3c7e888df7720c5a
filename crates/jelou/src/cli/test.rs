//! Arguments of `jelou test`.

use std::path::PathBuf;

use clap::Args;

use crate::env;

/// Run the tests of a project, offline
///
/// The engine's own test runner runs every `*.test.ts` and `*_test.ts` of the current folder, with
/// `@jelou/functions/testing` and its types. All arguments are passed to the runner, such as files, `--filter NAME` or
/// `--watch`. Tests may read files and use the network, but packages come from the cache only.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Arguments of the runner (`deno test`)
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARG"
    )]
    pub(crate) args: Vec<String>,

    /// Data folder with the engine and the cache of packages; by default that of `jelou serve`
    #[arg(long, value_name = "DIR", env = env::JELOU_DATA, hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,
}
