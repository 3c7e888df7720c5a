//! Errors of the control plane.

use jelou_core::source::SourceErrors;
use jelou_engine::ArtifactError;
use jelou_engine::build::BuildError;
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
    Artifact(#[from] ArtifactError),
    #[error("{detail}")]
    Invalid { detail: String, hint: &'static str },
    #[error("the random generator of the operating system failed: {0}")]
    Random(String),
    #[error("the change was interrupted")]
    Interrupted,
}
