//! Runs the schedules of live deployments.
//!
//! ```text
//! registry ──► table ──► scheduler ──claim──► store
//!              (due?)        │
//!                            ▼
//!                           run ──► gateway ──► worker
//!                            │
//!                            └──► ends ──► store
//! ```
//!
//! [`table`] has the next due time of each schedule, from the manifests in the registry. The [`scheduler`] claims due
//! runs in the store and starts a [`run`] for each claim. A run goes through the gateway like a call ([`request`]), and
//! its end is stored in batches ([`ends`]). Without the database no run starts, because runs cannot be claimed; calls
//! are not affected. `jelou-cron` computes due times.

pub(crate) mod check;
mod counters;
mod ends;
mod lane;
mod planned;
mod request;
mod run;
mod scheduler;
mod table;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jelou_core::api::{RunOrigin, RunState};
use jelou_core::{Clock, DeploymentId, FunctionId, RunId};
use jelou_logs::{Entry, EntryContent, EventEntry, Level};
use jelou_store::{FunctionRecord, NewRun, ScheduleState, Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::config;
use crate::gateway::Gateway;
use crate::registry::Registry;
use counters::{Counters, Counts};
use ends::Ends;
pub(crate) use planned::{Planned, PlannedState};
pub(crate) use run::ManualRun;
use run::ScheduledRun;
use table::{Refused, Table};

/// Maximum number of processes that are started for runs at the same time. More would compete for the same cores.
const CONCURRENT_STARTS: usize = 4;

/// The schedules of all live deployments.
#[derive(Debug)]
pub(crate) struct Cron {
    settings: config::Cron,
    store: Store,
    registry: Arc<Registry>,
    gateway: Arc<Gateway>,
    clock: Clock,
    /// By how many milliseconds the clock was ahead of the database's, when both were last compared. Zero if it was
    /// behind, or if the database is not shared.
    ahead_ms: AtomicI64,
    table: Mutex<Table>,
    /// Notifies the scheduler that the table has changed.
    changed: Notify,
    /// Limits concurrent runs.
    running: Arc<Semaphore>,
    /// Limits concurrent starts of processes.
    starting: Semaphore,
    runs: Mutex<JoinSet<()>>,
    ends: Ends,
    counters: Counters,
    stopped: watch::Receiver<bool>,
}

impl Cron {
    /// Contains no schedules until [`Self::load`] and [`Self::start`].
    pub(crate) fn new(
        settings: config::Cron,
        store: Store,
        registry: Arc<Registry>,
        gateway: Arc<Gateway>,
        stopped: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let clock = gateway.clock.clone();
        Arc::new(Self {
            table: Mutex::new(Table::new(Vec::new(), &[])),
            changed: Notify::new(),
            running: Arc::new(Semaphore::new(settings.max_concurrent_runs)),
            starting: Semaphore::new(CONCURRENT_STARTS),
            runs: Mutex::default(),
            ends: Ends::start(store.clone()),
            counters: Counters::default(),
            settings,
            store,
            registry,
            gateway,
            clock,
            ahead_ms: AtomicI64::default(),
            stopped,
        })
    }

    /// Loads the stored states of schedules. Marks the runs that an earlier process did not finish as interrupted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn load(&self, functions: &[FunctionRecord]) -> Result<(), StoreError> {
        let interrupted = self.store.interrupt_runs().await?;
        self.compare_clocks().await?;
        let states = self.store.schedule_states().await?;
        *self.table() = Table::new(states, functions);
        for record in interrupted {
            let run = record.run;
            let message = format!(
                "the run of `{}` due at {} was interrupted: the server ended. It is not repeated",
                run.schedule, run.due_at
            );
            self.event(
                &record.function,
                Some(run.deployment),
                Level::Error,
                "cron.interrupted",
                message,
                None,
            );
        }
        Ok(())
    }

    /// Plans the schedules of the live deployments and starts the scheduler.
    pub(crate) fn start(self: &Arc<Self>) {
        self.refresh();
        let scheduler = Arc::clone(self);
        tokio::spawn(async move { scheduler.run_scheduler().await });
    }

    /// Plans the schedules of the deployments that are live now.
    pub(crate) fn refresh(&self) {
        let refused = self
            .table()
            .refresh(&self.registry, self.now(), &self.settings);
        for Refused { function, reason } in refused {
            tracing::warn!(function = %function.slug, "{reason}");
            self.event(
                &function.id,
                None,
                Level::Error,
                "cron.refused",
                reason,
                None,
            );
        }
        self.changed.notify_one();
    }

    /// Waits for the runs in flight and stores how they ended. No further run starts.
    pub(crate) async fn shut_down(&self) {
        let mut runs = std::mem::take(&mut *lock(&self.runs));
        while runs.join_next().await.is_some() {}
        self.ends.stop().await;
        self.counters.log();
    }

    /// Runs since the start of the server.
    pub(crate) fn counts(&self) -> Counts {
        self.counters.read()
    }

    pub(crate) fn settings(&self) -> &config::Cron {
        &self.settings
    }

    /// Returns the schedules of a function's live deployment.
    pub(crate) fn of(&self, function: &FunctionId) -> Vec<PlannedState> {
        self.table().of(function)
    }

    /// Applies a stored pause or resumption to the table. `by`: who paused the schedules. `None`: they are resumed.
    pub(crate) fn set_paused(&self, function: &FunctionId, keys: &[String], by: Option<&str>) {
        let now = self.now();
        for key in keys {
            self.table()
                .set_paused(function, key, by.map(str::to_owned), now);
        }
        self.changed.notify_one();
    }

    /// Applies the stored pauses of schedules.
    pub(crate) fn apply(&self, states: &[ScheduleState]) {
        let now = self.now();
        self.table().apply(states, now);
        self.changed.notify_one();
    }

    /// Creates a run that a user has requested.
    pub(crate) fn manual_run(planned: &Planned, due_at: Timestamp) -> ManualRun {
        ManualRun(ScheduledRun {
            run: NewRun {
                id: RunId::generate(),
                function: planned.function.id.clone(),
                schedule: planned.key.clone(),
                due_at,
                origin: RunOrigin::Manual,
                state: RunState::Running,
                reason: None,
                deployment: planned.deployment.clone(),
                missed: 0,
                max_elsewhere: None,
            },
            in_lane: planned.lane.enter(),
            planned: planned.clone(),
        })
    }

    /// Returns the time by which schedules are due: the earlier one of the clocks of this server and of the database.
    /// So a server whose clock is ahead starts no run early, and a function finds by its own clock that it is due.
    fn now(&self) -> Timestamp {
        self.clock.now() - SignedDuration::from_millis(self.ahead_ms.load(Ordering::Relaxed))
    }

    async fn compare_clocks(&self) -> Result<(), StoreError> {
        let own_ms = self.clock.now_ms();
        let agreed_ms = self.store.agreed_time().await?.as_millisecond();
        let ahead_ms = (own_ms - agreed_ms).max(0);
        self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
        Ok(())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        lock(&self.table)
    }

    fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    fn event(
        &self,
        function: &FunctionId,
        deployment: Option<DeploymentId>,
        level: Level,
        event: &'static str,
        message: String,
        request_id: Option<Uuid>,
    ) {
        self.gateway.logs.send(Entry {
            function: function.clone(),
            at_ms: self.clock.now_ms(),
            deployment,
            sample: 1.0,
            content: EntryContent::Event(EventEntry {
                level,
                event,
                message,
                request_id,
            }),
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
