//! The types of the command line: they define the arguments, not the behaviour.

pub(crate) mod access_tokens;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod backup;
pub(crate) mod call;
pub(crate) mod completion;
pub(crate) mod cron;
pub(crate) mod deploy;
pub(crate) mod deployments;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod egress;
pub(crate) mod engine;
mod expiry;
pub(crate) mod functions;
pub(crate) mod global;
pub(crate) mod init;
pub(crate) mod limits;
pub(crate) mod logs;
pub(crate) mod master_key;
pub(crate) mod organisation_secrets;
pub(crate) mod previews;
pub(crate) mod secrets;
pub(crate) mod serve;
pub(crate) mod test;
pub(crate) mod tokens;
pub(crate) mod trust;
pub(crate) mod types;

use clap::{Parser, Subcommand};

pub(crate) use expiry::EndTime;
pub(crate) use global::GlobalArgs;
pub(crate) use jelou_core::{Expiry, Grace};

/// Deploy TypeScript functions to a server of your own, and manage who may call them
#[derive(Parser)]
#[command(
    name = "jelou",
    version,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Login(auth::LoginArgs),
    Logout(auth::LogoutArgs),
    /// Show which server and which access token commands use
    Whoami,
    Auth(auth::AuthArgs),
    Init(init::InitArgs),
    Dev(dev::DevArgs),
    Call(call::CallArgs),
    Test(test::TestArgs),
    Types(types::TypesArgs),
    Deploy(deploy::DeployArgs),
    Rollback(deployments::RollbackArgs),
    Deployments(deployments::DeploymentsArgs),
    Previews(previews::PreviewsArgs),
    Functions(functions::FunctionsArgs),
    Tokens(tokens::TokensArgs),
    Secrets(secrets::SecretsArgs),
    Secret(organisation_secrets::OrganisationSecretsArgs),
    MasterKey(master_key::MasterKeyArgs),
    Egress(egress::EgressArgs),
    Limits(limits::LimitsArgs),
    Logs(logs::LogsArgs),
    Cron(cron::CronArgs),
    AccessTokens(access_tokens::AccessTokensArgs),
    Trust(trust::TrustArgs),
    Audit(audit::AuditArgs),
    /// Show the servers that share the database; needs an access token with the scope `admin`
    Nodes,
    Serve(serve::ServeArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Engine(engine::EngineArgs),
    Doctor(doctor::DoctorArgs),
    Completion(completion::CompletionArgs),
}
