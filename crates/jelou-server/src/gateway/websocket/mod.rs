//! `WebSocket`s (RFC 6455). After the function accepts a WebSocket, bytes are copied unchanged in both directions. The
//! gateway sends a close frame only to a side that would otherwise not get the reason for the end.

mod frames;
mod messages;

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, Version};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use jelou_core::FunctionLimits;
use jelou_engine::WorkerBody;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use super::GatewayBody;
use frames::{CloseCode, Frames, Reader, close};
use messages::{MessageError, Messages};

const PROTOCOL: HeaderValue = HeaderValue::from_static("websocket");
const CONNECTION: HeaderValue = HeaderValue::from_static("Upgrade");
/// Buffer size in bytes for a slow reader, in each direction.
const BUFFER_BYTES: usize = 8 * 1024;
/// How long a side may take to read the close frame.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether the caller requests a WebSocket. No other upgrade is supported.
pub(crate) fn is_asked_for<B>(request: &Request<B>) -> bool {
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

/// Sets the request headers for the upgrade, for the worker.
pub(super) fn ask(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, CONNECTION);
    headers.insert(header::UPGRADE, PROTOCOL);
    list_protocols(headers);
}

/// Rewrites the list of subprotocols into one header field, with a space after each comma. Several forms are valid (RFC
/// 9110, section 5.6.1), but Deno parses only this form.
fn list_protocols(headers: &mut HeaderMap) {
    let lists = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let protocols: Vec<_> = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|protocol| !protocol.is_empty())
        .collect();
    if let Ok(list) = HeaderValue::try_from(protocols.join(", "))
        && !list.is_empty()
    {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, list);
    }
}

/// Accepts the upgrade, and connects caller and function when both connections are upgraded. The request counts as in
/// flight until either side ends the WebSocket or a limit ends it. `report` gets the reason if the end is a failure.
pub(super) fn connect(
    caller: OnUpgrade,
    mut response: Response<WorkerBody>,
    limits: Arc<FunctionLimits>,
    report: impl FnOnce(&dyn Display) + Send + 'static,
) -> Response<GatewayBody> {
    let function = hyper::upgrade::on(&mut response);
    let (mut parts, hold) = response.into_parts();
    ask(&mut parts.headers);
    tokio::spawn(async move {
        let (caller, function) = match tokio::try_join!(caller, function) {
            Ok(both) => both,
            Err(error) => {
                tracing::debug!(%error, "a WebSocket could not be opened");
                return;
            }
        };
        let end = pass_on(caller, function, &hold, &limits).await;
        match &end {
            End::Idle(_) | End::Message(_) | End::Function { was_closed: false } => {
                report(&format_args!("the WebSocket was cut: {end}"));
            }
            End::Function { was_closed: true } | End::Caller(_) => {
                tracing::debug!(%end, "WebSocket ended");
            }
        }
    });
    Response::from_parts(parts, GatewayBody::empty())
}

/// Why a WebSocket ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("no byte for {} ms (limits.stream_idle_timeout_ms, a server setting)", .0.as_millis())]
    Idle(Duration),
    #[error("{0}")]
    Message(MessageError),
    /// The function's process ended. `was_closed`: whether the function had sent a close frame before.
    #[error("the function's process ended")]
    Function { was_closed: bool },
    #[error("the caller has gone: {0}")]
    Caller(std::io::Error),
}

impl End {
    fn code(&self) -> CloseCode {
        match self {
            Self::Message(MessageError::TooLong { .. }) => CloseCode::MessageTooBig,
            Self::Message(_) => CloseCode::TryAgainLater,
            Self::Idle(_) | Self::Function { .. } | Self::Caller(_) => CloseCode::GoingAway,
        }
    }
}

/// Copies bytes until either side ends. Then sends a close frame to each side that has not received one. Otherwise that
/// side would report a broken connection (1006).
async fn pass_on(
    caller: Upgraded,
    function: Upgraded,
    hold: &WorkerBody,
    limits: &FunctionLimits,
) -> End {
    let idle_timeout = limits.stream_idle_timeout();
    let clock = Activity::new();
    let (mut from_caller, mut to_caller) = tokio::io::split(TokioIo::new(caller));
    let (mut from_function, mut to_function) = tokio::io::split(TokioIo::new(function));
    let mut inward = Frames::default();
    let mut outward = Frames::default();
    let end = {
        let inwards = async {
            let messages = Messages::new(hold, limits);
            let ended = copy_messages(
                &mut from_caller,
                &mut to_function,
                &mut inward,
                &clock,
                messages,
            );
            if let Err(end) = ended.await {
                return end;
            }
            let _ = to_function.shutdown().await;
            // The function may still send. The function, not the gateway, closes the connection.
            std::future::pending().await
        };
        // After the function closes its side, no one reads the caller's bytes.
        let outwards = async {
            let _ = copy(&mut from_function, &mut to_caller, &mut outward, &clock).await;
            End::Function { was_closed: true }
        };
        tokio::select! {
            end = inwards => end,
            end = outwards => end,
            () = clock.stalled(idle_timeout) => End::Idle(idle_timeout),
        }
    };
    let end = match end {
        End::Function { .. } => End::Function {
            was_closed: outward.is_closed(),
        },
        end => end,
    };
    let closing = async {
        let reason = end.to_string();
        if matches!(end, End::Idle(_) | End::Message(_)) && inward.may_close() {
            let frame = close(Reader::Server, CloseCode::GoingAway, &reason);
            let _ = to_function.write_all(&frame).await;
        }
        if outward.may_close() {
            let frame = close(Reader::Client, end.code(), &reason);
            let _ = to_caller.write_all(&frame).await;
        }
        let _ = to_caller.shutdown().await;
        // Closing a socket with unread bytes resets it, and the peer can lose the last bytes written.
        let _ = tokio::io::copy(&mut from_caller, &mut tokio::io::sink()).await;
    };
    let _ = tokio::time::timeout(CLOSING_TIMEOUT, closing).await;
    end
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    frames: &mut Frames,
    clock: &Activity,
) -> std::io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        clock.note();
        write(to, &buffer[..count], frames, clock).await?;
    }
}

/// Copies the caller's bytes, and admits them message by message.
async fn copy_messages(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    frames: &mut Frames,
    clock: &Activity,
    mut messages: Messages<'_>,
) -> Result<(), End> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = messages.in_time(from.read(&mut buffer)).await;
        let count = read.map_err(End::Message)?.map_err(End::Caller)?;
        if count == 0 {
            return Ok(());
        }
        clock.note();
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            let admitted = messages.admit(rest).await.map_err(End::Message)?;
            let write = write(to, &rest[..admitted], frames, clock);
            let written = messages.in_time(write).await;
            written.map_err(End::Message)?.map_err(End::Caller)?;
            messages.passed();
            rest = &rest[admitted..];
        }
    }
}

async fn write(
    to: &mut (impl AsyncWrite + Unpin),
    mut bytes: &[u8],
    frames: &mut Frames,
    clock: &Activity,
) -> std::io::Result<()> {
    while !bytes.is_empty() {
        // A cancelled `write_all` does not return the number of written bytes.
        let written = to.write(bytes).await?;
        if written == 0 {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        clock.note();
        frames.advance(&bytes[..written]);
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Time of the last byte in either direction.
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
