//! Arguments of `jelou tokens`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jelou_core::policy::{Cidr, HttpMethod, Quota, Rate, RuntimeScope};
use jelou_core::token_labels::{Note, Tag};
use jelou_core::{Slug, TokenName};

use super::{EndTime, Expiry, Grace};

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
    Rotate(RotateArgs),
    Update(UpdateArgs),
    Rename(RenameArgs),
    Disable(DisableArgs),
    Enable(EnableArgs),
    Check(CheckArgs),
    Revoke(RevokeArgs),
    RevokeLeaked(RevokeLeakedArgs),
    Export(ExportArgs),
    Import(ImportArgs),
    Inspect(InspectArgs),
}

/// A token of a function.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Id, name or prefix of the token
    #[arg(value_name = "TOKEN_ID")]
    pub(crate) token: String,
}

/// List a function's tokens
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Show ids, status, expiry, creator, limits and the use of the last 30 days too
    #[arg(long)]
    pub(crate) wide: bool,
}

/// Show one token, its use in the last days, and the time zone of its dates
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct InfoArgs {
    #[command(flatten)]
    pub(crate) token: TokenArgs,

    /// Days of use to show, up to 366
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=366))]
    pub(crate) days: u32,
}

/// Create a token; its value is shown only once
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

    #[command(flatten)]
    pub(crate) expiry: ExpiryArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    #[command(flatten)]
    pub(crate) labels: LabelArgs,
}

/// When a token ends
#[derive(Debug, Args)]
pub(crate) struct ExpiryArgs {
    /// Time until it expires, such as `90d`; never by default
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) expires_in: Option<Expiry>,

    /// Date or time at which it expires, such as `2027-01-31` or `2027-01-31T18:00:00-05:00`
    #[arg(long, value_name = "TIME", conflicts_with = "expires_in")]
    pub(crate) expires_at: Option<EndTime>,
}

/// The limits of a token
#[derive(Debug, Args)]
pub(crate) struct LimitArgs {
    /// Scope of the token: `invoke` (every HTTP route), `mcp` (every tool over MCP) or `tool:NAME` (one tool, over HTTP
    /// and MCP); repeat for more, everything by default
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<RuntimeScope>,

    /// Network that the token may be used from, such as `203.0.113.0/24`; repeat for more, any by default
    #[arg(long = "cidr", value_name = "CIDR")]
    pub(crate) cidrs: Vec<Cidr>,

    /// HTTP method that the token may use, such as `GET`; repeat for more, any by default
    #[arg(long = "method", value_name = "METHOD")]
    pub(crate) methods: Vec<HttpMethod>,

    /// Calls that the token may make in a second, minute, hour or day, such as `100/m`; any number by default
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub(crate) rate: Option<Rate>,

    /// Calls that the token may make in a calendar day or month, such as `10000/day` (in UTC) or
    /// `10000/day@America/Guayaquil`; any number by default
    #[arg(long, value_name = "QUOTA", allow_hyphen_values = true)]
    pub(crate) quota: Option<Quota>,
}

/// Labels of a token, for its owner
#[derive(Debug, Args)]
pub(crate) struct LabelArgs {
    /// Person or team that is responsible for the token
    #[arg(long, value_name = "TEXT")]
    pub(crate) owner: Option<Note>,

    /// Purpose of the token
    #[arg(long, value_name = "TEXT")]
    pub(crate) purpose: Option<Note>,

    /// Group of the token, such as `ci`; repeat for more
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<Tag>,
}

/// Give a token a new value, which is shown only once; it keeps its id, name, limits and labels
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    pub(crate) token: TokenArgs,

    /// Time for which the old value stays valid, such as `24h` (at most `30d`); none by default, or with `0`
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) grace: Option<Grace>,

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

/// Change a token's limits, expiry or labels; the next call sees the change
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    pub(crate) token: TokenArgs,

    #[command(flatten)]
    pub(crate) expiry: ExpiryArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    #[command(flatten)]
    pub(crate) labels: LabelArgs,

    /// Remove a limit or a label; repeat for more
    #[arg(long, value_name = "FIELD")]
    pub(crate) remove: Vec<TokenField>,
}

/// A part of a token that can be removed
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenField {
    Expiry,
    Scopes,
    Cidrs,
    Methods,
    Rate,
    Quota,
    Owner,
    Purpose,
    Tags,
}

/// Give a token another name; its value stays the same
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct RenameArgs {
    #[command(flatten)]
    pub(crate) token: TokenArgs,

    /// New name
    #[arg(long)]
    pub(crate) name: Option<TokenName>,
}

#[derive(Debug, Args)]
pub(crate) struct EverywhereArgs {
    /// End with status 1 if a server of the same database has not applied it after 2 seconds; the change is not undone
    #[arg(long)]
    pub(crate) require_all: bool,
}

/// Disable a token until `tokens enable`; the next call with it is refused
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct DisableArgs {
    #[command(flatten)]
    pub(crate) token: TokenArgs,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Disable it even if it is the function's last active token
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) everywhere: EverywhereArgs,
}

/// Enable a disabled token
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct EnableArgs {
    #[command(flatten)]
    pub(crate) token: TokenArgs,
}

/// Check whether a token may make a call now, and if not, why
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) token: TokenArgs,

    /// Name of the tool that is called
    #[arg(long)]
    pub(crate) tool: Option<String>,

    /// Call it over MCP
    #[arg(long, conflicts_with = "method")]
    pub(crate) mcp: bool,

    /// HTTP method of the call; POST by default
    #[arg(long)]
    pub(crate) method: Option<HttpMethod>,

    /// Address of the caller, such as `203.0.113.9`
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Option<IpAddr>,
}

/// Revoke a token, or every token with a tag or creator; the next call with it is refused
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct RevokeArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// Id, name or prefix of the token
    #[arg(value_name = "TOKEN_ID", required_unless_present_any = ["tag", "created_by"])]
    pub(crate) token: Option<String>,

    /// Revoke every token of the function that has this tag
    #[arg(long)]
    pub(crate) tag: Option<Tag>,

    /// Revoke every token of the function that this access token created
    #[arg(long, value_name = "ACCESS_TOKEN")]
    pub(crate) created_by: Option<String>,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Revoke it even if it is the function's last active token
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) everywhere: EverywhereArgs,
}

/// Revoke leaked tokens by their values, which are read from stdin: access tokens, and runtime tokens of any function
#[derive(Debug, Args)]
pub(crate) struct RevokeLeakedArgs {
    /// Source of the values: `-` for stdin, or a file. Other text between them is ignored
    #[arg(value_name = "FILE")]
    pub(crate) input: PathBuf,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Check the form of tokens that are read from stdin, without a server
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Source of the tokens: `-` for stdin, or a file. Other text between them is ignored
    #[arg(value_name = "FILE")]
    pub(crate) input: PathBuf,
}

/// Write a function's tokens for `tokens import` on another server: hashes and limits, never values
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// File to write (mode 0600); stdout by default
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Add the tokens of a file of `tokens export`; callers keep their token values
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct ImportArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,

    /// File of `tokens export`; `-` for stdin
    #[arg(value_name = "FILE")]
    pub(crate) input: PathBuf,

    /// Show what would happen, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Revoke existing tokens that have the same names
    #[arg(long)]
    pub(crate) replace: bool,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
}
