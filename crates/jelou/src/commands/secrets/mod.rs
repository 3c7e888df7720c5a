//! `jelou secrets`.

mod delete;
mod env_file;
mod list;
mod rollback;
mod set;
mod values;

use crate::cli::secrets::SecretsCommand;
use crate::context::Context;

pub(super) use delete::require_key;
pub(super) use env_file::read as read_env_file;
pub(super) use list::show;
pub(super) use rollback::report;
pub(super) use set::{announce, request};
pub(super) use values::Arguments;

pub(crate) fn run(command: SecretsCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        SecretsCommand::List(args) => list::run(args, context),
        SecretsCommand::Set(args) => set::run(args, context),
        SecretsCommand::Delete(args) => delete::run(args, context),
        SecretsCommand::Rollback(args) => rollback::run(args, context),
    }
}
