//! Arguments of `jelou audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Show who changed what, and verify the audit trail
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    pub(crate) command: Option<AuditCommand>,

    #[command(flatten)]
    pub(crate) list: ListArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    List(ListArgs),
    Verify(VerifyArgs),
    Export(ExportArgs),
}

/// Show who changed what, newest first (also without `list`)
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Maximum number of entries to show
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,

    /// Only entries older than this one
    #[arg(long, value_name = "ID")]
    pub(crate) before: Option<i64>,
}

/// Verify the hash chain: finds a changed, missing or reordered entry
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// An export to verify without a server, or `-` for stdin; the trail of the server by default
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Hash of a known entry that must be part of the trail, such as the last one of an earlier verification
    #[arg(long, value_name = "HASH")]
    pub(crate) contains: Option<String>,
}

/// Write all entries as NDJSON, oldest first
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// File to write; stdout by default
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Only entries after this one
    #[arg(long, value_name = "ID", default_value_t = 0)]
    pub(crate) after: i64,
}
