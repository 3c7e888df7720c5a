//! Built functions on disk, their source maps, and stack traces.

mod cache;
mod source_map_cache;
pub(crate) mod stack_trace;

pub use cache::{ArtifactCache, ArtifactError, Bundle};
pub(crate) use source_map_cache::SourceMapCache;
