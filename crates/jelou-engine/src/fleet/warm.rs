//! Processes that are started ahead of their requests: before their deployment is live, or before a run of a schedule.

use std::sync::Arc;

use super::error::LeaseError;
use super::instance::Entered;
use super::processes::Processes;
use crate::worker::LoadError;

/// Started processes that are not evicted while this value exists. The holder drops it when their requests have come,
/// or are not expected any more.
#[derive(Debug, Default)]
pub struct Warm {
    started: Vec<Entered>,
}

impl Warm {
    pub(super) fn of(process: Entered) -> Self {
        Self {
            started: vec![process],
        }
    }

    /// Returns the number of processes.
    pub fn processes(&self) -> usize {
        self.started.len()
    }

    /// Starts `count` processes, but at most as many as the function may have. The first process starts as for a
    /// request. The others start only if their memory fits without an eviction.
    pub(super) async fn start(
        processes: &Arc<Processes>,
        count: usize,
    ) -> Result<Self, LeaseError> {
        let own = Arc::clone(processes);
        let starting = async move {
            let mut started = Vec::new();
            for number in 0..count.min(own.most().get()) {
                if number > 0 && !own.has_room() {
                    break;
                }
                started.push(own.start_another().await?);
            }
            Ok(Self { started })
        };
        // Every start runs on the runtime that supervises processes.
        processes
            .runtime()
            .spawn(starting)
            .await
            .unwrap_or_else(|error| Err(LeaseError::Process(LoadError::Died(error.to_string()))))
    }
}
