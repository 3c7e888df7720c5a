//! `WebSocket`s (RFC 6455): once a function has taken one, its bytes go through untouched, both ways.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, Version};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use jelou_engine::WorkerBody;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Instant;

use super::GatewayBody;

const PROTOCOL: HeaderValue = HeaderValue::from_static("websocket");
const CONNECTION: HeaderValue = HeaderValue::from_static("Upgrade");

/// Whether the caller wants a WebSocket; to become anything else is not offered.
pub(super) fn is_asked_for<B>(request: &Request<B>) -> bool {
    let lists = |name, wanted: &str| {
        let mut values = request.headers().get_all(name).iter();
        values.any(|value| {
            value.to_str().is_ok_and(|value| {
                value
                    .split(',')
                    .any(|item| item.trim().eq_ignore_ascii_case(wanted))
            })
        })
    };
    *request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && lists(header::UPGRADE, "websocket")
        && lists(header::CONNECTION, "upgrade")
}

/// Asks the next hop, as the caller asked this one.
pub(super) fn ask(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, CONNECTION);
    headers.insert(header::UPGRADE, PROTOCOL);
}

/// Answers the caller that the function agreed, and connects the two once both have left HTTP. The function's process
/// counts a request in flight until the end, which comes with either side's, or after that long without a byte.
pub(super) fn connect(
    caller: OnUpgrade,
    mut response: Response<WorkerBody>,
    idle_timeout: Duration,
) -> Response<GatewayBody> {
    let function = hyper::upgrade::on(&mut response);
    let (mut parts, hold) = response.into_parts();
    ask(&mut parts.headers);
    tokio::spawn(async move {
        let _hold = hold;
        let (caller, function) = match tokio::try_join!(caller, function) {
            Ok(both) => both,
            Err(error) => {
                tracing::debug!(%error, "a WebSocket did not come to be");
                return;
            }
        };
        if let Err(error) = pass_on(caller, function, idle_timeout).await {
            tracing::debug!(%error, "WebSocket ended");
        }
    });
    Response::from_parts(parts, GatewayBody::empty())
}

async fn pass_on(
    caller: Upgraded,
    function: Upgraded,
    idle_timeout: Duration,
) -> std::io::Result<()> {
    let clock = Activity::new();
    let (mut from_caller, mut to_caller) = tokio::io::split(TokioIo::new(caller));
    let (mut from_function, mut to_function) = tokio::io::split(Watched {
        stream: TokioIo::new(function),
        activity: &clock,
    });
    let inwards = async {
        tokio::io::copy(&mut from_caller, &mut to_function).await?;
        to_function.shutdown().await?;
        // The function may have more to say, and ends it.
        std::future::pending().await
    };
    // Once the function has said its last, nobody listens to the caller any more.
    let outwards = async {
        tokio::io::copy(&mut from_function, &mut to_caller).await?;
        to_caller.shutdown().await
    };
    tokio::select! {
        result = inwards => result,
        result = outwards => result,
        () = clock.stalled(idle_timeout) => Err(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            "no byte came for too long (limits.stream_idle_timeout_ms)",
        )),
    }
}

/// When the last byte went through.
struct Activity {
    start: Instant,
    last_ms: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            last_ms: AtomicU64::new(0),
        }
    }

    fn note(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now, Ordering::Relaxed);
    }

    async fn stalled(&self, timeout: Duration) {
        loop {
            let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            let end = self.start + last + timeout;
            if end <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }
}

/// One side of the connection; what goes through it goes through the other, too.
struct Watched<'a, S> {
    stream: S,
    activity: &'a Activity,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        if result.is_ready() {
            self.activity.note();
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, buffer);
        if result.is_ready() {
            self.activity.note();
        }
        result
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
