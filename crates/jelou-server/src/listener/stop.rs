//! The steps of a stop. First, each response ends its connection, while the server still accepts new connections. Then
//! the server accepts no more, and closes idle connections.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Maximum time after the last accept in which a connection may send its first request.
const FIRST_REQUEST: Duration = Duration::from_millis(250);

#[derive(Debug, Clone)]
pub(super) struct Stop {
    /// When the stop began.
    begun: watch::Receiver<Option<Instant>>,
    /// How long connections are still accepted.
    delay: Duration,
}

impl Stop {
    pub(super) fn new(begun: watch::Receiver<Option<Instant>>, delay: Duration) -> Self {
        Self { begun, delay }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun.borrow().is_some()
    }

    /// Waits until the stop begins.
    pub(super) async fn begins(&mut self) {
        self.after(Duration::ZERO).await;
    }

    /// Waits until no more connections are accepted.
    pub(super) async fn refuses(&mut self) {
        self.after(self.delay).await;
    }

    /// Waits until idle connections end.
    pub(super) async fn closes(&mut self) {
        self.after(self.delay + self.delay.min(FIRST_REQUEST)).await;
    }

    async fn after(&mut self, delay: Duration) {
        // An error means that the sender was dropped, which also stops the server.
        let begun = self.begun.wait_for(Option::is_some).await;
        let begun = begun.ok().and_then(|begun| *begun);
        if let Some(begun) = begun
            && !delay.is_zero()
        {
            sleep_until(begun + delay).await;
        }
    }
}
