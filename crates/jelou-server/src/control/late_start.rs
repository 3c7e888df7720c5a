//! Completes the start of a server whose database was away, once the database is back.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jelou_store::Position;
use jiff::Timestamp;

use super::{Control, ControlError};

/// The state is confirmed if the feed has compared it with the database within this time.
const CONFIRMED: Duration = Duration::from_secs(1);
/// Maximum wait of a management request for a confirmed state, and the interval of its checks.
const MAX_WAIT: Duration = Duration::from_secs(5);
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

impl Control {
    /// Notes that the registry is from the local copy.
    pub(crate) fn set_started_from_copy(&self) {
        self.started_from_copy.store(true, Ordering::Relaxed);
    }

    /// Whether this server has started from its local copy, and not reached the database yet.
    pub(crate) fn started_from_copy(&self) -> bool {
        self.started_from_copy.load(Ordering::Relaxed)
    }

    /// Checks the database as at the start of a server, and loads the parts of the state that the local copy lacks. The
    /// feed then applies the changes since the copy.
    pub(super) async fn complete_start(&self) -> Result<(), ControlError> {
        self.store.complete_start().await?;
        let _reloading = self.freshness.reloading();
        for function in self.registry.with_previews() {
            let live = function.live.load_full();
            let hash = live.and_then(|live| live.slot.spec().artifact_hash.parse().ok());
            if let Some(hash) = hash {
                self.provide_artifact(hash).await?;
            }
        }
        self.start_trust().await?;
        let functions = self.store.list_functions().await?.all()?.into_iter();
        let functions: Vec<_> = functions.map(|function| function.record).collect();
        self.cron.load(&functions).await?;
        self.cron.start();
        self.started_from_copy.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Returns the position of the registry, and the time at which it was last known to equal the database. `None`
    /// while the database is away.
    pub(crate) async fn confirmed_position(&self) -> Option<(Position, Timestamp)> {
        if !self.is_confirmed() {
            return None;
        }
        let age = self.freshness.age();
        Some((self.position.lock().await.clone(), self.clock.now() - age))
    }

    /// Waits until the registry is known to equal the database. Returns `false` if it is not within [`MAX_WAIT`].
    pub(crate) async fn wait_until_confirmed(&self) -> bool {
        let end = Instant::now() + MAX_WAIT;
        while !self.is_confirmed() {
            if Instant::now() > end {
                return false;
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
        true
    }

    /// Whether the registry is known to equal the database. Always true for a server that does not share its database.
    pub(crate) fn is_confirmed(&self) -> bool {
        let is_shared = self.store.is_shared();
        !self.started_from_copy() && (!is_shared || self.freshness.age() <= CONFIRMED)
    }
}
