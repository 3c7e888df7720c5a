//! `jelou access-tokens`.

mod create;
mod list;
mod revoke;

use crate::cli::access_tokens::AccessTokensCommand;
use crate::context::Context;

pub(crate) fn run(command: AccessTokensCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        AccessTokensCommand::List => list::run(context),
        AccessTokensCommand::Create(args) => create::run(args, context),
        AccessTokensCommand::Revoke(args) => revoke::run(&args, context),
    }
}
