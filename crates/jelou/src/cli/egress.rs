//! Arguments of `jelou egress`.

use clap::{Args, Subcommand};
use jelou_core::Slug;

/// Let a function connect to databases and other hosts in private networks
///
/// Functions can connect only to the public network. A rule allows a host name, an address or a network, with or
/// without a port: `db.internal:5432`, `192.0.2.7:6379`, `10.0.0.0/8`, `[fd12::7]:5432`. It applies to one function;
/// `egress.allow` in the server's settings applies to all. Names are resolved when a process of the function starts.
#[derive(Debug, Args)]
pub(crate) struct EgressArgs {
    #[command(subcommand)]
    pub(crate) command: EgressCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EgressCommand {
    Allow(ChangeArgs),
    List(ListArgs),
    Deny(DenyArgs),
}

/// Let a function connect to hosts; needs an access token with the scope `admin`
#[derive(Debug, Args)]
#[command(override_usage = "jelou egress allow [OPTIONS] [SLUG] <HOST[:PORT]>...")]
pub(crate) struct ChangeArgs {
    /// Slug of the function (by default the one in jelou.json), then hosts, addresses or networks, each with or without a
    /// port
    #[arg(value_name = "SLUG_OR_HOST", required = true)]
    pub(crate) arguments: Vec<String>,
}

/// Show what a function may connect to
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Slug of the function; by default the one in jelou.json
    pub(crate) slug: Option<Slug>,
}

/// Remove rules of a function; needs an access token with the scope `admin`
#[derive(Debug, Args)]
#[command(override_usage = "jelou egress deny [OPTIONS] [SLUG] <HOST[:PORT]>...")]
pub(crate) struct DenyArgs {
    /// Slug of the function (by default the one in jelou.json), then rules as `jelou egress list` shows them
    #[arg(value_name = "SLUG_OR_HOST", required = true)]
    pub(crate) arguments: Vec<String>,
}
