//! Arguments of `jelou audit`.

use clap::Args;

/// Show who changed what, newest first
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Maximum number of entries to show
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,

    /// Only entries older than this one
    #[arg(long, value_name = "ID")]
    pub(crate) before: Option<i64>,
}
