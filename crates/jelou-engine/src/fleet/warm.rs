//! Processes that run ahead of their requests: before their deployment is live, or before a run of a schedule.

use std::sync::Arc;

use super::error::LeaseError;
use super::instance::Entered;
use super::processes::Processes;
use crate::worker::LoadError;

/// Keeps processes that have loaded their function from being evicted, until it is dropped: then their requests have come,
/// or were given up.
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

    /// Number of processes.
    pub fn processes(&self) -> usize {
        self.started.len()
    }

    /// Starts processes, at most as many as the function may have. The first one starts like for a request, the others
    /// only if their memory fits without an eviction.
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
        // On the runtime that supervises processes, like every start.
        processes
            .runtime()
            .spawn(starting)
            .await
            .unwrap_or_else(|error| Err(LeaseError::Process(LoadError::Died(error.to_string()))))
    }
}
