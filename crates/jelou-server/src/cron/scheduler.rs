//! Waits for due schedules, claims their runs and starts them.

use std::sync::Arc;
use std::time::Duration;

use jelou_core::RunId;
use jelou_core::api::{RunOrigin, RunState};
use jelou_engine::Warm;
use jelou_logs::Level;
use jelou_store::{Claimed, NewRun, OVERLAP};
use jiff::{SignedDuration, Timestamp};

use super::lane::InLane;
use super::planned::Planned;
use super::run::ScheduledRun;
use super::table::Look;
use super::{Cron, lock};
use crate::registry::Live;

/// Maximum duration of a sleep, because the clock may be set at any time.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// How often a test's fixed clock is read.
const FIXED_CLOCK_SLEEP: Duration = Duration::from_millis(10);
/// The pause before another attempt to claim runs while the database is not available.
const RETRY: Duration = Duration::from_secs(1);
/// How long a process that was started ahead of a run is not evicted, counted from its start.
const KEPT_WARM: Duration = Duration::from_secs(3);

/// Why a run did not start, for readers of the log.
const OVERLAPPED: &str = "an earlier run still runs";

/// The reason why due times passed without a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    /// No server was running.
    Down,
    /// The machine slept, or its clock was set forward.
    Asleep,
    /// The database was not available, so that no run could be claimed.
    Database,
}

impl Absence {
    fn code(self) -> &'static str {
        match self {
            Self::Down => "server_down",
            Self::Asleep => "server_asleep",
            Self::Database => "database",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Down => "the server was down",
            Self::Asleep => "the server slept, or its clock was set forward",
            Self::Database => "the database was not available",
        }
    }
}

/// A claim of a run. `in_lane` is `None` if the run does not start: it was missed, or an earlier run overlaps.
struct Claim {
    planned: Planned,
    run: NewRun,
    in_lane: Option<InLane>,
}

impl Cron {
    pub(super) async fn run_scheduler(self: Arc<Self>) {
        let mut stopped = self.stopped.clone();
        let mut absence = Absence::Down;
        loop {
            let sleep = match self.look(absence).await {
                Ok(()) => {
                    absence = Absence::Asleep;
                    self.until_next_look()
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot claim scheduled runs; trying again");
                    absence = Absence::Database;
                    RETRY
                }
            };
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                () = self.changed.notified() => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
        }
    }

    fn until_next_look(&self) -> Duration {
        let longest = if self.clock.is_fixed() {
            FIXED_CLOCK_SLEEP
        } else {
            LONGEST_SLEEP
        };
        let next = self.table().next_look();
        let wait = next.map(|next| next.duration_since(self.now()));
        wait.map_or(longest, |wait| {
            Duration::try_from(wait).unwrap_or_default().min(longest)
        })
    }

    /// Claims and starts the runs that are due now.
    async fn look(self: &Arc<Self>, absence: Absence) -> Result<(), jelou_store::StoreError> {
        while lock(&self.runs).try_join_next().is_some() {}
        let next = self.table().next_look();
        if next.is_some_and(|next| next <= self.clock.now()) {
            self.compare_clocks().await?;
        }
        let Look { due, soon } = self.table().look(self.now());
        for planned in soon {
            self.warm(planned);
        }
        let claims: Vec<Claim> = due
            .into_iter()
            .flat_map(|due| claims(&due.planned, &due.due, absence))
            .collect();
        if claims.is_empty() {
            return Ok(());
        }
        let runs: Vec<NewRun> = claims.iter().map(|claim| claim.run.clone()).collect();
        let claimed = self.store.claim_runs(&runs).await?;
        for (claim, claimed) in claims.into_iter().zip(claimed) {
            let Claim {
                planned,
                run,
                in_lane,
            } = claim;
            self.table().settle(&planned, run.due_at);
            match (claimed, in_lane) {
                (Claimed::Settled, _) => {}
                (Claimed::Granted, Some(in_lane)) => self.spawn(ScheduledRun {
                    planned,
                    run,
                    in_lane,
                }),
                (Claimed::Granted, None) => self.missed(&planned, &run, absence.words()),
                (Claimed::Overlapped, _) => self.missed(&planned, &run, OVERLAPPED),
            }
        }
        Ok(())
    }

    pub(super) fn spawn(self: &Arc<Self>, run: ScheduledRun) {
        let cron = Arc::clone(self);
        lock(&self.runs).spawn(async move { cron.run(run).await });
    }

    /// Reports that a run did not start. `why` is for readers of the log.
    fn missed(&self, planned: &Planned, run: &NewRun, why: &str) {
        self.counters.missed(run.missed.max(1));
        let why = match run.reason {
            Some(OVERLAP) => OVERLAPPED,
            _ => why,
        };
        let message = match run.missed {
            0 | 1 => format!("`{}` did not run at {}: {why}", run.schedule, run.due_at),
            times => format!(
                "`{}` did not run {times} times, the last time at {}: {why}",
                run.schedule, run.due_at
            ),
        };
        let deployment = Some(run.deployment.clone());
        self.event(
            &planned.function.id,
            deployment,
            Level::Warn,
            "cron.missed",
            message,
            None,
        );
    }

    /// Starts a process shortly before a run, if the function has none.
    fn warm(self: &Arc<Self>, planned: Planned) {
        let cron = Arc::clone(self);
        tokio::spawn(async move {
            if let Some(live) = planned.function.live.load_full() {
                let warm = cron.awake(&planned, &live).await;
                tokio::time::sleep(KEPT_WARM).await;
                drop(warm);
            }
        });
    }

    /// Starts a process if the function has none. Locks ensure that the schedules of a function share one start, and
    /// that few processes start at the same time. A failed start is reported by the run.
    pub(super) async fn awake(&self, planned: &Planned, live: &Live) -> Option<Warm> {
        if live.slot.running() > 0 {
            return None;
        }
        let _function = planned.start.lock().await;
        // The semaphore is never closed.
        let _server = self.starting.acquire().await;
        if live.slot.running() > 0 {
            return None;
        }
        live.slot.wake().await.ok()
    }
}

/// Returns the claims of one schedule, in the order of their due times.
fn claims(planned: &Planned, due: &jelou_cron::Due, absence: Absence) -> Vec<Claim> {
    let claim = |due_at: Timestamp, origin, state, reason, missed, in_lane| Claim {
        planned: planned.clone(),
        run: NewRun {
            id: RunId::generate(),
            function: planned.function.id.clone(),
            schedule: planned.key.clone(),
            due_at,
            origin,
            state,
            reason,
            deployment: planned.deployment.clone(),
            missed,
            max_elsewhere: planned.max_earlier_runs(),
        },
        in_lane,
    };
    let mut claims = Vec::new();
    if let Some(missed) = due.missed {
        let reason = Some(absence.code());
        claims.push(claim(
            missed.last,
            RunOrigin::Schedule,
            RunState::Missed,
            reason,
            missed.count,
            None,
        ));
    }
    for start in &due.start {
        let origin = if start.is_catch_up {
            RunOrigin::CatchUp
        } else {
            RunOrigin::Schedule
        };
        claims.push(if planned.is_overlapped() {
            claim(start.due, origin, RunState::Missed, Some(OVERLAP), 1, None)
        } else {
            let in_lane = Some(planned.lane.enter());
            claim(start.due, origin, RunState::Running, None, 0, in_lane)
        });
    }
    claims
}

/// Returns how late `to` is compared with `from`. Zero if it is early.
pub(super) fn lateness(from: Timestamp, to: Timestamp) -> SignedDuration {
    to.duration_since(from).max(SignedDuration::ZERO)
}
