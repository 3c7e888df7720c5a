//! The revisions of MCP.

/// Each request contains its version and the client's capabilities.
pub(crate) const MODERN: &str = "2026-07-28";
/// Revisions that start with `initialize`, the latest first.
pub(crate) const LEGACY: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];
/// All supported revisions.
pub(crate) const SUPPORTED: [&str; 4] = [MODERN, LEGACY[0], LEGACY[1], LEGACY[2]];
