//! The supported revisions of MCP.

/// The current revision. Each request contains its revision and the client's capabilities.
pub(crate) const MODERN: &str = "2026-07-28";
/// Older revisions, which start with `initialize`. The latest is first.
pub(crate) const LEGACY: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];
/// All supported revisions.
pub(crate) const SUPPORTED: [&str; 4] = [MODERN, LEGACY[0], LEGACY[1], LEGACY[2]];
