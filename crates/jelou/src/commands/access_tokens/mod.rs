//! `jelou access-tokens`.

mod create;
mod info;
mod list;
mod revoke;
mod rotate;

use crate::cli::access_tokens::AccessTokensCommand;
use crate::context::Context;

pub(crate) fn run(command: AccessTokensCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        AccessTokensCommand::List => list::run(context),
        AccessTokensCommand::Info(args) => info::run(&args, context),
        AccessTokensCommand::Rotate(args) => rotate::run(&args, context),
        AccessTokensCommand::Create(args) => create::run(args, context),
        AccessTokensCommand::Revoke(args) => revoke::run(&args, context),
    }
}
