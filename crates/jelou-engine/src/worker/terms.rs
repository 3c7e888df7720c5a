//! The terms of a process: what it is started with, and what cannot change later.

use std::sync::Arc;

use jelou_core::FunctionLimits;

use super::openings::Openings;

#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) limits: Arc<FunctionLimits>,
    pub(crate) openings: Arc<Openings>,
}
