//! Schedules and their runs.

use std::collections::HashMap;
use std::sync::Arc;

use jelou_core::api::{Run, ScheduleInfo, StartRun};
use jelou_core::{FunctionId, RunId, Slug};
use jelou_store::{Actor, Readable, Resource, RunQuery, StoreError};
use jiff::Timestamp;
use jiff::civil::DateTime;

use super::{Control, ControlError};
use crate::cron::{Cron, Planned, PlannedState};

impl Control {
    /// Returns the schedules of the live deployment, each with its next `next` due times.
    pub(crate) async fn schedules(
        &self,
        slug: &Slug,
        next: usize,
    ) -> Result<Readable<ScheduleInfo>, ControlError> {
        let function = self.store.function_id(slug).await?;
        let Readable { rows, unreadable } = self.store.last_runs(&function).await?;
        let last_runs = rows.into_iter();
        let mut last_runs: HashMap<String, Run> =
            last_runs.map(|run| (run.schedule.clone(), run)).collect();
        let now = self.clock.now();
        let schedules = self.cron.of(&function).into_iter();
        let rows = schedules.map(|state| {
            let last_run = last_runs.remove(state.planned.key());
            described(slug, state, last_run, now, next)
        });
        Ok(Readable {
            rows: rows.collect(),
            unreadable,
        })
    }

    /// Pauses or resumes one schedule, or all schedules of the function.
    pub(crate) async fn set_schedules_paused(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        name: Option<String>,
        paused: bool,
    ) -> Result<Readable<ScheduleInfo>, ControlError> {
        self.change(|control| async move {
            let function = control.store.function_id(&slug).await?;
            let all = control.cron.of(&function);
            let chosen = match &name {
                Some(name) => vec![find(&all, name)?.key().to_owned()],
                None => all
                    .iter()
                    .map(|state| state.planned.key().to_owned())
                    .collect(),
            };
            let is_paused = |key: &String| {
                all.iter()
                    .any(|state| state.planned.key() == key && state.paused_by.is_some())
            };
            let changed: Vec<String> = chosen
                .iter()
                .filter(|key| is_paused(key) != paused || !paused)
                .cloned()
                .collect();
            if !changed.is_empty() {
                control
                    .store
                    .set_schedules_paused(&actor, &function, &changed, paused)
                    .await?;
                let by = paused.then_some(actor.name.as_str());
                control.cron.set_paused(&function, &changed, by);
                let (event, word) = if paused {
                    ("cron.paused", "paused")
                } else {
                    ("cron.resumed", "resumed")
                };
                let message = format!("schedules {word} by {}: {}", actor.name, changed.join(", "));
                control.event(&function, None, event, message);
            }
            let mut schedules = control.schedules(&slug, 1).await?;
            schedules
                .rows
                .retain(|schedule| chosen.contains(&schedule.id));
            Ok(schedules)
        })
        .await
    }

    /// Starts a run now, even if the schedule is paused.
    pub(crate) async fn start_run(
        self: &Arc<Self>,
        actor: Actor,
        slug: &Slug,
        name: &str,
        request: StartRun,
    ) -> Result<Run, ControlError> {
        let function = self.store.function_id(slug).await?;
        let planned = find(&self.cron.of(&function), name)?.clone();
        let due_at = match request.at {
            Some(at) => due_time(&at, &planned)?,
            None => self.clock.now(),
        };
        let control = Arc::clone(self);
        // A separate task completes even if the caller disconnects, so that every claimed run is started.
        let task = tokio::spawn(async move {
            let run = Cron::manual_run(&planned, due_at);
            let id = run.claim().id.clone();
            control.store.claim_manual_run(&actor, run.claim()).await?;
            control.cron.start_manual(run);
            Ok(control.store.run(&function, &id).await?)
        });
        task.await.map_err(|_| ControlError::Interrupted)?
    }

    /// Returns runs of a function, newest first.
    pub(crate) async fn runs(
        &self,
        slug: &Slug,
        schedule: Option<&str>,
        mut query: RunQuery,
    ) -> Result<Readable<Run>, ControlError> {
        let function = self.store.function_id(slug).await?;
        // A schedule that is no longer live still has stored runs, which are found by its id.
        query.schedule = schedule.map(|name| match find(&self.cron.of(&function), name) {
            Ok(planned) => planned.key().to_owned(),
            Err(_) => name.to_owned(),
        });
        Ok(self.store.list_runs(&function, &query).await?)
    }

    pub(crate) async fn cron_run(&self, slug: &Slug, id: &RunId) -> Result<Run, ControlError> {
        let function: FunctionId = self.store.function_id(slug).await?;
        Ok(self.store.run(&function, id).await?)
    }
}

/// Finds the schedule with this id or label, or the only schedule with this expression.
fn find<'a>(schedules: &'a [PlannedState], name: &str) -> Result<&'a Planned, ControlError> {
    let all = || schedules.iter().map(|state| &state.planned);
    let named = all().find(|planned| planned.key() == name);
    if let Some(found) = named.or_else(|| all().find(|planned| planned.label() == name)) {
        return Ok(found);
    }
    let mut same = all().filter(|planned| planned.definition().expression == name);
    match (same.next(), same.next()) {
        (Some(found), None) => Ok(found),
        _ => Err(StoreError::NotFound {
            kind: Resource::Schedule,
            what: jelou_token::redact(name).into_owned(),
        }
        .into()),
    }
}

/// Parses an instant, or a date and time in the schedule's time zone.
fn due_time(text: &str, planned: &Planned) -> Result<Timestamp, ControlError> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let local = text.parse::<DateTime>().ok();
    let at = local.and_then(|local| planned.zone().to_timestamp(local).ok());
    at.ok_or_else(|| ControlError::Invalid {
        detail: format!("`{}` is not a time", text.escape_debug()),
        hint: "for example 2026-11-29T09:00:00Z, or 2026-11-29T09:00 in the zone of the schedule",
    })
}

fn described(
    slug: &Slug,
    state: PlannedState,
    last_run: Option<Run>,
    now: Timestamp,
    next: usize,
) -> ScheduleInfo {
    let planned = &state.planned;
    let definition = planned.definition();
    let paused = state.paused_by.is_some();
    let shown = if paused { 0 } else { next };
    ScheduleInfo {
        function: slug.clone(),
        id: planned.key().to_owned(),
        label: planned.label(),
        name: definition.name.clone(),
        tool: planned.tool().name.clone(),
        expression: definition.expression.clone(),
        timezone: definition.timezone.clone(),
        overlap: definition.overlap,
        catch_up: definition.catch_up,
        paused,
        next: planned
            .upcoming(state.settled.max(now))
            .take(shown)
            .collect(),
        paused_by: state.paused_by,
        last_run,
    }
}
