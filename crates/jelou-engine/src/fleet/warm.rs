//! Processes that start before their requests: for a deployment that is not live yet, or for a scheduled run.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::task::JoinSet;

use super::error::LeaseError;
use super::instance::RequestInWorker;
use super::processes::Processes;
use crate::worker::{LoadError, Loaded};

/// Started processes that are not evicted while this value exists. The owner drops it after the requests, or when no
/// request is expected any more.
#[derive(Debug, Default)]
pub struct Warm {
    started: Vec<RequestInWorker>,
}

impl Warm {
    pub(super) fn of(process: RequestInWorker) -> Self {
        Self {
            started: vec![process],
        }
    }

    /// Returns how many processes were started.
    pub fn processes(&self) -> usize {
        self.started.len()
    }

    /// Starts `count` processes, at most the maximum of the function. For the first process, idle workers may be
    /// evicted, as for a request. The others start only if their memory fits without an eviction.
    pub(super) async fn start(
        processes: &Arc<Processes>,
        count: usize,
    ) -> Result<Self, LeaseError> {
        let own = Arc::clone(processes);
        let starting = async move {
            let mut started = Vec::new();
            for number in 0..count.min(own.max_processes().get()) {
                if number > 0 && !own.has_room() {
                    break;
                }
                started.push(own.start_another().await?);
            }
            Ok(Self { started })
        };
        // Every process is started on the runtime that supervises processes.
        processes
            .runtime()
            .spawn(starting)
            .await
            .unwrap_or_else(|error| Err(LeaseError::Process(LoadError::Died(error.to_string()))))
    }

    /// Starts the first process and reads the function's manifest from it. Dropping the future ends the process.
    pub(super) async fn start_described(
        processes: &Arc<Processes>,
        settings: &Map<String, Value>,
    ) -> Result<(Self, Loaded), LeaseError> {
        let (own, settings) = (Arc::clone(processes), settings.clone());
        let mut starting = JoinSet::new();
        let start = async move { own.start_described(&settings).await };
        starting.spawn_on(start, processes.runtime());
        let died = |text: String| LeaseError::Process(LoadError::Died(text));
        match starting.join_next().await {
            Some(Ok(started)) => started.map(|(entered, loaded)| (Self::of(entered), loaded)),
            Some(Err(error)) => Err(died(error.to_string())),
            None => Err(died("its start was cancelled".to_owned())),
        }
    }
}
