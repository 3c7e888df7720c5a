//! Limits the memory of a caller's messages: a worker buffers each message until it is complete.

use std::time::Duration;

use jelou_core::FunctionLimits;
use jelou_engine::{BodyMemory, LeaseError, Permit, WorkerBody};
use tokio::time::Instant;

use super::frames::Frames;

#[derive(Debug, thiserror::Error)]
pub(super) enum MessageError {
    #[error(
        "a message is over {limit} bytes (limits.max_websocket_message_bytes, a server setting)"
    )]
    TooLong { limit: u64 },
    #[error("a message was not complete within {} ms ({limit})", .after.as_millis())]
    TooSlow { after: Duration, limit: String },
    #[error("a message: {0}")]
    NoMemory(#[from] LeaseError),
}

/// Reserves memory for messages, as for request bodies, before they are passed on.
pub(super) struct Messages<'a> {
    hold: &'a WorkerBody,
    limits: &'a FunctionLimits,
    frames: Frames,
    /// Permits of the current message.
    permits: Vec<Permit>,
    deadline: Option<Instant>,
}

impl<'a> Messages<'a> {
    pub(super) fn new(hold: &'a WorkerBody, limits: &'a FunctionLimits) -> Self {
        Self {
            hold,
            limits,
            frames: Frames::default(),
            permits: Vec::new(),
            deadline: None,
        }
    }

    /// Reserves memory at the start of each frame. Returns the number of bytes that may be passed on now, at least one.
    pub(super) async fn admit(&mut self, bytes: &[u8]) -> Result<usize, MessageError> {
        let had_payload = self.frames.payload_left() > 0;
        let count = self.frames.step(bytes);
        let payload = self.frames.payload_left();
        if had_payload || payload == 0 {
            return Ok(count);
        }
        // A frame starts here.
        let limit = self.limits.max_websocket_message_bytes;
        let message = self.frames.message_bytes();
        if message > limit {
            return Err(MessageError::TooLong { limit });
        }
        let memory = BodyMemory::of_message(payload, message, self.limits);
        let admitted = match self.hold.admit(memory).await {
            // A deploy has retired the slot. The WebSocket may continue, without a permit, until the drain ends.
            Err(LeaseError::Retired) => None,
            admitted => admitted?,
        };
        if let Some(permit) = admitted {
            self.permits.push(permit);
            let whole_within = self.whole_within();
            self.deadline
                .get_or_insert_with(|| Instant::now() + whole_within);
        }
        Ok(count)
    }

    /// Releases the permits of a complete message. Must be called after all admitted bytes were passed on.
    pub(super) fn passed(&mut self) {
        if self.frames.message_bytes() == 0 && self.deadline.is_some() {
            self.permits.clear();
            self.deadline = None;
        }
    }

    /// Waits for one step of a message. Fails when the deadline of the whole message has passed.
    pub(super) async fn in_time<T>(
        &self,
        wait: impl Future<Output = T>,
    ) -> Result<T, MessageError> {
        match self.deadline {
            Some(deadline) => {
                tokio::time::timeout_at(deadline, wait)
                    .await
                    .map_err(|_| MessageError::TooSlow {
                        after: self.whole_within(),
                        limit: self.limits.describe("request_timeout_ms"),
                    })
            }
            None => Ok(wait.await),
        }
    }

    fn whole_within(&self) -> Duration {
        Duration::from_millis(self.limits.request_timeout_ms)
    }
}
