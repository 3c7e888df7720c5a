//! `jelou previews`.

mod delete;
mod find;
mod list;

pub(super) use find::deployed;

use crate::cli::previews::PreviewsCommand;
use crate::context::Context;

pub(crate) fn run(command: PreviewsCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        PreviewsCommand::List(args) => list::run(args, context),
        PreviewsCommand::Delete(args) => delete::run(args, context),
    }
}
