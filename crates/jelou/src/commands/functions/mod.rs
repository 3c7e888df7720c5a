//! `jelou functions`. Also contains the long forms of function commands.

mod create;
mod delete;
mod info;
mod list;

use crate::cli::functions::FunctionsCommand;
use crate::commands::{
    cron, deploy, deployments, dev, init, logs, previews, rollback, secrets, tokens,
};
use crate::context::Context;

pub(crate) fn run(command: FunctionsCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        FunctionsCommand::List => list::run(context),
        FunctionsCommand::Info(args) => info::run(args, context),
        FunctionsCommand::Create(args) => create::run(args, context),
        FunctionsCommand::Delete(args) => delete::run(args, context),
        FunctionsCommand::Init(args) => init::run(&args, context),
        FunctionsCommand::Dev(args) => dev::run(args, context),
        FunctionsCommand::Deploy(args) => deploy::run(&args, context),
        FunctionsCommand::Rollback(args) => rollback::run(args, context),
        FunctionsCommand::Deployments(args) => deployments::run(args.command, context),
        FunctionsCommand::Previews(args) => previews::run(args.command, context),
        FunctionsCommand::Tokens(args) => tokens::run(args.command, context),
        FunctionsCommand::Secrets(args) => secrets::run(args.command, context),
        FunctionsCommand::Logs(args) => logs::run(args, context),
        FunctionsCommand::Cron(args) => cron::run(args.command, context),
    }
}
