//! The launch terms of a process: its settings that cannot change after the start.

use std::sync::Arc;

use jelou_core::FunctionLimits;

use super::openings::Openings;

#[derive(Debug, Clone)]
pub(crate) struct LaunchTerms {
    pub(crate) limits: Arc<FunctionLimits>,
    pub(crate) openings: Arc<Openings>,
}
