use clap::{Args, Subcommand};
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
    Create(CreateArgs),
    Revoke(RevokeArgs),
}

/// List a function's tokens
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,
}

/// Create a token; its value is shown this once
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Name of the token, such as `ci-staging`
    #[arg(long)]
    pub(crate) name: Option<TokenName>,

    /// Time until it expires, such as `90d`; never by default
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) expires_in: Option<Expiry>,
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
