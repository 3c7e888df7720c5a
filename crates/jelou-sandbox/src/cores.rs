//! The number of cores that this server may use.

use std::sync::LazyLock;

/// Returns the number of cores, at least 1. Cached, because it is read from several files.
pub fn cores() -> usize {
    static CORES: LazyLock<usize> =
        LazyLock::new(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    *CORES
}
