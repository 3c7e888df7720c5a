//! Writes and parses the frames of the call channel, which `sdk/src/worker/channel.ts` describes. Frames from a worker
//! are untrusted.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode, request};
use uuid::Uuid;

use crate::transport::call_facts::CallFacts;

const REQUEST: u8 = 1;
const CANCEL: u8 = 2;
const DONE: u8 = 3;
const PIPE: u8 = 4;
const RECEIPT: u8 = 5;
const ANSWER: u8 = 1;
const HELD: u8 = 2;
const WORK: u8 = 3;
const WORKED: u8 = 4;

/// Maximum number of headers of an answer, the same as over HTTP.
const MAX_FIELDS: usize = 100;
/// Number of headers that most answers have, including the headers that the gateway adds.
const HEADERS: usize = 12;
/// Bytes of a frame header: length, kind, call id.
const HEADER: usize = 9;
/// Bytes of an answer's status and head length.
const ANSWER_HEADER: usize = 6;
/// Maximum bytes of an answer's head and body. The worker holds larger answers (`HELD`), and the engine fetches them
/// over HTTP. A head has at most 16 Ki and a body at most 64 Ki UTF-16 units, each of at most three bytes.
const MAX_ANSWER: usize = 3 * (16 + 64) * 1024;
/// Maximum bytes of a frame from a worker.
pub(super) const MAX_FRAME: usize = HEADER + ANSWER_HEADER + MAX_ANSWER;

#[derive(Debug)]
pub(super) enum Reply {
    Answer(Response<Bytes>),
    /// The head exceeds the limit.
    HeadTooLarge,
    /// The worker has stored the answer, and the engine must fetch it over HTTP.
    Held,
}

/// A frame from a worker.
#[derive(Debug)]
pub(super) enum Frame {
    Reply(u32, Reply),
    /// The request has started `ctx.waitUntil` work, which outlives its answer. If `receipt` is not 0, the worker waits
    /// for a `RECEIPT` frame with this number.
    Work {
        request_id: Uuid,
        receipt: u32,
    },
    /// The work of the request has ended.
    WorkEnded(Uuid),
}

#[derive(Debug, thiserror::Error)]
#[error("the worker broke the protocol of its call channel: {0}")]
pub(super) struct WireError(pub(super) &'static str);

pub(super) fn put_request(
    out: &mut Vec<u8>,
    id: u32,
    facts: &CallFacts<'_>,
    head: &request::Parts,
    body: &[u8],
) {
    let start = put_header(out, REQUEST, id);
    out.extend_from_slice(&[0; 4]);
    let head_start = out.len();
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.push(b' ');
    let target = head.uri.path_and_query();
    out.extend_from_slice(target.map_or("/", |target| target.as_str()).as_bytes());
    out.push(b'\n');
    facts.write(out);
    out.push(b'\n');
    // The worker reads the content type of every request, so the content type also has a line of its own.
    let types = head.headers.get_all(header::CONTENT_TYPE).iter();
    for (index, value) in types.enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        put_value(out, value.as_bytes());
    }
    out.push(b'\n');
    for (name, value) in &head.headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        put_value(out, value.as_bytes());
        out.push(b'\n');
    }
    let head_bytes = length(out.len() - head_start);
    out[head_start - 4..head_start].copy_from_slice(&head_bytes);
    out.extend_from_slice(body);
    end(out, start);
}

/// Adds a frame that cancels a call, because the caller has disconnected.
pub(super) fn put_cancel(out: &mut Vec<u8>, id: u32) {
    let start = put_header(out, CANCEL, id);
    end(out, start);
}

/// Adds a frame that reports that a held answer was read completely.
pub(super) fn put_done(out: &mut Vec<u8>, id: u32) {
    let start = put_header(out, DONE, id);
    end(out, start);
}

/// Adds a frame that confirms the `WORK` frame with this receipt number.
pub(super) fn put_receipt(out: &mut Vec<u8>, number: u32) {
    let start = put_header(out, RECEIPT, number);
    end(out, start);
}

/// Adds a frame with the number of the pipe for answers.
pub(super) fn put_pipe(out: &mut Vec<u8>, number: u32) {
    let start = put_header(out, PIPE, number);
    end(out, start);
}

fn put_header(out: &mut Vec<u8>, kind: u8, id: u32) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.push(kind);
    out.extend_from_slice(&id.to_be_bytes());
    start
}

fn end(out: &mut [u8], start: usize) {
    let bytes = length(out.len() - start - 4);
    out[start..start + 4].copy_from_slice(&bytes);
}

fn length(bytes: usize) -> [u8; 4] {
    // Buffered heads and bodies are far smaller than 4 GiB.
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}

/// Writes the bytes of a header value as UTF-8, one character for each byte: the Fetch Standard decodes header values
/// as Latin-1 (isomorphic decode).
fn put_value(out: &mut Vec<u8>, value: &[u8]) {
    if value.is_ascii() {
        out.extend_from_slice(value);
        return;
    }
    let text: String = value.iter().copied().map(char::from).collect();
    out.extend_from_slice(text.as_bytes());
}

/// Parses the first frame of the input. Returns the frame and its length in bytes, or `None` while it is incomplete.
pub(super) fn next(
    input: &[u8],
    max_head_bytes: usize,
) -> Result<Option<(Frame, usize)>, WireError> {
    let Some(bytes) = input.first_chunk::<4>() else {
        return Ok(None);
    };
    let frame = u32::from_be_bytes(*bytes) as usize + 4;
    if frame > MAX_FRAME {
        return Err(WireError("a frame is longer than the longest valid answer"));
    }
    if input.len() < frame {
        return Ok(None);
    }
    let (Some((header, rest)), true) = (
        input[..frame].split_first_chunk::<HEADER>(),
        frame >= HEADER,
    ) else {
        return Err(WireError("a frame is too short"));
    };
    let [_, _, _, _, kind, id @ ..] = header;
    let id = u32::from_be_bytes(*id);
    let content = match *kind {
        HELD => Frame::Reply(id, Reply::Held),
        ANSWER => Frame::Reply(id, answer(rest, max_head_bytes)?),
        WORK => Frame::Work {
            request_id: request_id(rest)?,
            receipt: id,
        },
        WORKED => Frame::WorkEnded(request_id(rest)?),
        _ => return Err(WireError("a frame has an unknown kind")),
    };
    Ok(Some((content, frame)))
}

fn request_id(text: &[u8]) -> Result<Uuid, WireError> {
    Uuid::try_parse_ascii(text).map_err(|_| WireError("a frame has no valid id of a request"))
}

fn answer(frame: &[u8], max_head_bytes: usize) -> Result<Reply, WireError> {
    let (header, rest) = frame
        .split_first_chunk::<ANSWER_HEADER>()
        .ok_or(WireError("an answer is too short"))?;
    let [high, low, head_bytes @ ..] = *header;
    let status = StatusCode::from_u16(u16::from_be_bytes([high, low]))
        .ok()
        // After an informational status, a caller would read the next response on the connection as the final response
        // (RFC 9110, section 15.2).
        .filter(|status| !status.is_informational())
        .ok_or(WireError("an answer has no valid status"))?;
    let head_bytes = u32::from_be_bytes(head_bytes) as usize;
    let (head, body) = rest
        .split_at_checked(head_bytes)
        .ok_or(WireError("an answer is shorter than its head"))?;
    let lines = head.split(|byte| *byte == b'\n').count() - 1;
    // A line end counts as two bytes, as in HTTP.
    if head.len() + lines > max_head_bytes || lines > MAX_FIELDS {
        return Ok(Reply::HeadTooLarge);
    }
    let mut response = Response::new(Bytes::copy_from_slice(body));
    response.headers_mut().reserve(HEADERS);
    *response.status_mut() = status;
    read_headers(head, response.headers_mut())?;
    Ok(Reply::Answer(response))
}

fn read_headers(head: &[u8], headers: &mut HeaderMap) -> Result<(), WireError> {
    for line in head.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .ok_or(WireError("a header has no colon"))?;
        let name = HeaderName::from_bytes(&line[..colon])
            .map_err(|_| WireError("a header has no valid name"))?;
        let value = header_value(line[colon + 1..].trim_ascii())
            .ok_or(WireError("a header has no valid value"))?;
        headers
            .try_append(name, value)
            .map_err(|_| WireError("an answer has too many headers"))?;
    }
    Ok(())
}

fn header_value(text: &[u8]) -> Option<HeaderValue> {
    if text.is_ascii() {
        return HeaderValue::from_bytes(text).ok();
    }
    let latin1: Option<Vec<u8>> = std::str::from_utf8(text)
        .ok()?
        .chars()
        .map(|char| u8::try_from(char).ok())
        .collect();
    HeaderValue::from_bytes(&latin1?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, id: u32, rest: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let start = put_header(&mut out, kind, id);
        out.extend_from_slice(rest);
        end(&mut out, start);
        out
    }

    fn answer_frame(status: u16, head: &str, body: &[u8]) -> Vec<u8> {
        let mut rest = status.to_be_bytes().to_vec();
        rest.extend_from_slice(&length(head.len()));
        rest.extend_from_slice(head.as_bytes());
        rest.extend_from_slice(body);
        frame(ANSWER, 7, &rest)
    }

    #[test]
    fn an_answer_is_parsed() {
        let bytes = answer_frame(201, "x-a: 1\nx-a: 2\nx-ñ: é\n", b"body");
        assert!(next(&bytes, 100).is_err(), "a name is ASCII");
        let bytes = answer_frame(201, "x-a: 1\nx-a: 2\nx-b: \u{e9}\n", b"body");
        let (content, length) = next(&bytes, 100).unwrap().unwrap();
        assert_eq!(length, bytes.len());
        let Frame::Reply(7, Reply::Answer(response)) = content else {
            panic!("{content:?}");
        };
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers().get_all("x-a").iter().count(), 2);
        assert_eq!(response.headers()["x-b"].as_bytes(), b"\xe9");
        assert_eq!(response.body(), "body");
        for cut in 0..bytes.len() {
            assert!(next(&bytes[..cut], 100).unwrap().is_none(), "{cut}");
        }
    }

    #[test]
    fn invalid_frames_are_errors() {
        for bytes in [
            u32::MAX.to_be_bytes().to_vec(),
            frame(9, 1, &[]),
            frame(WORK, 0, b"no id"),
            frame(WORKED, 0, b""),
            frame(ANSWER, 1, &[0, 200]),
            frame(ANSWER, 1, &[0, 0, 0, 0, 0, 0]),
            frame(ANSWER, 1, &[0, 200, 0, 0, 0, 9]),
            answer_frame(99, "", b""),
            answer_frame(100, "", b""),
            answer_frame(101, "upgrade: websocket\n", b""),
            answer_frame(103, "", b""),
            answer_frame(1000, "", b""),
            answer_frame(200, "a: b\rc\n", b""),
            answer_frame(200, "a: b\0\n", b""),
            answer_frame(200, "a b: c\n", b""),
            answer_frame(200, ": c\n", b""),
            answer_frame(200, "no colon\n", b""),
            answer_frame(200, "a: \u{1}\n", b""),
            answer_frame(200, "a: \u{2192}\n", b""),
            [0, 0, 0, 1, HELD].to_vec(),
        ] {
            assert!(next(&bytes, 100).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_head_over_the_limit_fails_only_its_call() {
        let head = format!("a: {}\n", "b".repeat(200));
        let (content, _) = next(&answer_frame(200, &head, b""), 100).unwrap().unwrap();
        assert!(matches!(content, Frame::Reply(7, Reply::HeadTooLarge)));
        let head = "a: b\n".repeat(MAX_FIELDS + 1);
        let (content, _) = next(&answer_frame(200, &head, b""), 1000).unwrap().unwrap();
        assert!(matches!(content, Frame::Reply(7, Reply::HeadTooLarge)));
    }

    #[test]
    fn a_request_is_one_frame() {
        let (head, ()) = http::Request::put("/a?b=c")
            .header("x-a", HeaderValue::from_bytes(b"\xe9").unwrap())
            .header("content-type", "a")
            .header("content-type", "b")
            .body(())
            .unwrap()
            .into_parts();
        let mut out = Vec::new();
        put_request(&mut out, 3, &CallFacts::PLAIN, &head, b"body");
        let text = format!(
            "PUT /a?b=c\n{} default https://f.example.com  \na, b\nx-a: \u{e9}\ncontent-type: a\ncontent-type: b\n",
            Uuid::nil()
        );
        let mut rest = length(text.len()).to_vec();
        rest.extend_from_slice(text.as_bytes());
        rest.extend_from_slice(b"body");
        assert_eq!(out, frame(REQUEST, 3, &rest));
    }
}
