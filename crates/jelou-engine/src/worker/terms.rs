//! What a process is started with. It keeps them for life.

use std::sync::Arc;

use jelou_core::FunctionLimits;

use super::openings::Openings;

#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) limits: Arc<FunctionLimits>,
    pub(crate) openings: Arc<Openings>,
}
