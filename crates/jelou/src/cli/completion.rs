//! Arguments of `jelou completion`.

use clap::Args;
use clap_complete::Shell;

/// Print the completion script of a shell
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// Shell to complete in
    pub(crate) shell: Shell,
}
