//! Artifacts on disk, their source maps, and the rewriting of stack traces.

pub(crate) mod archive;
mod cache;
mod compiled;
mod source_map_cache;
pub(crate) mod stack_trace;
mod unpacked;

pub use archive::AssetFiles;
pub use cache::{ArtifactCache, ArtifactError, Bundle};
pub use compiled::CompiledBundle;
pub(crate) use compiled::Header as CompiledHeader;
pub(crate) use source_map_cache::SourceMapCache;
pub(crate) use unpacked::{Unpacked, UnpackedArtifacts};
