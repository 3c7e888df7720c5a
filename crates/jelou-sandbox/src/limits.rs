//! The limits that the kernel keeps for a process.

/// The limits of one worker; the steps of a build have fixed ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Share of the processor, where 100 is the usual one.
    pub cpu_weight: u64,
    /// Memory that the process causes, in MiB.
    pub max_memory_mib: u64,
    pub max_threads: u64,
    pub max_open_files: u64,
}
