//! `jelou cron run`.

use std::thread::sleep;
use std::time::Duration;

use jelou_client::Schedules;
use jelou_core::api::{Run, RunState};

use super::state;
use super::which::which;
use crate::cli::cron::RunArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::interrupt;
use crate::output::Breadcrumb;
use crate::step::Step;

const POLL: Duration = Duration::from_millis(200);

pub(super) fn run(args: RunArgs, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    let (slug, name) = which(&client, args.which, "")?;
    let schedules = client.schedules(&slug);
    interrupt::explain_change(format!(
        "a run that has started goes on: `jelou cron logs {slug}` shows how it ends"
    ));
    let mut run = schedules.start_run(&name, args.at)?;
    if !args.no_wait {
        run = ended(&schedules, run, context)?;
    }
    let logs = run
        .request_id
        .as_ref()
        .map(|id| format!("jelou logs {slug} --request {id}"));
    if !matches!(run.state, RunState::Running | RunState::Ok) {
        let failure = Failure::failed_run(format!(
            "the run of `{}` ended with {}",
            run.schedule,
            state(&run)
        ));
        return Err(match logs {
            Some(logs) => failure.hint(format!("`{logs}` shows what it wrote")),
            None => failure,
        }
        .into());
    }
    let crumb = logs.map(|logs| Breadcrumb::new(logs, "See what it wrote"));
    context
        .output
        .result_with(&run, crumb.as_slice(), |human| {
            if run.state == RunState::Running {
                return human.success(&format!("Started {}", run.id));
            }
            human.success(&format!("{} ran, due at {}", run.schedule, run.due_at))?;
            human.item(&format!("Request: {}", request(&run)))
        })?;
    Ok(())
}

/// Waits for the end of a run.
pub(in crate::commands) fn ended(
    schedules: &Schedules<'_>,
    mut run: Run,
    context: &Context,
) -> anyhow::Result<Run> {
    let _step = Step::start(&context.output, format!("Running {}", run.schedule));
    while run.state == RunState::Running {
        sleep(POLL);
        run = schedules.run(&run.id)?;
    }
    Ok(run)
}

fn request(run: &Run) -> &str {
    run.request_id.as_deref().unwrap_or_default()
}
