//! One file for each command.

mod access_tokens;
mod audit;
mod auth;
mod backup;
mod call;
mod completion;
mod cron;
mod deploy;
mod deployments;
mod dev;
mod doctor;
mod egress;
mod engine;
mod functions;
mod init;
mod limits;
mod login;
mod logout;
mod logs;
mod master_key;
mod nodes;
mod organisation_secrets;
mod previews;
mod restore;
mod rollback;
mod secrets;
mod serve;
mod test;
mod tokens;
mod trust;
mod types;
mod whoami;

use crate::cli::Command;
use crate::cli::functions::FunctionsCommand;
use crate::context::Context;
use crate::interrupt;

pub(crate) fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    if !ends_by_itself(&command) {
        interrupt::exit_on_interrupt(&context.output)?;
    }
    match command {
        Command::Login(args) => login::run(args, context),
        Command::Logout(args) => logout::run(&args, context),
        Command::Whoami => whoami::run(context),
        Command::Auth(args) => auth::run(args.command, context),
        Command::Init(args) => init::run(&args, context),
        Command::Call(args) => call::run(args, context),
        Command::Dev(args) => dev::run(args, context),
        Command::Test(args) => test::run(args, context),
        Command::Types(args) => types::run(&args, context),
        Command::Deploy(args) => deploy::run(&args, context),
        Command::Rollback(args) => rollback::run(args, context),
        Command::Deployments(args) => deployments::run(args.command, context),
        Command::Previews(args) => previews::run(args.command, context),
        Command::Functions(args) => functions::run(args.command, context),
        Command::Tokens(args) => tokens::run(args.command, context),
        Command::Secrets(args) => secrets::run(args.command, context),
        Command::Secret(args) => organisation_secrets::run(args.command, context),
        Command::MasterKey(args) => master_key::run(&args.command, context),
        Command::Egress(args) => egress::run(args.command, context),
        Command::Limits(args) => limits::run(args.command, context),
        Command::Logs(args) => logs::run(args, context),
        Command::Cron(args) => cron::run(args.command, context),
        Command::AccessTokens(args) => access_tokens::run(args.command, context),
        Command::Trust(args) => trust::run(args.command, context),
        Command::Audit(args) => audit::run(args, context),
        Command::Nodes => nodes::run(context),
        Command::Completion(args) => completion::run(&args, &context.output),
        Command::Serve(args) => serve::run(args, context),
        Command::Backup(args) => backup::run(args, context),
        Command::Restore(args) => restore::run(args, context),
        Command::Doctor(args) => doctor::run(args, context),
        Command::Engine(args) => engine::run(args, context),
    }
}

/// Whether the command handles Ctrl-C, because it has processes to end.
fn ends_by_itself(command: &Command) -> bool {
    match command {
        Command::Serve(_) | Command::Dev(_) => true,
        Command::Functions(args) => matches!(args.command, FunctionsCommand::Dev(_)),
        _ => false,
    }
}
