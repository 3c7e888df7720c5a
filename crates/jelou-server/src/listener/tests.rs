//! Tests in which the caller disconnects, or the server stops, in the middle of a request.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::graceful::ConnectionResult;
use super::watched::Patience;
use super::{Connections, Routing, Stop, http1};
use crate::freshness::Freshness;
use crate::network::TrustedProxies;

/// A server that returns an empty response to every request.
struct Serving {
    stop: watch::Sender<Option<Instant>>,
    is_stopping: Arc<AtomicBool>,
    caller: DuplexStream,
    task: JoinHandle<ConnectionResult>,
}

impl Serving {
    fn start() -> Self {
        Self::with(None, Duration::ZERO)
    }

    fn with(api: Option<axum::Router>, drain_delay: Duration) -> Self {
        let (near, caller) = tokio::io::duplex(64 * 1024);
        let routing = Arc::new(Routing {
            gateway: None,
            api,
            issuer: None,
            freshness: Arc::new(Freshness::new(false, None, Duration::ZERO)),
            trusted_proxies: TrustedProxies::default(),
            certificate: None,
            connections: Connections::new(None, 1),
            access_log: None,
            head_timeout: Duration::from_secs(10),
            patience: Patience {
                write: Duration::from_secs(10),
                half_closed: Duration::ZERO,
            },
            is_stopping: Arc::default(),
        });
        let is_stopping = Arc::clone(&routing.is_stopping);
        let (stop, begun) = watch::channel(None);
        let stopped = Stop::new(begun, drain_delay);
        let peer = IpAddr::from([127, 0, 0, 1]);
        Self {
            stop,
            is_stopping,
            caller,
            task: tokio::spawn(http1::serve(near, peer, routing, stopped)),
        }
    }

    fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.stop.send(Some(Instant::now())).unwrap();
    }

    async fn send(&mut self, bytes: &str) {
        self.caller.write_all(bytes.as_bytes()).await.unwrap();
        // Lets the server read the bytes before the test continues.
        tokio::task::yield_now().await;
    }

    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.caller.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// Returns all bytes until the server closes the connection.
    async fn rest(mut self) -> String {
        let mut rest = String::new();
        self.caller.read_to_string(&mut rest).await.unwrap();
        self.task.await.unwrap().unwrap();
        rest
    }
}

const REQUEST: &str = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody";
const CHUNKED: &str =
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";

#[tokio::test]
async fn an_idle_connection_ends_when_the_server_stops() {
    for requests in [
        &[][..],
        &[REQUEST],
        &[REQUEST, REQUEST],
        &[REQUEST, CHUNKED],
    ] {
        let mut serving = Serving::start();
        for request in requests {
            serving.send(request).await;
            let head = serving.head().await;
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            assert!(!head.contains("connection: close"), "{head}");
        }
        serving.stop();
        assert_eq!(serving.rest().await, "");
    }
}

#[tokio::test]
async fn a_request_that_has_begun_is_answered_when_the_server_stops() {
    for request in [REQUEST, CHUNKED] {
        // The server responds as soon as it has the head, without waiting for the body.
        let head = request.find("\r\n\r\n").unwrap() + 4;
        for cut in (1..head).chain([1; 20]) {
            let (first, second) = request.split_at(cut);
            let mut serving = Serving::start();
            serving.send(first).await;
            serving.stop();
            serving.send(second).await;
            let rest = serving.rest().await;
            assert!(
                rest.starts_with("HTTP/1.1 200 "),
                "{request:?}, {cut}: {rest}"
            );
            assert!(
                rest.contains("connection: close\r\n"),
                "{request:?}, {cut}: {rest}"
            );
        }
    }
}

#[tokio::test]
async fn an_open_connection_has_time_for_one_more_request_when_the_server_stops() {
    let mut serving = Serving::with(None, Duration::from_mins(1));
    serving.send(REQUEST).await;
    assert!(!serving.head().await.contains("connection: close"));
    serving.stop();
    tokio::time::sleep(Duration::from_millis(10)).await;
    serving.send(REQUEST).await;
    let rest = serving.rest().await;
    assert!(rest.starts_with("HTTP/1.1 200 "), "{rest}");
    assert!(rest.contains("connection: close\r\n"), "{rest}");

    // Without a request, the connection ends by itself.
    let delay = Duration::from_millis(50);
    let serving = Serving::with(None, delay);
    let begun = Instant::now();
    serving.stop();
    assert_eq!(serving.rest().await, "");
    assert!(begun.elapsed() >= delay);
}

#[tokio::test]
async fn an_answer_that_is_streamed_goes_out_when_the_server_stops() {
    // The server streams the response, as it streams all responses of the management API.
    for request in [REQUEST, CHUNKED].repeat(10) {
        let gate = Arc::new(Notify::new());
        let opened = Arc::clone(&gate);
        let api = axum::Router::new().fallback(async move || {
            opened.notified().await;
            "late"
        });
        let mut serving = Serving::with(Some(api), Duration::ZERO);
        serving.send(request).await;
        serving.stop();
        gate.notify_one();
        let rest = serving.rest().await;
        assert!(rest.contains("\r\nconnection: close\r\n"), "{rest}");
        assert!(rest.ends_with("\r\n\r\nlate"), "{rest}");
    }
}

#[tokio::test]
async fn a_caller_who_goes_in_the_middle_is_let_go() {
    for request in [REQUEST, CHUNKED] {
        for cut in 0..request.len() {
            let mut serving = Serving::start();
            serving.send(&request[..cut]).await;
            drop(serving.caller);
            // The result is not checked: the kind of error matters only for the log.
            let _ = serving.task.await.unwrap();
        }
    }
}
