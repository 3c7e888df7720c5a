//! Limits the memory for large uploads of all callers together.

use std::sync::Arc;

use jelou_core::Limits;
use jelou_core::source::UploadLimits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const MIB: u64 = 1024 * 1024;
/// Number of uploads of maximum size that fit into the budget. Further uploads wait.
const CONCURRENT_LARGEST: u64 = 2;

#[derive(Debug)]
pub(crate) struct UploadBudget {
    /// One permit per MiB.
    permits: Arc<Semaphore>,
    max_body_bytes: u64,
}

impl UploadBudget {
    pub(super) fn new(limits: &Limits) -> Self {
        let max_body_bytes = max_body_bytes(&limits.upload());
        let permits = CONCURRENT_LARGEST * u64::from(permits(max_body_bytes));
        Self {
            permits: Arc::new(Semaphore::new(
                usize::try_from(permits).unwrap_or(usize::MAX),
            )),
            max_body_bytes,
        }
    }

    pub(crate) fn max_body_bytes(&self) -> u64 {
        self.max_body_bytes
    }

    /// Waits until there is memory for a body of this size.
    pub(crate) async fn acquire(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let permits = permits(bytes);
        // The semaphore is never closed.
        Arc::clone(&self.permits)
            .acquire_many_owned(permits)
            .await
            .ok()
    }
}

/// Returns the maximum bytes of a request body. Text takes up to twice its size in JSON; base64 takes less.
fn max_body_bytes(limits: &UploadLimits) -> u64 {
    const FILE_OVERHEAD: u64 = 512;
    2 * limits.bytes + limits.files as u64 * FILE_OVERHEAD + MIB
}

fn permits(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(MIB)).unwrap_or(u32::MAX)
}
