//! Heads of requests and answers as HTTP/1.1 has them (RFC 9112).

use std::mem::MaybeUninit;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode, Uri, Version, response};

use super::super::MAX_HEADERS;
use super::super::connection::MAX_HEAD_BYTES;
use super::input::Input;
use crate::gateway::CallerBody;

/// Headers that the gateway adds on the way to the function.
const ADDED_HEADERS: usize = 8;

/// What has come of a request.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is what nearly always comes"
)]
#[derive(Debug)]
pub(super) enum Parsed {
    Whole(Whole),
    Partial {
        /// Bytes of the whole request, once they are known.
        bytes: Option<usize>,
    },
    /// Something that is not for here.
    Other,
}

/// A request that has come whole.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) request: Request<CallerBody>,
    /// As it came.
    pub(super) bytes: Bytes,
    /// Whether its caller wants the connection to end with the answer.
    pub(super) closes: bool,
}

/// Looks at the first request of the input, and takes it if it is whole.
pub(super) fn parse(input: &mut Input) -> Parsed {
    parse_whole(input).unwrap_or(Parsed::Other)
}

/// `None` for what is not for here.
fn parse_whole(input: &mut Input) -> Option<Parsed> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    let come = input.bytes();
    let status = parsed.parse_with_uninit_headers(come, &mut fields).ok()?;
    let httparse::Status::Complete(head_bytes) = status else {
        // Too long to be waited for.
        return (come.len() < MAX_HEAD_BYTES).then_some(Parsed::Partial { bytes: None });
    };
    if head_bytes > MAX_HEAD_BYTES || parsed.version != Some(1) {
        return None;
    }
    let framing = Framing::of(parsed.headers)?;
    let bytes = head_bytes + framing.body_bytes;
    if come.len() < bytes {
        return Some(Parsed::Partial { bytes: Some(bytes) });
    }
    let place = |part: &[u8]| {
        let start = part.as_ptr() as usize - come.as_ptr() as usize;
        start..start + part.len()
    };
    // What follows the answer to CONNECT may be a tunnel.
    let method = Method::from_bytes(parsed.method?.as_bytes())
        .ok()
        .filter(|method| *method != Method::CONNECT)?;
    let target = place(parsed.path.filter(|path| path.starts_with('/'))?.as_bytes());
    let fields = parsed.headers.iter();
    let places: Vec<_> = fields
        .map(|field| (place(field.name.as_bytes()), place(field.value)))
        .collect();

    // Names, values and the body share what was read.
    let whole = input.take(bytes);
    let mut request = Request::new(CallerBody::Whole(whole.slice(head_bytes..)));
    *request.method_mut() = method;
    *request.version_mut() = Version::HTTP_11;
    let headers = request.headers_mut();
    headers.reserve(places.len() + ADDED_HEADERS);
    let parts = (|| {
        for (name, value) in places {
            let name = HeaderName::from_bytes(&whole[name]).ok()?;
            headers.append(
                name,
                HeaderValue::from_maybe_shared(whole.slice(value)).ok()?,
            );
        }
        Uri::from_maybe_shared(whole.slice(target)).ok()
    })();
    let Some(uri) = parts else {
        input.put_back(&whole);
        return None;
    };
    *request.uri_mut() = uri;
    Some(Parsed::Whole(Whole {
        request,
        bytes: whole,
        closes: framing.closes,
    }))
}

/// How long a request is, and what becomes of its connection.
struct Framing {
    body_bytes: usize,
    closes: bool,
}

impl Framing {
    /// `None` for what is not for here.
    fn of(fields: &[httparse::Header<'_>]) -> Option<Self> {
        let mut body_bytes = None;
        let mut closes = false;
        for field in fields {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            if is("content-length") {
                if body_bytes.replace(content_length(field.value)?).is_some() {
                    return None;
                }
            } else if is("connection") {
                closes |= closes_connection(field.value)?;
            } else if is("transfer-encoding") || is("upgrade") || is("expect") || is("te") {
                return None;
            }
        }
        let body_bytes = body_bytes.unwrap_or(0);
        (body_bytes <= jelou_engine::MAX_CALL_BODY).then_some(Self { body_bytes, closes })
    }
}

/// Digits and nothing else (RFC 9110, section 8.6).
fn content_length(value: &[u8]) -> Option<usize> {
    let digits = value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value)
        .ok()
        .filter(|_| digits)?
        .parse()
        .ok()
}

/// Whether the connection ends with this exchange; `None` for options that are not for here.
fn closes_connection(value: &[u8]) -> Option<bool> {
    if value.eq_ignore_ascii_case(b"keep-alive") {
        Some(false)
    } else if value.eq_ignore_ascii_case(b"close") {
        Some(true)
    } else {
        None
    }
}

/// Writes the head of an answer whose body has that many bytes. Answers whether the connection ends with it, which
/// `closes` asks for, and the answer itself may.
pub(super) fn write(
    out: &mut Vec<u8>,
    parts: &response::Parts,
    body_bytes: usize,
    is_head: bool,
    closes: bool,
) -> bool {
    let response::Parts {
        status, headers, ..
    } = parts;
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    // What HEAD answers with is a GET's, which only the function knows.
    let own_length = is_head && body_bytes == 0;
    for (name, value) in headers {
        if *name == header::CONNECTION || (*name == header::CONTENT_LENGTH && !own_length) {
            continue;
        }
        field(out, name.as_str().as_bytes(), value.as_bytes());
    }
    let says_length = own_length && headers.contains_key(header::CONTENT_LENGTH);
    if !is_bodiless(*status) && !says_length {
        let mut digits = itoa::Buffer::new();
        field(out, b"content-length", digits.format(body_bytes).as_bytes());
    }
    if !headers.contains_key(header::DATE) {
        out.extend_from_slice(b"date: ");
        put_date(out);
        out.extend_from_slice(b"\r\n");
    }
    let closes = closes
        || headers
            .get(header::CONNECTION)
            .is_some_and(|value| value == "close");
    if closes {
        field(out, b"connection", b"close");
    }
    out.extend_from_slice(b"\r\n");
    closes
}

fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Answers that have no body (RFC 9110, section 6.4.1).
pub(super) fn is_bodiless(status: StatusCode) -> bool {
    status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

/// The date changes once a second, and is written some ten thousand times in between.
fn put_date(out: &mut Vec<u8>) {
    thread_local! {
        static LAST: std::cell::RefCell<(u64, String)> = const { std::cell::RefCell::new((0, String::new())) };
    }
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    LAST.with_borrow_mut(|(second, text)| {
        if *second != now || text.is_empty() {
            *second = now;
            *text = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(now));
        }
        out.extend_from_slice(text.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Parsed, Input) {
        let mut input = Input::of(text.as_bytes());
        (parse(&mut input), input)
    }

    fn whole(text: &str) -> Whole {
        match parsed(text).0 {
            Parsed::Whole(whole) => whole,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    fn is_other(text: &str) -> bool {
        let (parsed, input) = parsed(text);
        // Whoever takes over must find all of it.
        matches!(parsed, Parsed::Other) && input.bytes() == text.as_bytes()
    }

    #[test]
    fn a_whole_request_is_taken_with_its_body_and_no_more() {
        let text =
            "POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nX-A: 1\r\nx-a: 2\r\n\r\nbody";
        let (Parsed::Whole(whole), rest) = parsed(&format!("{text}GET")) else {
            panic!();
        };
        assert_eq!(
            (&*whole.bytes, rest.bytes()),
            (text.as_bytes(), &b"GET"[..])
        );
        assert!(!whole.closes);
        assert_eq!(whole.request.uri(), "/a?b");
        assert_eq!(whole.request.headers().get_all("x-a").iter().count(), 2);
        assert!(matches!(whole.request.body(), CallerBody::Whole(body) if body == "body"));
        for cut in 1..text.len() {
            let known = (cut >= text.len() - 4).then_some(text.len());
            assert!(
                matches!(parsed(&text[..cut]).0, Parsed::Partial { bytes } if bytes == known),
                "{cut}"
            );
        }
    }

    #[test]
    fn what_is_not_plain_is_not_taken() {
        let long = format!("Content-Length: {}", jelou_engine::MAX_CALL_BODY + 1);
        let fields = [
            "Transfer-Encoding: chunked",
            "Upgrade: websocket",
            "Expect: 100-continue",
            "TE: trailers",
            "Connection: X-A",
            "Connection: keep-alive, Upgrade",
            "Content-Length: +1",
            "Content-Length: 1, 1",
            "Content-Length: ",
            "Content-Length: 0\r\nContent-Length: 0",
            "Bad Name: 1",
            " folded: 1",
            &long,
        ];
        for field in fields {
            let text = format!("GET / HTTP/1.1\r\nHost: x\r\n{field}\r\n\r\n");
            assert!(is_other(&text), "{field}");
        }
        for line in [
            "GET / HTTP/1.0",
            "GET http://x/ HTTP/1.1",
            "OPTIONS * HTTP/1.1",
            "CONNECT / HTTP/1.1",
            "CONNECT x:443 HTTP/1.1",
            "GET /",
            "G\0T / HTTP/1.1",
        ] {
            let text = format!("{line}\r\nHost: x\r\n\r\n");
            assert!(is_other(&text), "{line}");
        }
        let many = "a: b\r\n".repeat(MAX_HEADERS + 1);
        let text = format!("GET / HTTP/1.1\r\n{many}\r\n");
        assert!(is_other(&text));
        let endless = format!("GET / HTTP/1.1\r\na: {}", "b".repeat(MAX_HEAD_BYTES));
        assert!(is_other(&endless));
    }

    #[test]
    fn connections_are_kept_unless_somebody_says_otherwise() {
        let closes = |field: &str| whole(&format!("GET / HTTP/1.1\r\n{field}\r\n\r\n")).closes;
        assert!(closes("Connection: Close"));
        assert!(!closes("connection: keep-alive"));
    }

    fn written(
        status: u16,
        fields: &[(&'static str, &'static str)],
        body: usize,
        is_head: bool,
    ) -> String {
        let mut response = http::Response::builder().status(status);
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        let (parts, ()) = response.body(()).unwrap().into_parts();
        let mut out = Vec::new();
        write(&mut out, &parts, body, is_head, false);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lengths_are_those_of_the_body() {
        let date = ("date", "now");
        let answer = written(200, &[date, ("content-length", "9")], 3, false);
        assert_eq!(
            answer,
            "HTTP/1.1 200 OK\r\ndate: now\r\ncontent-length: 3\r\n\r\n"
        );
        let answer = written(200, &[date, ("content-length", "9")], 0, true);
        assert_eq!(
            answer,
            "HTTP/1.1 200 OK\r\ndate: now\r\ncontent-length: 9\r\n\r\n"
        );
        assert_eq!(
            written(204, &[date], 0, false),
            "HTTP/1.1 204 No Content\r\ndate: now\r\n\r\n"
        );
        assert!(written(200, &[], 0, false).contains("\r\ndate: "));
        let last = written(200, &[date, ("connection", "close")], 0, false);
        assert!(last.ends_with("content-length: 0\r\nconnection: close\r\n\r\n"));
    }
}
