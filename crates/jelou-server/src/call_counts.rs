//! Stores the call counts of deployments in batches, outside of the request path.

use std::sync::Arc;

use jelou_store::{CallCount, Store, StoreError};

use crate::last_used::PERIOD;
use crate::registry::{Live, Registry};

pub(crate) async fn store_periodically(registry: Arc<Registry>, store: Store) {
    loop {
        tokio::time::sleep(PERIOD).await;
        let live: Vec<_> = registry
            .with_previews()
            .iter()
            .filter_map(|function| function.live.load_full())
            .collect();
        store_now(&live, &store).await;
    }
}

/// Stores the call counts of these deployments. After an error, the counts stay in memory for the next batch.
pub(crate) async fn store_now(deployments: &[Arc<Live>], store: &Store) {
    let counted: Vec<(&Live, CallCount)> = deployments
        .iter()
        .map(|live| {
            let (calls, failed) = live.calls.take();
            let deployment = live.slot.spec().deployment.clone();
            (
                live.as_ref(),
                CallCount {
                    deployment,
                    calls,
                    failed,
                },
            )
        })
        .filter(|(_, count)| count.calls > 0)
        .collect();
    let counts: Vec<_> = counted.iter().map(|(_, count)| count.clone()).collect();
    let stored: Result<(), StoreError> = store.add_calls(&counts).await;
    if let Err(error) = stored {
        tracing::warn!(%error, "cannot store the counts of calls");
        for (live, count) in counted {
            live.calls.give_back(count.calls, count.failed);
        }
    }
}
