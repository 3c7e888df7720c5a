//! The limits of a process that the kernel enforces.

/// The limits of one worker. The engine sets them from `[limits]` (`process_limits` in its `worker/launcher.rs`). Build
/// steps have fixed limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Weight for the share of processor time; 100 is normal.
    pub cpu_weight: u64,
    /// Maximum memory of the process, in MiB.
    pub max_memory_mib: u64,
    pub max_threads: u64,
    pub max_open_files: u64,
}
