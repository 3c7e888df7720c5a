//! One run: waits for earlier runs, makes attempts, and stores the result.

use std::sync::Arc;
use std::time::Duration;

use jelou_core::api::{RunOrigin, RunState};
use jelou_core::manifest::Overlap;
use jelou_logs::Level;
use jelou_store::{NewRun, RunEnd};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::Cron;
use super::lane::InLane;
use super::planned::Planned;
use super::request::{self, Outcome};
use super::scheduler::lateness;
use crate::gateway::invoke;

/// A run is counted as late if it starts later than this.
const LATE: SignedDuration = SignedDuration::from_secs(1);
/// How long a run retries to get a process while the server is full.
const PATIENCE: Duration = Duration::from_mins(1);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// How often a queued run checks whether the runs of other servers have ended.
const TURN_PERIOD: Duration = Duration::from_secs(1);
/// The reason of a run that was interrupted by the stop of the server.
const INTERRUPTED: &str = "interrupted";

/// A claimed run.
#[derive(Debug)]
pub(super) struct ScheduledRun {
    pub(super) planned: Planned,
    pub(super) run: NewRun,
    pub(super) in_lane: InLane,
}

/// A run that a user has requested, before it is claimed.
#[derive(Debug)]
pub(crate) struct ManualRun(pub(super) ScheduledRun);

impl ManualRun {
    pub(crate) fn claim(&self) -> &NewRun {
        &self.0.run
    }
}

/// How a run ended.
struct End {
    state: RunState,
    reason: Option<String>,
    attempts: u32,
    status: Option<u16>,
    request_id: Uuid,
}

impl Cron {
    /// Starts a claimed run that a user has requested.
    pub(crate) fn start_manual(self: &Arc<Self>, run: ManualRun) {
        self.spawn(run.0);
    }

    pub(super) async fn run(self: Arc<Self>, scheduled: ScheduledRun) {
        let ScheduledRun {
            planned,
            run,
            in_lane,
        } = scheduled;
        let turn = match planned.definition().overlap {
            Overlap::Queue => {
                let turn = in_lane.turn().await;
                self.turn_of_all_servers(&run).await;
                Some(turn)
            }
            Overlap::Skip | Overlap::Allow => None,
        };
        // The semaphore is never closed.
        let permit = self.running.acquire().await;
        let started_at = self.clock.now();
        let end = if self.is_stopped() {
            End::failed(Uuid::new_v4(), 0, INTERRUPTED)
        } else {
            self.note_lateness(&planned, &run, self.now());
            self.attempts(&planned, &run).await
        };
        drop((permit, turn));
        self.counters.ended(end.state);
        if end.state != RunState::Ok {
            let message = format!(
                "the run of `{}` due at {} ended with {}{}{}",
                run.schedule,
                run.due_at,
                end.state,
                end.reason
                    .as_ref()
                    .map(|reason| format!(" ({reason})"))
                    .unwrap_or_default(),
                if end.attempts > 1 {
                    format!(", after {} attempts", end.attempts)
                } else {
                    String::new()
                }
            );
            let deployment = Some(run.deployment.clone());
            self.event(
                &run.function,
                deployment,
                Level::Error,
                "cron.failed",
                message,
                Some(end.request_id),
            );
        }
        self.ends.send(RunEnd {
            id: run.id,
            function: run.function,
            schedule: run.schedule,
            state: end.state,
            reason: end.reason,
            started_at,
            ended_at: self.clock.now(),
            attempts: end.attempts,
            status: end.status,
            request_id: end.request_id.to_string(),
        });
    }

    /// Waits until earlier runs of the schedule on other servers have ended, or this server stops.
    async fn turn_of_all_servers(&self, run: &NewRun) {
        // Without the database, it is unknown whether such a run has ended.
        while self
            .store
            .has_earlier_run_elsewhere(run)
            .await
            .unwrap_or(true)
            && self.sleep(TURN_PERIOD).await.is_ok()
        {}
    }

    async fn attempts(&self, planned: &Planned, run: &NewRun) -> End {
        let schedule = planned.definition();
        let (retries, mut backoff) = schedule
            .retry
            .map_or((0, 0), |retry| (retry.max, retry.backoff_ms));
        let mut number = 0;
        loop {
            number += 1;
            let end = self.attempt(planned, run, number).await;
            if end.state == RunState::Ok || number > retries {
                return end;
            }
            if self.sleep(Duration::from_millis(backoff)).await.is_err() {
                return end;
            }
            backoff = backoff.saturating_mul(2);
        }
    }

    async fn attempt(&self, planned: &Planned, run: &NewRun, number: u32) -> End {
        let schedule = planned.definition();
        let request_id = Uuid::new_v4();
        let timeout = schedule.timeout_ms.map_or_else(
            || invoke::timeout(&planned.function.limits(), planned.tool()),
            Duration::from_millis,
        );
        let scheduled = request::scheduled(schedule, run.due_at, timeout);
        let attempt = if number > 1 {
            format!(", attempt {number}")
        } else {
            String::new()
        };
        let message = format!("`{}` runs, due at {}{attempt}", run.schedule, run.due_at);
        let deployment = Some(run.deployment.clone());
        self.event(
            &run.function,
            deployment,
            Level::Info,
            "cron.run",
            message,
            Some(request_id),
        );
        let (begun, mut pause) = (tokio::time::Instant::now(), FIRST_PAUSE);
        let outcome = loop {
            let live = planned.function.live.load_full();
            let tool = live
                .as_ref()
                .and_then(|live| request::tool_of(live, &planned.tool().key));
            let (Some(live), Some(tool)) = (live, tool) else {
                // A stopping server removes the deployments from the registry.
                let is_stopped = self.is_stopped();
                let reason = if is_stopped { INTERRUPTED } else { "removed" };
                return End::failed(request_id, number, reason);
            };
            let warm = self.awake(planned, &live).await;
            let function = &planned.function;
            let outcome =
                request::attempt(&self.gateway, function, &live, tool, &scheduled, request_id)
                    .await;
            drop(warm);
            let is_over = begun.elapsed() + pause > PATIENCE;
            if !matches!(outcome, Outcome::NotStarted) || is_over {
                break outcome;
            }
            if self.sleep(pause).await.is_err() {
                return End::failed(request_id, number, INTERRUPTED);
            }
            pause *= 2;
        };
        End::of(request_id, number, &outcome)
    }

    fn note_lateness(&self, planned: &Planned, run: &NewRun, started_at: Timestamp) {
        let planned_at = run.due_at.checked_add(planned.rules.delay);
        if planned_at.is_ok_and(|at| lateness(at, started_at) > LATE)
            && run.origin == RunOrigin::Schedule
        {
            self.counters.late();
        }
    }

    /// Sleeps. Returns an error if the server stops meanwhile.
    async fn sleep(&self, pause: Duration) -> Result<(), ()> {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            _ = stopped.wait_for(|stopped| *stopped) => Err(()),
        }
    }
}

impl End {
    fn of(request_id: Uuid, attempts: u32, outcome: &Outcome) -> Self {
        let (state, reason) = match outcome {
            Outcome::Answered(status) if status.as_u16() < 400 => (RunState::Ok, None),
            Outcome::Answered(status) => {
                (RunState::Error, Some(format!("status {}", status.as_u16())))
            }
            Outcome::TimedOut => (RunState::Timeout, None),
            Outcome::NotStarted => (RunState::Error, Some("unavailable".to_owned())),
            Outcome::Failed(code, _) => (RunState::Error, Some((*code).to_owned())),
            Outcome::Broken(error) => (
                RunState::Error,
                Some(format!("the response broke off: {error}")),
            ),
        };
        Self {
            state,
            reason,
            attempts,
            status: outcome.status().map(|status| status.as_u16()),
            request_id,
        }
    }

    fn failed(request_id: Uuid, attempts: u32, reason: &str) -> Self {
        Self {
            state: RunState::Error,
            reason: Some(reason.to_owned()),
            attempts,
            status: None,
            request_id,
        }
    }
}
