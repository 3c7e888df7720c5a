//! Whatever comes, this reader and hyper take it for the same, or it is left to hyper.

use std::pin::pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::head::{self, Parsed};
use super::input::Input;
use crate::gateway::CallerBody;

/// A request as somebody understood it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
    closes: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// With what is left of the input.
    Whole(Seen, Vec<u8>),
    Partial(Option<usize>),
    Other,
}

fn seen<B>(request: &Request<B>, body: Bytes, closes: bool) -> Seen {
    assert_eq!(request.version(), http::Version::HTTP_11);
    let headers = request.headers().iter();
    Seen {
        method: request.method().to_string(),
        target: request.uri().to_string(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect(),
        body,
        closes,
    }
}

fn parse(bytes: &[u8]) -> Outcome {
    let mut input = Input::of(bytes);
    match head::parse(&mut input) {
        Parsed::Whole(whole) => {
            assert_eq!([&whole.bytes, input.bytes()].concat(), bytes);
            let CallerBody::Whole(body) = whole.request.body() else {
                panic!("{whole:?}");
            };
            let seen = seen(&whole.request, body.clone(), whole.closes);
            Outcome::Whole(seen, input.bytes().to_vec())
        }
        partial_or_other => {
            // Whoever takes over must find all of it.
            assert_eq!(input.bytes(), bytes);
            match partial_or_other {
                Parsed::Partial { bytes } => Outcome::Partial(bytes),
                _ => Outcome::Other,
            }
        }
    }
}

/// The first request as hyper has it; `None` when it refuses it.
async fn served_by_hyper(bytes: &[u8]) -> Option<Seen> {
    let (near, mut caller) = tokio::io::duplex(bytes.len().max(64 * 1024));
    caller.write_all(bytes).await.unwrap();
    let first = Arc::new(Mutex::new(None));
    let service = service_fn(|request: Request<Incoming>| {
        let first = Arc::clone(&first);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let seen = seen(&Request::from_parts(parts, ()), body, false);
            first.lock().unwrap().get_or_insert(seen);
            Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::new())))
        }
    });
    let mut answer = Vec::new();
    let end = |answer: &[u8]| answer.windows(4).any(|bytes| bytes == b"\r\n\r\n");
    {
        let mut answered = pin!(async {
            while !end(&answer) && caller.read_buf(&mut answer).await.unwrap() > 0 {}
        });
        tokio::select! {
            () = answered.as_mut() => {}
            _ = super::others().serve_connection(TokioIo::new(near), service) => answered.await,
        }
    }
    let answer = String::from_utf8(answer).unwrap();
    let mut first = first.lock().unwrap().take()?;
    let (answer, _) = answer.split_once("\r\n\r\n").unwrap();
    first.closes = answer.contains("\r\nconnection: close");
    Some(first)
}

/// The head as the parser alone has it: method, target and headers.
fn parsed_alone(bytes: &[u8]) -> (String, String, Vec<(String, Vec<u8>)>) {
    let mut fields = [httparse::EMPTY_HEADER; 200];
    let mut request = httparse::Request::new(&mut fields);
    assert!(request.parse(bytes).unwrap().is_complete());
    assert_eq!(request.version, Some(1));
    let headers = request.headers.iter();
    (
        request.method.unwrap().to_owned(),
        request.path.unwrap().to_owned(),
        headers
            .map(|field| (field.name.to_ascii_lowercase(), field.value.to_vec()))
            .collect(),
    )
}

/// Headers in an order that a map keeps: those of one name stay as they are.
fn by_name(mut headers: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    headers.sort_by(|a, b| a.0.cmp(&b.0));
    headers
}

fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![12 => Just("\r\n"), 1 => select(vec!["\n", "\r", "\r\r\n", "\n\r", " \r\n", "\r\n ", "\0\r\n"])]
}

fn request_line() -> impl Strategy<Value = String> {
    let method = prop_oneof![
        6 => select(vec!["GET", "POST", "HEAD", "OPTIONS", "DELETE"]),
        1 => select(vec!["CONNECT", "get", "BREW", "G ET", "", "G\0T", "PRI", "\r\nGET", "\nGET", " GET"]),
    ];
    let target = prop_oneof![
        6 => select(vec!["/", "/a/b?c=d", "/%00", "//x/y"]),
        1 => select(vec!["http://x/a", "*", "x:443", "", "a", "/a b", "/#a", "/\u{e9}", "/a\t", "/?", "/\\", "http:/a", "/<>\"{}|^`"]),
    ];
    let version = prop_oneof![
        8 => Just(" HTTP/1.1"),
        1 => select(vec![" HTTP/1.0", " HTTP/2.0", "", " http/1.1", " HTTP/1.1 ", "  HTTP/1.1", " HTTP/1.10"]),
    ];
    (method, target, version, line_end())
        .prop_map(|(method, target, version, end)| format!("{method} {target}{version}{end}"))
}

fn field() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        8 => select(vec![
            "Host", "X-A", "x-a", "Content-Length", "CONTENT-LENGTH", "Connection", "connection", "Content-Type",
        ]),
        1 => select(vec![
            "Transfer-Encoding", "Upgrade", "Expect", "TE", "Content-Length ", " Content-Length", "Content Length",
            "", "X\0", "X-\u{e9}", "Trailer", "Keep-Alive", "Proxy-Connection", "Content_Length",
        ]),
    ];
    let colon =
        prop_oneof![8 => Just(": "), 1 => select(vec![":", ":\t", " :", ":  ", "", ":\u{b}"])];
    let value = prop_oneof![
        6 => select(vec!["x", "0", "3", "4", "close", "keep-alive", "\u{e9}", "a b", "application/json"]),
        1 => select(vec![
            "+3", "-1", "3,3", "3, 3", "0x3", "3 ", "03", "", "3\u{b}", "99999999999999999999", "131073", "chunked",
            "identity", "Close", "keep-alive, close", "close, x", "Upgrade", "100-continue", "a\rb", "a\0b", "a\u{7f}",
            "3\r\n 4", "websocket", "trailers", "18446744073709551616", "\u{ff13}",
        ]),
    ];
    (name, colon, value, line_end())
        .prop_map(|(name, colon, value, end)| format!("{name}{colon}{value}{end}"))
}

/// Requests, most of which are plain, with something behind them; some of them changed by a byte.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let fields = prop_oneof![
        12 => prop::collection::vec(field(), 0..6),
        1 => prop::collection::vec(field(), 80..95),
    ];
    let body = select(vec![
        "",
        "abc",
        "abcd",
        "3\r\nabc\r\n0\r\n\r\n",
        "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
        "xyzPOST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab",
    ]);
    let change = prop_oneof![
        3 => Just(None),
        1 => (any::<Index>(), any::<u8>(), 0..3_usize).prop_map(Some),
    ];
    let request = (request_line(), fields, line_end(), body, change);
    let request = request.prop_map(|(line, fields, end, body, change)| {
        let mut bytes = [line, fields.concat(), end.to_owned(), body.to_owned()]
            .concat()
            .into_bytes();
        if let Some((at, byte, removed)) = change {
            let at = at.index(bytes.len());
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, [byte]);
        }
        bytes
    });
    prop_oneof![20 => request, 1 => prop::collection::vec(any::<u8>(), 1..200)]
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_taken_is_what_hyper_would_serve(bytes in input()) {
        if let Outcome::Whole(seen, _) = parse(&bytes) {
            let (method, target, headers) = parsed_alone(&bytes);
            prop_assert_eq!(&seen.method, &method);
            // What comes behind `#` is not a part of it.
            prop_assert_eq!(&seen.target, target.split('#').next().unwrap());
            prop_assert_eq!(by_name(seen.headers.clone()), by_name(headers));
            let served = runtime().block_on(served_by_hyper(&bytes));
            prop_assert_eq!(Some(seen), served);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn it_is_the_same_in_any_pieces(bytes in input()) {
        let outcome = parse(&bytes);
        let whole = match &outcome {
            Outcome::Whole(_, rest) => bytes.len() - rest.len(),
            Outcome::Partial(_) | Outcome::Other => bytes.len(),
        };
        for cut in 1..whole {
            match (parse(&bytes[..cut]), &outcome) {
                (Outcome::Partial(known), Outcome::Whole(..)) => {
                    prop_assert!(known.is_none_or(|known| known == whole), "{}", cut);
                }
                (Outcome::Partial(known), Outcome::Partial(later)) => {
                    prop_assert!(known.is_none() || known == *later, "{}", cut);
                }
                // Once it is not for here, more bytes change nothing.
                (Outcome::Partial(_) | Outcome::Other, Outcome::Other) => {}
                (piece, outcome) => prop_assert!(false, "{}: {:?}, {:?}", cut, piece, outcome),
            }
        }
        let in_one = |rest: &[u8]| parse(&[&bytes[..whole], rest].concat());
        if let (Outcome::Whole(seen, _), Outcome::Whole(same, rest)) = (&outcome, in_one(b"GET")) {
            prop_assert_eq!((seen, rest.as_slice()), (&same, b"GET".as_slice()));
        }
    }
}
