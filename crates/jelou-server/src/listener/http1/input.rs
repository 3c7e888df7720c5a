//! Bytes that have come and are not answered yet.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes that are read at once, and that an idle connection keeps.
const READ_BYTES: usize = 8 * 1024;

#[derive(Debug)]
pub(super) struct Input(BytesMut);

impl Input {
    pub(super) fn new() -> Self {
        Self(BytesMut::with_capacity(READ_BYTES))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Makes room for a request of that many bytes.
    pub(super) fn expect(&mut self, bytes: usize) {
        self.0.reserve(bytes.saturating_sub(self.0.len()));
    }

    /// Reads once. No byte at the end of the stream.
    pub(super) fn poll_fill(
        &mut self,
        stream: Pin<&mut (impl AsyncRead + Unpin)>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<usize>> {
        if self.0.capacity() - self.0.len() < READ_BYTES / 4 {
            self.0.reserve(READ_BYTES);
        }
        pin!(stream.get_mut().read_buf(&mut self.0)).poll(context)
    }

    /// The first bytes, apart from the rest.
    pub(super) fn take(&mut self, count: usize) -> Bytes {
        let taken = self.0.split_to(count).freeze();
        if self.0.is_empty() && count > READ_BYTES {
            self.0 = BytesMut::with_capacity(READ_BYTES);
        }
        taken
    }

    /// Puts bytes that were taken before the rest again.
    pub(super) fn put_back(&mut self, taken: &[u8]) {
        let mut all = BytesMut::with_capacity(taken.len() + self.0.len());
        all.extend_from_slice(taken);
        all.extend_from_slice(&self.0);
        self.0 = all;
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.0.freeze()
    }

    #[cfg(test)]
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}
