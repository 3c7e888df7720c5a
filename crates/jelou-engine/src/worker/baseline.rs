//! Measurements of the first blank worker, which apply to all workers.

use super::code_cache::CodeCache;

#[derive(Debug)]
pub(crate) struct Baseline {
    /// Size of the data segment of a blank worker.
    pub(super) data_bytes: u64,
    pub(super) code_cache: CodeCache,
}

impl Baseline {
    /// Returns the data segment limit in bytes that leaves a function `mib` MiB. V8 reserves much address space that it
    /// never uses, so `mib` is added to the data segment of a blank worker.
    pub(crate) fn max_data_bytes(&self, mib: u64) -> u64 {
        self.data_bytes + mib * 1024 * 1024
    }
}
