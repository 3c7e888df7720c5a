//! `jelou cron`.

mod list;
mod logs;
mod next;
mod pause;
mod run;
mod which;

use jelou_client::Client;
use jelou_core::Slug;
use jelou_core::api::{Run, RunOrigin, ScheduleInfo};
use jiff::Timestamp;

pub(in crate::commands) use self::next::show_times;
pub(in crate::commands) use self::run::ended;
use crate::cli::cron::CronCommand;
use crate::context::Context;
use crate::project::function_or_here;

pub(crate) fn run(command: CronCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        CronCommand::List(args) => list::run(args, context),
        CronCommand::Logs(args) => logs::run(args, context),
        CronCommand::Run(args) => run::run(args, context),
        CronCommand::Next(args) => next::run(args, context),
        CronCommand::Pause(args) => pause::run(args.which, true, context),
        CronCommand::Resume(args) => pause::run(args.which, false, context),
    }
}

/// Returns the function that the arguments name, or all functions with a live deployment.
fn functions(client: &Client, slug: Option<Slug>, all: bool) -> anyhow::Result<Vec<Slug>> {
    if !all {
        return Ok(vec![function_or_here(slug)?]);
    }
    let functions = client.functions().list()?.into_iter();
    Ok(functions
        .filter(|function| function.live_deployment.is_some())
        .map(|function| function.slug)
        .collect())
}

/// Returns the schedules of these functions, each with its next `next` due times.
fn schedules(client: &Client, slugs: &[Slug], next: u32) -> anyhow::Result<Vec<ScheduleInfo>> {
    let mut schedules = Vec::new();
    for slug in slugs {
        schedules.extend(client.schedules(slug).list(next)?);
    }
    Ok(schedules)
}

/// Returns when a run started, or should have started. `None` for a manual run that has not ended: its start is not
/// stored yet, and its due time may be any time.
fn happened_at(run: &Run) -> Option<Timestamp> {
    let due_at = (run.origin != RunOrigin::Manual).then_some(run.due_at);
    run.started_at.or(due_at)
}

/// Formats the state of a run: `ERROR status 500`, `MISSED server_down, 3 times`.
pub(in crate::commands) fn state(run: &Run) -> String {
    let mut state = run.state.to_string();
    if let Some(reason) = &run.reason {
        state = format!("{state} {reason}");
    }
    if run.missed > 1 {
        state = format!("{state}, {} times", run.missed);
    }
    state
}
