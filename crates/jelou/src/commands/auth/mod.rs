//! `jelou auth`.

mod list;
mod remove;
mod switch;

use crate::cli::auth::AuthCommand;
use crate::context::Context;

pub(crate) fn run(command: AuthCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        AuthCommand::List => list::run(context),
        AuthCommand::Switch(args) => switch::run(args, context),
        AuthCommand::Remove(args) => remove::run(&args, context),
    }
}
