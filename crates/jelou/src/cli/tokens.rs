//! Arguments of `jelou tokens`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jelou_core::policy::{Cidr, Rate, RuntimeScope};
use jelou_core::{Slug, TokenName};

use super::Expiry;

/// Manage runtime tokens, which call a function
#[derive(Debug, Args)]
pub(crate) struct TokensArgs {
    #[command(subcommand)]
    pub(crate) command: TokensCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    List(ListArgs),
    Info(InfoArgs),
    Create(CreateArgs),
    Revoke(RevokeArgs),
}

/// List a function's tokens
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Show ids, status, expiry, creator and limits too
    #[arg(long)]
    pub(crate) wide: bool,
}

/// Show one token, with the time zone of its dates
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct InfoArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Id, name or prefix of the token
    #[arg(value_name = "TOKEN_ID")]
    pub(crate) token: String,
}

/// Create a token; its value is shown this once
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Name of the token, such as `ci-staging`
    #[arg(long)]
    pub(crate) name: Option<TokenName>,

    /// Revoke the token that has this name, if there is one, in the same step
    #[arg(long)]
    pub(crate) replace: bool,

    /// Write the token into this file (mode 0600) instead of printing it
    #[arg(long, value_name = "FILE")]
    pub(crate) token_output: Option<PathBuf>,

    /// Time until it expires, such as `90d`; never by default
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) expires_in: Option<Expiry>,

    /// What it may be used for: `invoke` (every HTTP route), `mcp` (every tool over MCP) or `tool:NAME` (one tool, both
    /// ways); repeat for more, everything by default
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<RuntimeScope>,

    /// Network that it may be used from, such as `203.0.113.0/24`; repeat for more, any by default
    #[arg(long = "cidr", value_name = "CIDR")]
    pub(crate) cidrs: Vec<Cidr>,

    /// Calls that it may make in a second, minute, hour or day, such as `100/m`; any number by default
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub(crate) rate: Option<Rate>,
}

/// Revoke a token; the next call with it is refused
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct RevokeArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Id, name or prefix of the token
    #[arg(value_name = "TOKEN_ID")]
    pub(crate) token: String,

    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Revoke it even if it is the function's last active token
    #[arg(long)]
    pub(crate) force: bool,
}
