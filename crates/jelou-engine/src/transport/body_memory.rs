//! Estimates the worker memory that a request body takes, for admission. The factors are measured; decision 097 has the
//! figures.

use http::header::{self, HeaderMap, HeaderValue};
use http_body::Body;
use jelou_core::Limits;

use super::body::{BodyError, MAX_CALL_BODY, RequestBody};

/// Maximum bytes of a body that needs no permit. A process has enough memory for such bodies of all its concurrent
/// requests, regardless of their content.
const MAX_SMALL: u64 = 4 * 1024;
/// Minimum memory for a multipart form, which may have a few dozen small files.
const LEAST_OF_MULTIPART: u64 = 512 * 1024;

/// The memory budget of a function that a body is charged to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyBudget {
    /// The body is small and needs no permit.
    Uncounted,
    /// The body, or the WebSocket message, fits into a frame of the call channel.
    Medium,
    /// The body is larger, or its length is unknown.
    Large,
}

/// The worker memory that a request body may take.
#[derive(Debug, Clone, Copy)]
pub struct BodyMemory {
    budget: BodyBudget,
    bytes: u64,
    format: Format,
}

impl BodyMemory {
    /// No memory: for a request without a body, or with a small body.
    pub const NONE: Self = Self {
        budget: BodyBudget::Uncounted,
        bytes: 0,
        format: Format::Text,
    };

    /// Returns the maximum memory that the body may take, up to the limit for all bodies of a function.
    pub fn of(headers: &HeaderMap, body: &RequestBody, limits: &Limits) -> Self {
        let length = match body.size_hint().exact() {
            Some(0) => return Self::NONE,
            // The decoded body may have any length.
            _ if headers.contains_key(header::CONTENT_ENCODING) => None,
            length => length,
        };
        let budget = match length {
            Some(0..=MAX_SMALL) => return Self::NONE,
            Some(length) if length <= MAX_CALL_BODY as u64 => BodyBudget::Medium,
            _ => BodyBudget::Large,
        };
        let length = length.unwrap_or(limits.max_body_bytes);
        let format = Format::of(headers);
        let bytes = match length.saturating_mul(format.factor()) {
            bytes if format == Format::Multipart => bytes.max(LEAST_OF_MULTIPART),
            bytes => bytes,
        };
        Self {
            budget,
            bytes: bytes.min(limits.body_memory_mib() * 1024 * 1024),
            format,
        }
    }

    /// Returns the memory of a WebSocket frame. `message`: bytes received so far of the message that the frame belongs
    /// to, including this frame.
    pub fn of_message(frame: u64, message: u64, limits: &Limits) -> Self {
        if message <= MAX_SMALL {
            return Self::NONE;
        }
        let budget = if message <= MAX_CALL_BODY as u64 {
            BodyBudget::Medium
        } else {
            BodyBudget::Large
        };
        let most = limits.body_memory_mib() * 1024 * 1024;
        let format = Format::File;
        let bytes = frame.saturating_mul(format.factor()).min(most);
        Self {
            budget,
            bytes,
            format,
        }
    }

    pub(crate) fn budget(self) -> BodyBudget {
        self.budget
    }

    pub(crate) fn kib(self) -> u32 {
        u32::try_from(self.bytes.div_ceil(1024)).unwrap_or(u32::MAX)
    }

    /// Returns a counter that fails when the content takes more than this memory.
    pub(crate) fn contents(self) -> Contents {
        Contents {
            left: match self.budget {
                BodyBudget::Uncounted => u64::MAX,
                BodyBudget::Medium | BodyBudget::Large => self.bytes,
            },
            format: self.format,
            part: Pattern::new(b"\n--"),
            file: Pattern::new(b"filename"),
        }
    }
}

/// The body's format, derived from its content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Any other body. It may be JSON, regardless of its content type.
    Text,
    UrlEncoded,
    Multipart,
    File,
}

impl Format {
    fn of(headers: &HeaderMap) -> Self {
        const PREFIXES: [(&str, Format); 9] = [
            ("application/x-www-form-urlencoded", Format::UrlEncoded),
            ("multipart/", Format::Multipart),
            ("image/", Format::File),
            ("audio/", Format::File),
            ("video/", Format::File),
            ("application/octet-stream", Format::File),
            ("application/pdf", Format::File),
            ("application/zip", Format::File),
            ("application/gzip", Format::File),
        ];
        let value = headers.get(header::CONTENT_TYPE);
        let value = value.map(HeaderValue::as_bytes).unwrap_or_default();
        let begins = |prefix: &str| {
            let start = value.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        let mut prefixes = PREFIXES.iter();
        let found = prefixes.find(|(prefix, _)| begins(prefix));
        found.map_or(Self::Text, |(_, format)| *format)
    }

    /// Returns the bytes of memory for each byte of the body.
    fn factor(self) -> u64 {
        match self {
            Self::Text => 16,
            Self::UrlEncoded => 32,
            Self::Multipart | Self::File => 8,
        }
    }
}

/// Counts content that takes more memory than its bytes suggest, while a body is transferred. For example, 10 MB of
/// `[{},{},…]` take 280 MB after parsing, and short form fields are similar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contents {
    /// Bytes of memory that the rest of the content may take.
    left: u64,
    format: Format,
    part: Pattern,
    file: Pattern,
}

impl Contents {
    /// Bytes of memory for a JSON object or array.
    const CONTAINER: u64 = 80;
    const URL_ENCODED_FIELD: u64 = 250;
    const MULTIPART_FIELD: u64 = 400;
    const MULTIPART_FILE: u64 = 3000;

    pub(crate) fn count(&mut self, bytes: &[u8]) -> Result<(), BodyError> {
        if self.left == u64::MAX {
            return Ok(());
        }
        let containers = number(bytes, |byte| matches!(byte, b'{' | b'['));
        let fields = match self.format {
            Format::Text | Format::File => 0,
            Format::UrlEncoded => number(bytes, |byte| byte == b'&') * Self::URL_ENCODED_FIELD,
            Format::Multipart => {
                self.part.count(bytes) * Self::MULTIPART_FIELD
                    + self.file.count(bytes) * Self::MULTIPART_FILE
            }
        };
        self.left = self
            .left
            .checked_sub(containers * Self::CONTAINER + fields)
            .ok_or(BodyError::TooDense)?;
        Ok(())
    }
}

/// Counts bytes. The pieces are so short that their counts fit into a byte each, so that the compiler uses vectors of
/// bytes.
fn number(bytes: &[u8], is_counted: impl Fn(u8) -> bool) -> u64 {
    let pieces = bytes.chunks(u8::MAX.into());
    let counts = pieces.map(|piece| {
        let counted = piece.iter().map(|byte| u8::from(is_counted(*byte)));
        u64::from(counted.sum::<u8>())
    });
    counts.sum()
}

/// Counts the occurrences of a text in a stream of chunks. The first byte of the text must occur in it only once.
#[derive(Debug, Clone, Copy)]
struct Pattern {
    text: &'static [u8],
    matched: usize,
}

impl Pattern {
    const fn new(text: &'static [u8]) -> Self {
        Self { text, matched: 0 }
    }

    fn count(&mut self, bytes: &[u8]) -> u64 {
        let mut count = 0;
        for byte in bytes {
            if *byte == self.text[self.matched] {
                self.matched += 1;
            } else {
                self.matched = usize::from(*byte == self.text[0]);
            }
            if self.matched == self.text.len() {
                self.matched = 0;
                count += 1;
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_found_across_chunks() {
        let text = b"--b\r\n a: \n--b\n\n--b\r\n-\n-\n--\n--b--";
        for cut in 1..text.len() {
            let mut pattern = Pattern::new(b"\n--");
            let count: u64 = text.chunks(cut).map(|part| pattern.count(part)).sum();
            assert_eq!(count, 4, "{cut}");
        }
    }

    #[test]
    fn the_memory_of_a_body_depends_on_its_length_and_type() {
        let limits = Limits::default();
        let kib = |length: usize, content_type: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
            let body = RequestBody::full(vec![b'x'; length].into());
            let memory = BodyMemory::of(&headers, &body, &limits);
            (memory.budget(), memory.kib())
        };
        assert_eq!(kib(4096, "application/json"), (BodyBudget::Uncounted, 0));
        assert_eq!(kib(8192, "application/json"), (BodyBudget::Medium, 128));
        assert_eq!(
            kib(8192, "Multipart/form-data; boundary=b"),
            (BodyBudget::Medium, 512)
        );
        assert_eq!(kib(8192, "IMAGE/png"), (BodyBudget::Medium, 64));
        let large = 200 * 1024;
        assert_eq!(kib(large, "image/png"), (BodyBudget::Large, 1600));
        assert_eq!(kib(large, ""), (BodyBudget::Large, 3200));
        assert_eq!(
            kib(10 * 1024 * 1024, "text/plain"),
            (BodyBudget::Large, 102 * 1024)
        );
    }
}
