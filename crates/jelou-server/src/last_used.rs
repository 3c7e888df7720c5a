//! Stores the times of tokens' last use in batches, outside of the request path.

use std::sync::Arc;
use std::time::Duration;

use jelou_store::{Store, StoreError};

use crate::metrics::{Metrics, ServerCounters};
use crate::registry::{Registry, TokenValue};

pub(crate) const PERIOD: Duration = Duration::from_mins(1);

pub(crate) async fn store_periodically(
    registry: Arc<Registry>,
    store: Store,
    metrics: Arc<Metrics>,
) {
    let ServerCounters {
        token_flushes,
        token_flushes_failed,
        ..
    } = &metrics.server;
    loop {
        tokio::time::sleep(PERIOD).await;
        match store_now(&registry, &store).await {
            Ok(()) => token_flushes.increment(),
            Err(error) => {
                token_flushes_failed.increment();
                // The times stay in memory for the next batch.
                tracing::warn!(%error, "cannot store the times of last use of tokens");
            }
        }
    }
}

pub(crate) async fn store_now(registry: &Registry, store: &Store) -> Result<(), StoreError> {
    let runtime = registry.tokens.used();
    if !runtime.is_empty() {
        let uses = |value: Option<TokenValue>| {
            let uses = runtime.iter();
            let uses = uses.filter(|used| value.is_none_or(|value| used.value == value));
            uses.map(|used| (used.id.clone(), used.at_ms))
                .collect::<Vec<_>>()
        };
        store.record_last_used(&uses(None)).await?;
        store
            .record_value_last_used(&uses(Some(TokenValue::Current)))
            .await?;
        let previous = uses(Some(TokenValue::Previous));
        store.record_previous_last_used(&previous).await?;
        for used in &runtime {
            registry.tokens.mark_stored(used);
        }
    }
    let access = registry.access_tokens.used();
    if !access.is_empty() {
        let uses = |value: TokenValue| {
            let uses = access.iter();
            let uses = uses.filter(|(token, _)| token.value == value);
            uses.map(|(token, at)| (token.id.clone(), *at))
                .collect::<Vec<_>>()
        };
        let current = uses(TokenValue::Current);
        store.record_access_last_used(&current).await?;
        let previous = uses(TokenValue::Previous);
        store.record_previous_access_last_used(&previous).await?;
        for (token, at) in access {
            token.last_used.mark_stored(at);
        }
    }
    Ok(())
}
