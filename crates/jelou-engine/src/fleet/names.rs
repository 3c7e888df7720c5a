//! Resolves the host names of egress rules repeatedly. The allowed addresses of a process are fixed at its start, so a
//! process is replaced when a name resolves to another address.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::pool::Pool;
use super::reaper::AllProcesses;

/// Interval at which names are resolved. Nothing is resolved if no rule has a name.
const PERIOD: Duration = Duration::from_secs(15);

/// Replaces processes whose addresses are outdated, until the engine drops the pool.
pub(crate) async fn follow_names(all_processes: Arc<AllProcesses>, pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(PERIOD).await;
        let Some(pool) = pool.upgrade() else {
            return;
        };
        pool.end_outdated().await;
        drop(pool);
        for processes in all_processes.all() {
            processes.replace_outdated().await;
        }
    }
}
