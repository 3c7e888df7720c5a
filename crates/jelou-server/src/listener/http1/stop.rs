//! Whether the server is stopping, asked once a request at the price of one look.

use std::pin::Pin;
use std::task::Context;

use tokio::sync::watch;

use super::super::stopped;

pub(super) struct Stop {
    receiver: watch::Receiver<bool>,
    /// Wakes the connection's task. It is told once whom to wake, for it is always the same.
    waking: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    is_told: bool,
}

impl Stop {
    pub(super) fn new(receiver: watch::Receiver<bool>) -> Self {
        let mut waiting = receiver.clone();
        Self {
            waking: Some(Box::pin(async move { stopped(&mut waiting).await })),
            receiver,
            is_told: false,
        }
    }

    /// Whether the server is stopping; if not, the task is woken when it does.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> bool {
        if !self.is_told {
            self.is_told = true;
            let waking = self.waking.as_mut();
            if waking.is_some_and(|waking| waking.as_mut().poll(context).is_ready()) {
                self.waking = None;
            }
        }
        self.is_set()
    }

    pub(super) fn is_set(&self) -> bool {
        // The only change there is.
        self.waking.is_none() || self.receiver.has_changed().unwrap_or(true)
    }
}
