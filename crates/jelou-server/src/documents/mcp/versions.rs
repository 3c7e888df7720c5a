//! The revisions of MCP.

/// Each request says its version and the client's capabilities.
pub(crate) const MODERN: &str = "2026-07-28";
/// Begin with `initialize`. The latest comes first.
pub(crate) const LEGACY: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];
/// All of them.
pub(crate) const SUPPORTED: [&str; 4] = [MODERN, LEGACY[0], LEGACY[1], LEGACY[2]];
