//! `jelou previews`.

mod delete;
mod list;

use crate::cli::previews::PreviewsCommand;
use crate::context::Context;

pub(crate) fn run(command: PreviewsCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        PreviewsCommand::List(args) => list::run(args, context),
        PreviewsCommand::Delete(args) => delete::run(args, context),
    }
}
