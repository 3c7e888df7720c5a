//! `jelou cron run`.

use std::thread::sleep;
use std::time::Duration;

use jelou_client::{Client, Schedules};
use jelou_core::Slug;
use jelou_core::api::{Run, RunState, ScheduleInfo};

use super::state;
use crate::cli::cron::RunArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::interrupt;
use crate::output::Breadcrumb;
use crate::project::function_or_here;
use crate::step::Step;

const POLL: Duration = Duration::from_millis(200);

pub(super) fn run(args: RunArgs, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    let (slug, name) = which(&client, args.which)?;
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

/// Returns the function and the schedule that the arguments name. A single argument names a schedule of the folder's
/// function, or a function if there is no such schedule.
fn which(client: &Client, arguments: Vec<String>) -> anyhow::Result<(Slug, String)> {
    let mut arguments = arguments.into_iter();
    let (slug, name) = match (arguments.next(), arguments.next()) {
        (None, _) => (function_or_here(None)?, None),
        (Some(slug), Some(name)) => (parse_slug(&slug)?, Some(name)),
        (Some(one), None) => match function_or_here(None) {
            Ok(here) if has_schedule(client, &here, &one)? => (here, Some(one)),
            Ok(here) => match one.parse() {
                Ok(slug) if client.functions().get(&slug).is_ok() => (slug, None),
                _ => (here, Some(one)),
            },
            Err(_) => (parse_slug(&one)?, None),
        },
    };
    if let Some(name) = name {
        return Ok((slug, name));
    }
    let schedules = client.schedules(&slug).list(1)?;
    match &schedules[..] {
        [only] => {
            let id = only.id.clone();
            Ok((slug, id))
        }
        [] => Err(
            Failure::not_found(format!("what is live of `{slug}` has no schedules"))
                .hint("`config.cron` of a function declares them")
                .into(),
        ),
        several => {
            let labels: Vec<_> = several.iter().map(|one| one.label.as_str()).collect();
            Err(Failure::input(format!(
                "`{slug}` has {} schedules, and only one can run",
                labels.len()
            ))
            .hint(format!("name one of: {}", labels.join(", ")))
            .into())
        }
    }
}

fn has_schedule(client: &Client, slug: &Slug, name: &str) -> anyhow::Result<bool> {
    let schedules = match client.schedules(slug).list(1) {
        Err(error) if error.is_not_found() => return Ok(false),
        schedules => schedules?,
    };
    let is_meant =
        |one: &ScheduleInfo| one.id == name || one.label == name || one.expression == name;
    Ok(schedules.iter().any(is_meant))
}

fn parse_slug(text: &str) -> anyhow::Result<Slug> {
    text.parse()
        .map_err(|error| Failure::input(format!("`{text}` is not a slug: {error}")).into())
}

fn request(run: &Run) -> &str {
    run.request_id.as_deref().unwrap_or_default()
}
