//! The limits of a process that the kernel enforces.

/// The limits of one worker. Build steps have fixed limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Processor share; 100 is normal.
    pub cpu_weight: u64,
    /// Memory of the process, in MiB.
    pub max_memory_mib: u64,
    pub max_threads: u64,
    pub max_open_files: u64,
}
