//! Schedules and their runs.
//!
//! All due runs are claimed before they start, in one transaction. A claim moves the schedule's `settled_until` forward
//! and inserts a row that is unique per due time. Thus each due time starts at most one run, with any number of servers
//! and whatever their clocks show. Runs are not changes by an actor, so they leave no audit entries.

use std::collections::HashSet;

use jelou_core::api::{Run, RunOrigin, RunState};
use jelou_core::{DeploymentId, FunctionId, NodeId, RunId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sqlx::any::AnyRow;

use crate::actor::Actor;
use crate::change::{Action, Entry};
use crate::database::row::Columns;
use crate::database::{Connection, DatabaseError};
use crate::error::{Resource, StoreError};
use crate::functions;
use crate::readable::{Readable, readable};
use crate::store::Store;

/// Number of the newest runs of a schedule that are kept.
const KEPT_RUNS: i64 = 100;
/// How long older runs that failed or were missed are kept.
const KEPT_FAILURES: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Maximum number of runs of a schedule that are kept.
const MAX_RUNS: i64 = 1_000;
/// If a server does not report for this long, its runs count as interrupted. Longer than any run.
const GONE_AFTER: SignedDuration = SignedDuration::from_mins(30);
/// For this long after a server's last report, its runs count as in progress. With a longer time, a killed server would
/// block its schedules.
const OVERLAPS_FOR_MS: i64 = 60_000;
const MAX_PAGE: usize = 1_000;

/// The stored state of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleState {
    pub function: FunctionId,
    /// The key of the schedule.
    pub schedule: String,
    /// Due times up to this one have a run or were missed.
    pub settled_until: Timestamp,
    pub paused_at: Option<Timestamp>,
    /// Name of the access token that paused the schedule.
    pub paused_by: Option<String>,
}

/// A run to claim. Its state is [`RunState::Running`] or [`RunState::Missed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    pub id: RunId,
    pub function: FunctionId,
    /// The key of the schedule.
    pub schedule: String,
    pub due_at: Timestamp,
    pub origin: RunOrigin,
    pub state: RunState,
    pub reason: Option<&'static str>,
    pub deployment: DeploymentId,
    /// For a missed run: how many due times were missed, including this one.
    pub missed: u64,
    /// The run starts only if other servers have at most this many runs of the schedule in progress.
    pub max_elsewhere: Option<u64>,
}

/// The result of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// The caller may start the run.
    Granted,
    /// The due time already has a run or was missed.
    Settled,
    /// Runs on other servers overlap. The run is stored as missed, with the reason [`OVERLAP`].
    Overlapped,
}

/// The reason of a missed run that would have overlapped earlier ones.
pub const OVERLAP: &str = "overlap";

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    pub id: RunId,
    pub function: FunctionId,
    pub schedule: String,
    pub state: RunState,
    pub reason: Option<String>,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    pub attempts: u32,
    pub status: Option<u16>,
    pub request_id: String,
}

/// A run and its function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    pub function: FunctionId,
    pub run: Run,
}

/// Selects runs of a function, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunQuery {
    pub schedule: Option<String>,
    pub state: Option<RunState>,
    /// Only runs older than this one.
    pub before: Option<RunId>,
    pub limit: usize,
}

macro_rules! with_columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " id, function_id, schedule, due_at, origin, state, reason, deployment_id, started_at, ended_at, ",
            "attempts, status, request_id, missed",
            $after
        )
    };
}

impl Store {
    /// Returns the states of all schedules that have run or been paused.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn schedule_states(&self) -> Result<Vec<ScheduleState>, StoreError> {
        sqlx::query(
            "SELECT function_id, schedule, settled_until, paused_at, paused_by FROM schedules",
        )
        .fetch_all(self.database.pool())
        .await?
        .iter()
        .map(|row| {
            Ok(ScheduleState {
                function: row.parsed("function_id")?,
                schedule: row.text("schedule")?,
                settled_until: row.time("settled_until")?,
                paused_at: row.optional_time("paused_at")?,
                paused_by: row.optional_text("paused_by")?,
            })
        })
        .collect()
    }

    /// Claims runs in order, in one transaction. Returns for each run whether the caller may start it.
    ///
    /// # Errors
    /// [`StoreError::Database`]. Then no run is claimed.
    pub async fn claim_runs(&self, runs: &[NewRun]) -> Result<Vec<Claimed>, StoreError> {
        let now = self.clock.now();
        let mut write = self.database.write().await?;
        let mut claimed = Vec::with_capacity(runs.len());
        for run in runs {
            claimed.push(self.claim(write.transaction(), run, now).await?);
        }
        write.commit().await?;
        Ok(claimed)
    }

    async fn claim(
        &self,
        connection: &mut Connection,
        run: &NewRun,
        now: Timestamp,
    ) -> Result<Claimed, StoreError> {
        if run.origin != RunOrigin::Manual && !settle(connection, run).await? {
            return Ok(Claimed::Settled);
        }
        let is_overlapped = self.is_overlapped(connection, run).await?;
        let missed = is_overlapped.then(|| NewRun {
            state: RunState::Missed,
            reason: Some(OVERLAP),
            missed: 1,
            ..run.clone()
        });
        let is_new = self
            .insert(connection, missed.as_ref().unwrap_or(run), now)
            .await?;
        Ok(if !is_new {
            Claimed::Settled
        } else if is_overlapped {
            Claimed::Overlapped
        } else {
            Claimed::Granted
        })
    }

    /// Whether another server has a run of the schedule in progress that was claimed before this one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn has_earlier_run_elsewhere(&self, run: &NewRun) -> Result<bool, StoreError> {
        let Some(node) = &self.node else {
            return Ok(false);
        };
        let mut connection = self.database.snapshot().await?;
        let seen_since = self.now_of(&mut connection).await? - OVERLAPS_FOR_MS;
        let earlier = elsewhere(&mut connection, run, node, seen_since, run.id.as_str()).await?;
        Ok(earlier > 0)
    }

    async fn is_overlapped(
        &self,
        connection: &mut Connection,
        run: &NewRun,
    ) -> Result<bool, StoreError> {
        let (RunState::Running, Some(max), Some(node)) = (run.state, run.max_elsewhere, &self.node)
        else {
            return Ok(false);
        };
        let seen_since = self.now_of(connection).await? - OVERLAPS_FOR_MS;
        Ok(elsewhere(connection, run, node, seen_since, "").await? > max)
    }

    /// Inserts a run. Returns `false` if the due time already has one.
    async fn insert(
        &self,
        connection: &mut Connection,
        run: &NewRun,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let missed = i64::try_from(run.missed)
            .map_err(|error| DatabaseError::corrupt("runs.missed", error))?;
        let inserted = sqlx::query(
            "INSERT INTO runs (id, function_id, schedule, due_at, origin, state, reason, deployment_id, claimed_at, missed, \
             node_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
        )
        .bind(run.id.as_str())
        .bind(run.function.as_str())
        .bind(run.schedule.as_str())
        .bind(run.due_at.as_millisecond())
        .bind(run.origin.as_str())
        .bind(run.state.as_str())
        .bind(run.reason)
        .bind(run.deployment.as_str())
        .bind(now.as_millisecond())
        .bind(missed)
        .bind(self.node.as_ref().map(NodeId::as_str))
        .execute(connection)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }

    /// Stores the results of runs in one transaction, and deletes old runs of their schedules.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn finish_runs(&self, ends: &[RunEnd]) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        for end in ends {
            sqlx::query(
                "UPDATE runs SET state = $1, reason = $2, started_at = $3, ended_at = $4, attempts = $5, status = $6, \
                 request_id = $7 WHERE id = $8 AND state = 'RUNNING'",
            )
            .bind(end.state.as_str())
            .bind(end.reason.as_deref())
            .bind(end.started_at.as_millisecond())
            .bind(end.ended_at.as_millisecond())
            .bind(i64::from(end.attempts))
            .bind(end.status.map(i64::from))
            .bind(end.request_id.as_str())
            .bind(end.id.as_str())
            .execute(write.transaction())
            .await?;
        }
        let schedules: HashSet<_> = ends
            .iter()
            .map(|end| (&end.function, &end.schedule))
            .collect();
        let now = self.deletion_time_in(write.transaction()).await?;
        for (function, schedule) in schedules {
            prune(write.transaction(), function, schedule, now).await?;
        }
        Ok(write.commit().await?)
    }

    /// Marks unfinished runs as interrupted, if an earlier process of this server or a server that is gone started
    /// them. Returns these runs. Deletes runs and schedules of functions that no longer exist.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn interrupt_runs(&self) -> Result<Vec<RunRecord>, StoreError> {
        let gone_after = i64::try_from(GONE_AFTER.as_millis()).unwrap_or(0);
        let seen_since = self.database_time().await? - gone_after;
        let mut write = self.database.write().await?;
        for statement in [
            "DELETE FROM runs WHERE function_id NOT IN (SELECT id FROM functions)",
            "DELETE FROM schedules WHERE function_id NOT IN (SELECT id FROM functions)",
        ] {
            sqlx::query(statement).execute(write.transaction()).await?;
        }
        let runs = sqlx::query(with_columns!(
            "UPDATE runs SET state = 'ERROR', reason = 'interrupted', ended_at = $1 \
             WHERE state = 'RUNNING' AND ($2 = '' OR node_id IS NULL OR node_id = $2 \
             OR node_id NOT IN (SELECT id FROM nodes WHERE seen_at >= $3)) RETURNING",
            ""
        ))
        .bind(self.clock.now_ms())
        .bind(self.node.as_ref().map_or("", NodeId::as_str))
        .bind(seen_since)
        .fetch_all(write.transaction())
        .await?
        .iter()
        .map(record)
        .collect::<Result<Vec<_>, _>>()?;
        write.commit().await?;
        Ok(runs)
    }

    /// Pauses or resumes schedules. Due times during a pause are settled: they are neither run later nor listed as
    /// missed. A server whose clock is ahead settles no later ones.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function does not exist; [`StoreError::Database`].
    pub async fn set_schedules_paused(
        &self,
        actor: &Actor,
        function: &FunctionId,
        schedules: &[String],
        paused: bool,
    ) -> Result<(), StoreError> {
        let mut change = self.change(actor).await?;
        let slug = functions::slug_of(&mut *change.connection(), function).await?;
        let now = self.agreed_time_in(change.connection()).await?;
        let now = now.as_millisecond();
        for schedule in schedules {
            let was_paused = is_paused(change.connection(), function, schedule).await?;
            sqlx::query(
                "INSERT INTO schedules (function_id, schedule, settled_until, paused_at, paused_by) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (function_id, schedule) DO UPDATE SET \
                 settled_until = excluded.settled_until, paused_at = excluded.paused_at, paused_by = excluded.paused_by",
            )
            .bind(function.as_str())
            .bind(schedule.as_str())
            .bind(now)
            .bind(paused.then_some(now))
            .bind(paused.then_some(actor.name.as_str()))
            .execute(change.connection())
            .await?;
            let action = if paused {
                Action::SchedulePause
            } else {
                Action::ScheduleResume
            };
            let entry = Entry {
                action,
                function: Some(&slug),
                target: schedule,
                detail: None,
            };
            let state = |paused: bool| Some(json!({ "paused": paused }));
            change
                .record(entry, state(was_paused), state(paused))
                .await?;
        }
        change.commit().await
    }

    /// Claims a run that a user has requested.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function does not exist; [`StoreError::Database`].
    pub async fn claim_manual_run(&self, actor: &Actor, run: &NewRun) -> Result<(), StoreError> {
        let mut change = self.change(actor).await?;
        let slug = functions::slug_of(&mut *change.connection(), &run.function).await?;
        let now = change.now();
        self.insert(change.connection(), run, now).await?;
        let entry = Entry {
            action: Action::ScheduleRun,
            function: Some(&slug),
            target: run.id.as_str(),
            detail: Some(&run.schedule),
        };
        let started = json!({ "deployment": run.deployment });
        change.record(entry, None, Some(started)).await?;
        change.commit().await
    }

    /// Returns runs of a function that can be read, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_runs(
        &self,
        function: &FunctionId,
        query: &RunQuery,
    ) -> Result<Readable<Run>, StoreError> {
        let limit = query.limit.clamp(1, MAX_PAGE);
        let rows = sqlx::query(with_columns!(
            "SELECT",
            " FROM runs WHERE function_id = $1 AND ($2 = '' OR schedule = $2) AND ($3 = '' OR state = $3) \
             AND ($4 = '' OR id < $4) ORDER BY id DESC LIMIT $5"
        ))
            .bind(function.as_str())
            .bind(query.schedule.as_deref().unwrap_or_default())
            .bind(query.state.map_or("", RunState::as_str))
            .bind(query.before.as_ref().map_or("", RunId::as_str))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(self.database.pool())
            .await?;
        Ok(readable(&rows, ("runs", "id"), record)?.map(|record| record.run))
    }

    /// Returns the newest run of each schedule of a function, if it can be read.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn last_runs(&self, function: &FunctionId) -> Result<Readable<Run>, StoreError> {
        let rows = sqlx::query(with_columns!(
            "SELECT",
            " FROM runs WHERE function_id = $1 \
             AND id IN (SELECT max(id) FROM runs WHERE function_id = $1 GROUP BY schedule)"
        ))
        .bind(function.as_str())
        .fetch_all(self.database.pool())
        .await?;
        Ok(readable(&rows, ("runs", "id"), record)?.map(|record| record.run))
    }

    /// Returns one run of a function.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or [`StoreError::Database`].
    pub async fn run(&self, function: &FunctionId, id: &RunId) -> Result<Run, StoreError> {
        sqlx::query(with_columns!(
            "SELECT",
            " FROM runs WHERE id = $1 AND function_id = $2"
        ))
        .bind(id.as_str())
        .bind(function.as_str())
        .fetch_optional(self.database.pool())
        .await?
        .as_ref()
        .map(|row| record(row).map(|record| record.run))
        .transpose()?
        .ok_or_else(|| StoreError::not_found(Resource::Run, id))
    }
}

async fn is_paused(
    connection: &mut Connection,
    function: &FunctionId,
    schedule: &str,
) -> Result<bool, StoreError> {
    let row =
        sqlx::query("SELECT paused_at FROM schedules WHERE function_id = $1 AND schedule = $2")
            .bind(function.as_str())
            .bind(schedule)
            .fetch_optional(connection)
            .await?;
    let paused_at = row
        .map(|row| row.optional_number("paused_at"))
        .transpose()?;
    Ok(paused_at.flatten().is_some())
}

/// Moves `settled_until` of the schedule forward to the due time. Returns `false` if it is not before the due time.
async fn settle(connection: &mut Connection, run: &NewRun) -> Result<bool, StoreError> {
    let moved = sqlx::query(
        "INSERT INTO schedules (function_id, schedule, settled_until) VALUES ($1, $2, $3) \
         ON CONFLICT (function_id, schedule) DO UPDATE SET settled_until = excluded.settled_until \
         WHERE schedules.settled_until < excluded.settled_until",
    )
    .bind(run.function.as_str())
    .bind(run.schedule.as_str())
    .bind(run.due_at.as_millisecond())
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// Counts the runs of the schedule that other servers have in progress. If `before` is not empty, counts only runs that
/// were claimed before the run with this id. Ignores servers that have not reported since `seen_since`.
async fn elsewhere(
    connection: &mut Connection,
    run: &NewRun,
    node: &NodeId,
    seen_since: i64,
    before: &str,
) -> Result<u64, StoreError> {
    let row = sqlx::query(
        "SELECT count(*) AS runs FROM runs WHERE function_id = $1 AND schedule = $2 AND state = 'RUNNING' \
         AND node_id <> $3 AND node_id IN (SELECT id FROM nodes WHERE seen_at >= $4) AND ($5 = '' OR id < $5)",
    )
    .bind(run.function.as_str())
    .bind(run.schedule.as_str())
    .bind(node.as_str())
    .bind(seen_since)
    .bind(before)
    .fetch_one(connection)
    .await?;
    Ok(row.size("runs")?)
}

async fn prune(
    connection: &mut Connection,
    function: &FunctionId,
    schedule: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let failures_since =
        now.as_millisecond() - i64::try_from(KEPT_FAILURES.as_millis()).unwrap_or(0);
    for (kept, is_failure_kept_since) in [(KEPT_RUNS, failures_since), (MAX_RUNS, i64::MAX)] {
        sqlx::query(
            "DELETE FROM runs WHERE function_id = $1 AND schedule = $2 AND state <> 'RUNNING' \
             AND id <= (SELECT id FROM runs WHERE function_id = $1 AND schedule = $2 ORDER BY id DESC LIMIT 1 OFFSET $3) \
             AND (state = 'OK' OR claimed_at < $4)",
        )
        .bind(function.as_str())
        .bind(schedule)
        .bind(kept)
        .bind(is_failure_kept_since)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

fn record(row: &AnyRow) -> Result<RunRecord, StoreError> {
    let status = row.optional_number("status")?;
    Ok(RunRecord {
        function: row.parsed("function_id")?,
        run: Run {
            id: row.parsed("id")?,
            schedule: row.text("schedule")?,
            due_at: row.time("due_at")?,
            origin: row.parsed("origin")?,
            state: row.parsed("state")?,
            reason: row.optional_text("reason")?,
            deployment: row.parsed("deployment_id")?,
            started_at: row.optional_time("started_at")?,
            ended_at: row.optional_time("ended_at")?,
            attempts: u32::try_from(row.size("attempts")?)
                .map_err(|error| DatabaseError::corrupt("attempts", error))?,
            status: status.and_then(|status| u16::try_from(status).ok()),
            request_id: row.optional_text("request_id")?,
            missed: row.size("missed")?,
        },
    })
}
