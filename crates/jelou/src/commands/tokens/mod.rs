//! `jelou tokens`.

mod check;
mod create;
mod export;
mod import;
mod info;
mod input;
mod inspect;
mod list;
mod new_value;
mod revoke;
mod revoke_leaked;
mod rotate;
mod selection;
mod state;
mod status;
mod update;

pub(in crate::commands) use create::{list as limit_list, name_or_ask};
pub(in crate::commands) use input::{Input, no_token};
pub(in crate::commands) use revoke::reference;

use crate::cli::tokens::TokensCommand;
use crate::context::Context;

pub(crate) fn run(command: TokensCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        TokensCommand::List(args) => list::run(args, context),
        TokensCommand::Info(args) => info::run(args, context),
        TokensCommand::Create(args) => create::run(args, context),
        TokensCommand::Rotate(args) => rotate::run(args, context),
        TokensCommand::Update(args) => update::run(args, context),
        TokensCommand::Rename(args) => update::rename(args, context),
        TokensCommand::Disable(args) => state::disable(args, context),
        TokensCommand::Enable(args) => state::enable(args, context),
        TokensCommand::Check(args) => check::run(args, context),
        TokensCommand::Revoke(args) => revoke::run(args, context),
        TokensCommand::RevokeLeaked(args) => revoke_leaked::run(&args, context),
        TokensCommand::Export(args) => export::run(args, context),
        TokensCommand::Import(args) => import::run(args, context),
        TokensCommand::Inspect(args) => inspect::run(&args, context),
    }
}
