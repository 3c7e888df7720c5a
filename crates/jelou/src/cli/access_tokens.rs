//! Arguments of `jelou access-tokens`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jelou_core::{Scope, TokenName};

use super::Expiry;

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
    Create(CreateArgs),
    Revoke(RevokeArgs),
}

/// Create an access token; its value is shown this once
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Name of the token, such as `github-actions`
    #[arg(long)]
    pub(crate) name: Option<TokenName>,

    /// Write the token into this file (mode 0600) instead of printing it
    #[arg(long, value_name = "FILE")]
    pub(crate) token_output: Option<PathBuf>,

    /// What it may do: `functions:read`, `functions:write` or `admin`; or on one function only `read:SLUG`,
    /// `deploy:SLUG`, `tokens:SLUG`, `secrets:SLUG` or `logs:SLUG`; repeat for more
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    pub(crate) scopes: Vec<Scope>,

    /// Time until it expires, such as `90d`; never by default
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) expires_in: Option<Expiry>,
}

/// Revoke an access token; the next request with it is refused
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// Id, name or prefix of the token
    #[arg(value_name = "TOKEN_ID")]
    pub(crate) token: String,

    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}
