//! Graceful shutdown of one connection.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

pub(super) type ConnectionResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Runs a hyper connection, and shuts it down gracefully when `stop` completes.
pub(super) async fn run<C>(
    connection: C,
    shut_down: impl FnOnce(Pin<&mut C>),
    stop: impl Future<Output = ()>,
) -> ConnectionResult
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    // hyper closes a connection immediately if it is shut down before its first poll.
    let looked = poll_fn(|context| Poll::Ready(connection.as_mut().poll(context)));
    if let Poll::Ready(ended) = looked.await {
        return Ok(ended?);
    }
    tokio::select! {
        // Checked first, so that a response that is ready at the same time gets `Connection: close`.
        biased;
        () = stop => shut_down(connection.as_mut()),
        ended = &mut connection => return Ok(ended?),
    }
    Ok(connection.await?)
}
