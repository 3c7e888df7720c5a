//! Arguments of `jelou login`, `jelou logout` and `jelou auth`.

use clap::{Args, Subcommand};

/// Save an access token, after checking it with the server
#[derive(Args)]
pub(crate) struct LoginArgs {
    /// Access token (`jfn_pat_...`); `-` reads it from stdin
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub(crate) token: Option<String>,

    /// Address of the server's management API
    #[arg(long, value_name = "URL")]
    pub(crate) api: Option<String>,
}

/// Forget saved credentials; the access token itself stays valid
#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    /// Forget every profile
    #[arg(long, conflicts_with = "profile")]
    pub(crate) all: bool,
}

/// Manage saved credentials
#[derive(Debug, Args)]
pub(crate) struct AuthArgs {
    #[command(subcommand)]
    pub(crate) command: AuthCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    /// List the profiles
    List,
    Switch(SwitchArgs),
    Remove(RemoveArgs),
}

/// Make a profile the active one
#[derive(Debug, Args)]
pub(crate) struct SwitchArgs {
    /// Name of the profile
    pub(crate) name: Option<String>,
}

/// Forget a profile
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Name of the profile
    pub(crate) name: String,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
}
