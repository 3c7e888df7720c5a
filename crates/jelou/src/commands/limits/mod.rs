//! `jelou limits`.

mod change;
mod show;

use crate::cli::limits::LimitsCommand;
use crate::context::Context;

pub(crate) fn run(command: LimitsCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        LimitsCommand::Show(args) => show::run(args, context),
        LimitsCommand::Set(args) => change::set(args.arguments, context),
        LimitsCommand::Unset(args) => change::unset(args.arguments, context),
    }
}
