//! `jelou trust`.

mod create;
mod delete;
mod exchange;
mod info;
mod list;

use crate::cli::trust::TrustCommand;
use crate::context::Context;

pub(crate) fn run(command: TrustCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        TrustCommand::List => list::run(context),
        TrustCommand::Info(args) => info::run(&args, context),
        TrustCommand::Create(args) => create::run(*args, context),
        TrustCommand::Delete(args) => delete::run(&args, context),
        TrustCommand::Exchange(args) => exchange::run(args, context),
    }
}
