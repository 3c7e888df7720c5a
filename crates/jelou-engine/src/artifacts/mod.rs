//! Built functions on disk, and their source maps.

pub(crate) mod cache;
pub(crate) mod source_maps;
pub(crate) mod stack_trace;
