//! Stores the results of runs, in batches. While the database is not available, they wait in a queue.

use std::sync::Mutex;
use std::time::Duration;

use jelou_store::{RunEnd, Store};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

use super::lock;

const BATCH: usize = 256;
const RETRY: Duration = Duration::from_secs(1);
/// How long a stopping server tries to store the remaining results.
const LAST_TRY: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Ends {
    /// `None` after the stop. Unbounded, but there is at most one end per run, and the number of runs is limited.
    queue: Mutex<Option<UnboundedSender<RunEnd>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Ends {
    pub(super) fn start(store: Store) -> Self {
        let (queue, ends) = mpsc::unbounded_channel();
        Self {
            queue: Mutex::new(Some(queue)),
            writer: Mutex::new(Some(tokio::spawn(write(store, ends)))),
        }
    }

    pub(super) fn send(&self, end: RunEnd) {
        if let Some(queue) = &*lock(&self.queue) {
            // Fails only if the writer has ended.
            let _ = queue.send(end);
        }
    }

    /// Stores the queued ends. If that fails, the next server start marks their runs as interrupted.
    pub(super) async fn stop(&self) {
        drop(lock(&self.queue).take());
        let writer = lock(&self.writer).take();
        if let Some(mut writer) = writer
            && tokio::time::timeout(LAST_TRY, &mut writer).await.is_err()
        {
            writer.abort();
            tracing::warn!("cannot store how the last scheduled runs ended");
        }
    }
}

async fn write(store: Store, mut ends: UnboundedReceiver<RunEnd>) {
    let mut batch = Vec::with_capacity(BATCH);
    while ends.recv_many(&mut batch, BATCH).await > 0 {
        while let Err(error) = store.finish_runs(&batch).await {
            tracing::warn!(%error, "cannot store how scheduled runs ended; trying again");
            tokio::time::sleep(RETRY).await;
        }
        batch.clear();
    }
}
