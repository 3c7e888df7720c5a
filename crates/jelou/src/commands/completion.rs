//! `jelou completion`.

use clap::CommandFactory;

use crate::cli::Cli;
use crate::cli::completion::CompletionArgs;
use crate::output::Output;

/// Prints the script. The output format is ignored, because a shell reads the script.
pub(crate) fn run(args: &CompletionArgs, output: &Output) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "jelou", &mut script);
    output.raw(&script)?;
    Ok(())
}
