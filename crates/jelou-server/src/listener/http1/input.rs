//! Bytes that have come and are not answered yet.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes that are read at once, and that an idle connection keeps.
const READ_BYTES: usize = 8 * 1024;

#[derive(Debug)]
pub(super) struct Input {
    bytes: BytesMut,
    /// Whether there has been more than an idle connection keeps room for.
    is_large: bool,
}

impl Input {
    pub(super) fn new() -> Self {
        Self::from(BytesMut::with_capacity(READ_BYTES))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes room for a request of that many bytes, and for some more: a read that fills its room is followed by another
    /// one, which finds nothing.
    pub(super) fn expect(&mut self, bytes: usize) {
        let missing = bytes.saturating_sub(self.bytes.len());
        self.bytes.reserve(missing + READ_BYTES / 4);
    }

    /// Reads once. No byte at the end of the stream.
    pub(super) fn poll_fill(
        &mut self,
        stream: Pin<&mut (impl AsyncRead + Unpin)>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<usize>> {
        if self.bytes.capacity() - self.bytes.len() < READ_BYTES / 4 {
            self.bytes.reserve(READ_BYTES);
        }
        pin!(stream.get_mut().read_buf(&mut self.bytes)).poll(context)
    }

    /// The first bytes, apart from the rest.
    pub(super) fn take(&mut self, count: usize) -> Bytes {
        self.is_large |= self.bytes.len() > READ_BYTES;
        let taken = self.bytes.split_to(count).freeze();
        if self.bytes.is_empty() && self.is_large {
            *self = Self::new();
        }
        taken
    }

    /// Puts bytes that were taken before the rest again.
    pub(super) fn put_back(&mut self, taken: &[u8]) {
        let mut all = BytesMut::with_capacity(taken.len() + self.bytes.len());
        all.extend_from_slice(taken);
        all.extend_from_slice(&self.bytes);
        self.bytes = all;
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes.freeze()
    }

    #[cfg(test)]
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::from(BytesMut::from(bytes))
    }
}

impl From<BytesMut> for Input {
    fn from(bytes: BytesMut) -> Self {
        Self {
            bytes,
            is_large: false,
        }
    }
}
