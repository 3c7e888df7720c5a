//! Finds the frame boundaries of a WebSocket (RFC 6455, section 5.2). Parses frame heads and skips payloads.

/// Maximum bytes of a frame head: two bytes, a 64-bit length and a mask.
const MAX_HEAD: usize = 2 + 8 + 4;
const CLOSE: u8 = 0x8;
/// Bit of the opcode that all control frames have.
const CONTROL: u8 = 0x8;
/// Bit of the first byte: the frame is the last of its message.
const FINAL: u8 = 0x80;
/// Bit of the second byte: the payload is masked.
const MASKED: u8 = 0x80;
/// Maximum bytes of the reason in a close frame: a control frame's payload without the close code.
const MAX_REASON: usize = 125 - 2;

/// The parser state for one direction of a WebSocket.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; MAX_HEAD],
    /// Received bytes of an incomplete frame head. 0 inside the payload.
    head_bytes: usize,
    payload_left: u64,
    /// Bytes of the current message, including all of the current frame.
    message_bytes: u64,
    is_closed: bool,
}

impl Frames {
    /// Parses bytes that were forwarded.
    pub(super) fn advance(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = &bytes[self.step(bytes)..];
        }
    }

    /// Parses bytes up to the end of a frame head or of a payload. Returns their number.
    pub(super) fn step(&mut self, bytes: &[u8]) -> usize {
        if self.payload_left > 0 {
            let count = usize::try_from(self.payload_left)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            self.payload_left -= count as u64;
            self.end_message();
            return count;
        }
        for (index, byte) in bytes.iter().enumerate() {
            self.head[self.head_bytes] = *byte;
            self.head_bytes += 1;
            if let Some(length) = self.payload_length() {
                self.is_closed |= self.head[0] & 0xf == CLOSE;
                self.payload_left = length;
                self.head_bytes = 0;
                if !self.is_control() {
                    self.message_bytes = self.message_bytes.saturating_add(length);
                }
                self.end_message();
                return index + 1;
            }
        }
        bytes.len()
    }

    pub(super) fn payload_left(&self) -> u64 {
        self.payload_left
    }

    /// Returns the bytes of the current message, including all of the current frame. 0 between messages.
    pub(super) fn message_bytes(&self) -> u64 {
        self.message_bytes
    }

    fn end_message(&mut self) {
        if self.payload_left == 0 && self.head[0] & FINAL != 0 && !self.is_control() {
            self.message_bytes = 0;
        }
    }

    /// Whether the current frame is a control frame, which may occur between the frames of a message.
    fn is_control(&self) -> bool {
        self.head[0] & CONTROL != 0
    }

    /// Whether a close frame can follow here: no frame is incomplete, and no close frame was sent.
    pub(super) fn may_close(&self) -> bool {
        self.head_bytes == 0 && self.payload_left == 0 && !self.is_closed
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Returns the length of the payload. `None` while the frame head is incomplete.
    fn payload_length(&self) -> Option<u64> {
        let head = &self.head[..self.head_bytes];
        let second = *head.get(1)?;
        let (extended, length) = match second & !MASKED {
            126 => {
                let bytes = head.get(2..4)?.try_into().ok()?;
                (2, u64::from(u16::from_be_bytes(bytes)))
            }
            127 => (8, u64::from_be_bytes(head.get(2..10)?.try_into().ok()?)),
            length => (0, u64::from(length)),
        };
        let mask = if second & MASKED == 0 { 0 } else { 4 };
        (head.len() == 2 + extended + mask).then_some(length)
    }
}

/// The recipient of a frame. Frames to a server are masked (RFC 6455, section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Client,
    Server,
}

/// The close codes that the gateway sends (RFC 6455, section 7.4.1, and the IANA registry).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CloseCode {
    GoingAway = 1001,
    MessageTooBig = 1009,
    TryAgainLater = 1013,
}

/// Builds a close frame. `reason` is ASCII and is truncated to 123 bytes.
pub(super) fn close(reader: Reader, code: CloseCode, reason: &str) -> Vec<u8> {
    let reason = &reason.as_bytes()[..reason.len().min(MAX_REASON)];
    let length = u8::try_from(2 + reason.len()).unwrap_or(u8::MAX);
    let mut frame = vec![FINAL | CLOSE, length];
    if reader == Reader::Server {
        frame[1] |= MASKED;
        // A mask prevents scripts from choosing bytes that a proxy sees (RFC 6455, section 10.3). Between the gateway
        // and a worker, there is neither a script nor a proxy. A mask of zeros leaves the payload unchanged.
        frame.extend([0; 4]);
    }
    frame.extend((code as u16).to_be_bytes());
    frame.extend(reason);
    frame
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::protocol::frame::{Frame, coding};

    use super::*;

    fn frame(payload: usize, masked: bool) -> Vec<u8> {
        let opcode = coding::OpCode::Data(coding::Data::Binary);
        let mut frame = Frame::message(vec![0x88; payload], opcode, true);
        if masked {
            frame.header_mut().mask = Some([1, 2, 3, 4]);
        }
        let mut bytes = Vec::new();
        frame.format(&mut bytes).unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn frames_end_where_they_end(
            payloads in proptest::collection::vec(
                prop_oneof![0..200_usize, Just(125), Just(126), Just(65_535), Just(65_536)], 1..4),
            masked in any::<bool>(),
            cut in any::<proptest::sample::Index>(),
        ) {
            let mut bytes = Vec::new();
            let mut ends = vec![0];
            for payload in payloads {
                bytes.extend(frame(payload, masked));
                ends.push(bytes.len());
            }
            let cut = cut.index(bytes.len() + 1);
            let mut frames = Frames::default();
            frames.advance(&bytes[..cut]);
            prop_assert_eq!(frames.may_close(), ends.contains(&cut));
            // The result is the same for every split of the rest.
            for byte in &bytes[cut..] {
                frames.advance(std::slice::from_ref(byte));
            }
            prop_assert!(frames.may_close());
        }
    }

    #[test]
    fn nothing_follows_a_close() {
        for reader in [Reader::Client, Reader::Server] {
            let mut frames = Frames::default();
            frames.advance(&close(reader, CloseCode::GoingAway, "bye"));
            assert!(!frames.may_close());
            assert_eq!((frames.head_bytes, frames.payload_left), (0, 0));
        }
        let close = |reason: &str| close(Reader::Client, CloseCode::GoingAway, reason);
        assert_eq!(close("a"), [0x88, 3, 0x03, 0xe9, b'a']);
        assert_eq!(close(&"a".repeat(200)).len(), 2 + 125);
    }

    #[test]
    fn messages_are_counted_over_their_frames() {
        let part = |first: u8, payload: usize| {
            let mut bytes = frame(payload, true);
            bytes[0] = first;
            bytes
        };
        // A text message, a message of three frames with a ping in between, an empty message, and a close frame.
        let bytes = [
            part(0x81, 5),
            part(0x02, 200),
            part(0x89, 3),
            part(0x00, 70_000),
            part(0x80, 1),
            part(0x81, 0),
            part(0x82, 126),
            part(0x88, 2),
        ]
        .concat();
        for cut in [1, 2, 7, 100, 4096, bytes.len()] {
            let mut frames = Frames::default();
            let mut lengths = Vec::new();
            for mut piece in bytes.chunks(cut) {
                while !piece.is_empty() {
                    let had_payload = frames.payload_left() > 0;
                    piece = &piece[frames.step(piece)..];
                    if !had_payload && frames.payload_left() > 0 {
                        lengths.push(frames.message_bytes());
                    }
                }
            }
            assert_eq!(lengths, [5, 200, 200, 70_200, 70_201, 126, 0], "{cut}");
            assert_eq!(frames.message_bytes(), 0);
        }
    }

    #[test]
    fn a_length_may_be_anything() {
        let mut frames = Frames::default();
        let mut head = vec![0x02, 0xff];
        head.extend([0xff; 8]);
        head.extend([0; 4]);
        frames.advance(&head);
        assert_eq!(frames.message_bytes(), u64::MAX);
        frames.advance(&[0; 10]);
        assert_eq!(frames.payload_left(), u64::MAX - 10);
    }
}
