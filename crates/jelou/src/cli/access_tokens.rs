//! Arguments of `jelou access-tokens`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jelou_core::{Scope, TokenName};

use super::Expiry;
use super::tokens::ExpiryArgs;

/// Manage access tokens, which log people and pipelines in
#[derive(Debug, Args)]
pub(crate) struct AccessTokensArgs {
    #[command(subcommand)]
    pub(crate) command: AccessTokensCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccessTokensCommand {
    /// List the access tokens
    List,
    Info(InfoArgs),
    Create(CreateArgs),
    Rotate(RotateArgs),
    Revoke(RevokeArgs),
}

/// Create an access token; its value is shown only once
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Name of the token, such as `github-actions`
    #[arg(long)]
    pub(crate) name: Option<TokenName>,

    /// Write the token into this file (mode 0600) instead of printing it
    #[arg(long, value_name = "FILE")]
    pub(crate) token_output: Option<PathBuf>,

    /// Scope of the token: `functions:read`, `functions:write`, `admin`, or for a single function `read:SLUG`,
    /// `deploy:SLUG`, `tokens:SLUG`, `secrets:SLUG` or `logs:SLUG` (`*` as SLUG means every function); repeat for more
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    pub(crate) scopes: Vec<Scope>,

    #[command(flatten)]
    pub(crate) expiry: ExpiryArgs,
}

/// Show one access token
#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Id, name or prefix of the token
    #[arg(value_name = "TOKEN_ID")]
    pub(crate) token: String,
}

/// Give an access token a new value, which is shown only once; it keeps its id, name, scopes and expiry
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// Id, name or prefix of the token
    #[arg(value_name = "TOKEN_ID")]
    pub(crate) token: String,

    /// Time for which the old value stays valid, such as `24h` (at most `30d`); none by default
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) grace: Option<Expiry>,

    /// End the grace period of the last rotation now
    #[arg(long, conflicts_with_all = ["grace", "token_output"])]
    pub(crate) finish: bool,

    /// Write the token into this file (mode 0600) instead of printing it
    #[arg(long, value_name = "FILE")]
    pub(crate) token_output: Option<PathBuf>,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Revoke an access token; the next request with it is refused
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// Id, name or prefix of the token
    #[arg(value_name = "TOKEN_ID")]
    pub(crate) token: String,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
}
