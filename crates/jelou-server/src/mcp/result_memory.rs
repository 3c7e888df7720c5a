//! Memory for tool results. The server keeps a complete result until the caller has read it, so the large results of
//! all functions have a common limit ([097](../../../../docs/decisions/097-admission-by-memory.md)).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use jelou_core::Limits;
use jelou_engine::WorkerBody;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Maximum bytes of a result that needs no permit.
const MAX_SMALL: u64 = 64 * 1024;
/// Bytes of memory for each byte of a result: the body, its copies as text and as structured content, and the response.
const FACTOR: u64 = 10;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The memory limit for the results of all functions.
#[derive(Debug)]
pub(crate) struct ResultMemory {
    free_kib: Arc<Semaphore>,
    all_kib: u32,
    max_wait: Duration,
}

/// A complete result, with its permit for memory.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) body: Bytes,
    pub(super) share: Option<Share>,
}

/// Permit for the memory of one result. Released on drop.
#[derive(Debug)]
pub(super) struct Share(
    #[expect(dead_code, reason = "held until it is dropped")] OwnedSemaphorePermit,
);

#[derive(Debug, thiserror::Error)]
pub(super) enum ResultError {
    #[error("the result is over the limit of {0} bytes")]
    TooLarge(u64),
    #[error(
        "no memory for a result of up to {length} bytes within {} ms: results of MCP tools may take {limit_mib} MiB together (limits.max_mcp_memory_mib, limits.max_body_wait_ms, a server setting)",
        waited.as_millis()
    )]
    NoMemory {
        length: u64,
        limit_mib: u32,
        waited: Duration,
    },
    #[error(transparent)]
    Worker(BoxError),
}

impl ResultMemory {
    pub(crate) fn new(limits: &Limits) -> Self {
        let kib = limits.max_mcp_memory_mib.saturating_mul(1024);
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let all_kib = u32::try_from(kib).unwrap_or(u32::MAX).min(most);
        Self {
            free_kib: Arc::new(Semaphore::new(all_kib as usize)),
            all_kib,
            max_wait: limits.max_body_wait(),
        }
    }

    /// Reads a complete result. A large result waits until there is memory for it. A result of unknown length that
    /// turns out to be large reserves memory for the largest result.
    pub(super) async fn read(
        &self,
        mut body: WorkerBody,
        limit: u64,
    ) -> Result<Whole, ResultError> {
        let announced = body.size_hint().exact();
        if let Some(length) = announced.filter(|length| *length > limit) {
            tracing::debug!(length, "the result is over the limit");
            return Err(ResultError::TooLarge(limit));
        }
        let mut begun = Vec::new();
        if announced.is_none() {
            // A short result needs no permit, so this reads the first bytes before it waits.
            while begun.len() as u64 <= MAX_SMALL {
                match body.frame().await {
                    Some(frame) => {
                        let frame = frame.map_err(|error| ResultError::Worker(error.into()))?;
                        begun.extend_from_slice(&frame.into_data().unwrap_or_default());
                    }
                    None => {
                        return Ok(Whole {
                            body: begun.into(),
                            share: None,
                        });
                    }
                }
            }
        }
        let length = announced.unwrap_or(limit);
        let share = if length > MAX_SMALL {
            Some(self.reserve(length).await?)
        } else {
            None
        };
        let left = usize::try_from(limit).unwrap_or(usize::MAX);
        let Some(left) = left.checked_sub(begun.len()) else {
            return Err(ResultError::TooLarge(limit));
        };
        let rest = Limited::new(body, left).collect().await;
        let rest = rest.map_err(|error| {
            if error.is::<LengthLimitError>() {
                ResultError::TooLarge(limit)
            } else {
                ResultError::Worker(error)
            }
        })?;
        let rest = rest.to_bytes();
        let body = if begun.is_empty() {
            rest
        } else {
            begun.extend_from_slice(&rest);
            begun.into()
        };
        Ok(Whole { body, share })
    }

    async fn reserve(&self, length: u64) -> Result<Share, ResultError> {
        let kib = length.saturating_mul(FACTOR).div_ceil(1024);
        let kib = u32::try_from(kib).unwrap_or(u32::MAX).min(self.all_kib);
        let permit = Arc::clone(&self.free_kib).acquire_many_owned(kib);
        match tokio::time::timeout(self.max_wait, permit).await {
            Ok(Ok(permit)) => Ok(Share(permit)),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(ResultError::NoMemory {
                length,
                limit_mib: self.all_kib / 1024,
                waited: self.max_wait,
            }),
        }
    }
}

/// Bytes that keep their memory permit until they are sent.
#[derive(Debug)]
struct Held {
    bytes: Vec<u8>,
    _share: Share,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Returns the bytes together with their memory permit, which is released after the last byte was sent.
pub(super) fn held(bytes: Vec<u8>, share: Option<Share>) -> Bytes {
    match share {
        Some(share) => Bytes::from_owner(Held {
            bytes,
            _share: share,
        }),
        None => bytes.into(),
    }
}
