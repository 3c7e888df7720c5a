//! What the first blank worker shows about all of them.

use super::code_cache::CodeCache;

#[derive(Debug)]
pub(crate) struct Baseline {
    /// Data segment of a blank worker.
    pub(super) data_bytes: u64,
    pub(super) code_cache: CodeCache,
}

impl Baseline {
    /// The limit of the data segment, in bytes, that leaves `mib` to the process. V8 reserves much address space that it
    /// never uses, so the limit counts from what a blank worker has.
    pub(crate) fn max_data_bytes(&self, mib: u64) -> u64 {
        self.data_bytes + mib * 1024 * 1024
    }
}
