//! Errors of the control plane.

use jelou_core::Slug;
use jelou_core::compatibility::BreakingChange;
use jelou_core::source::SourceErrors;
use jelou_engine::build::BuildError;
use jelou_engine::{ArtifactError, LeaseError};
use jelou_store::StoreError;

/// Why a change or query failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Source(#[from] SourceErrors),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error("{detail}")]
    Invalid { detail: String, hint: &'static str },
    /// The new deployment cannot run, so the live one stays.
    #[error("{0}")]
    Rejected(String),
    /// One line for each schedule that cannot run.
    #[error("{0}")]
    Schedules(String),
    #[error("{} would break callers:{}", changes(.0.len()), list(.0))]
    Breaking(Vec<BreakingChange>),
    #[error("another deployment of `{0}` went live in the meantime; nothing was changed")]
    Overtaken(Slug),
    /// A preview cannot have the address of an existing function.
    #[error("`{label}` is a function, which keeps its address")]
    AddressTaken { label: String, hint: &'static str },
    /// The operator has disabled the creation of tokens.
    #[error("this server creates no tokens (tokens.creation_disabled): {0}")]
    CreationDisabled(String),
    /// A rule of the operator. The text names the setting in `[tokens]`.
    #[error("{0}")]
    TokenRule(String),
    /// One line for each token that cannot be imported.
    #[error("nothing was imported, because of clashes:{0}")]
    Clashes(String),
    #[error("the random generator of the operating system failed: {0}")]
    Random(String),
    /// Another server may know of a use of the token's newest value.
    #[error(
        "it is not known whether `{prefix}..`, the newest value of the token, is in use, because the server {server} does not \
         answer: {reason}"
    )]
    UnknownUse {
        prefix: String,
        server: String,
        reason: String,
    },
    /// Rows of the database, which this version cannot read.
    #[error("{0}")]
    Unreadable(String),
    #[error("the change was interrupted")]
    Interrupted,
}

fn changes(count: usize) -> String {
    match count {
        1 => "1 change".to_owned(),
        count => format!("{count} changes"),
    }
}

fn list(changes: &[BreakingChange]) -> String {
    let lines: Vec<_> = changes.iter().map(ToString::to_string).collect();
    format!("\n{}", lines.join("\n"))
}
