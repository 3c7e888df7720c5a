//! Blank workers, started ahead, so that the first call to a sleeping function does not wait for a process to start.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::load::LoadError;
use super::process::Blank;
use crate::engine::Shared;
use crate::sandbox::Purpose;

/// How long to wait after a blank worker did not start, so that a broken machine is not kept busy by trying.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Pool {
    ready: Mutex<VecDeque<Blank>>,
    /// Told when a blank worker was taken.
    taken: Notify,
}

impl Pool {
    /// A blank worker that is ready, or else one that is started now. Whoever takes one says [`Pool::refill`] when
    /// its function runs: until then the machine has better things to do than to start the next one.
    pub(crate) async fn take(&self, shared: &Shared) -> Result<Blank, LoadError> {
        loop {
            let Some(mut blank) = self.lock().pop_front() else {
                return Blank::start(shared, Purpose::Serve).await;
            };
            if blank.is_alive() {
                return Ok(blank);
            }
        }
    }

    pub(crate) fn refill(&self) {
        self.taken.notify_one();
    }

    /// Ends the blank workers.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Blank>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps as many blank workers ready as `limits.blank_workers` says.
pub(crate) async fn keep_filled(shared: Weak<Shared>) {
    loop {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        if shared.pool.lock().len() >= shared.limits.blank_workers {
            wait_until_taken(shared).await;
            continue;
        }
        match Blank::start(&shared, Purpose::Serve).await {
            Ok(blank) => shared.pool.lock().push_back(blank),
            Err(error) => {
                tracing::warn!(%error, "cannot start a blank worker");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
}

/// Lets go of the engine while it waits, so that the wait does not keep it alive.
async fn wait_until_taken(shared: Arc<Shared>) {
    let pool = Arc::clone(&shared.pool);
    drop(shared);
    pool.taken.notified().await;
}
