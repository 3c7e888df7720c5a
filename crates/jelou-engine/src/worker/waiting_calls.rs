//! Counts the calls that wait for the start of a process.

use tokio::sync::watch;

/// The number of calls that wait for the start of a process. While it is not 0, processes that start ahead of demand
/// get their normal processor share.
#[derive(Debug, Default)]
pub(crate) struct WaitingCalls(watch::Sender<usize>);

impl WaitingCalls {
    /// Counts a call until the guard is dropped.
    pub(crate) fn enter(&self) -> WaitingCall<'_> {
        self.0.send_modify(|calls| *calls += 1);
        WaitingCall(&self.0)
    }

    /// Completes when at least one call waits.
    pub(super) async fn some(&self) {
        // `wait_for` cannot fail, because the borrowed sender keeps the channel open.
        let _ = self.0.subscribe().wait_for(|calls| *calls > 0).await;
    }
}

#[derive(Debug)]
pub(crate) struct WaitingCall<'a>(&'a watch::Sender<usize>);

impl Drop for WaitingCall<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls -= 1);
    }
}
