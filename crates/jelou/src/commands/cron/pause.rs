//! `jelou cron pause` and `jelou cron resume`.

use jelou_client::Client;
use jelou_core::Slug;

use super::which::{parse_slug, which};
use crate::cli::cron::WhichArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{Breadcrumb, zoned_date};
use crate::project::function_or_here;

pub(super) fn run(args: WhichArgs, paused: bool, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    let (slug, name) = selected(args, &client)?;
    let changed = client
        .schedules(&slug)
        .set_paused(name.as_deref(), paused)?;
    let undo = if paused { "resume" } else { "pause" };
    let name = name.map_or_else(|| "--all".to_owned(), |name| format!("'{name}'"));
    let undo = Breadcrumb::new(format!("jelou cron {undo} {slug} {name}"), "Undo");
    context.output.result_with(&changed, &[undo], |human| {
        if changed.is_empty() {
            return human.item("No schedules");
        }
        for schedule in &changed {
            match schedule.next.first() {
                _ if paused => human.success(&format!("Paused {}", schedule.label))?,
                Some(next) => {
                    let next = zoned_date(*next);
                    human.success(&format!("Resumed {}, next run {next}", schedule.label))?;
                }
                None => human.success(&format!("Resumed {}", schedule.label))?,
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// Returns the function, and the schedule or `None` for all.
fn selected(args: WhichArgs, client: &Client) -> anyhow::Result<(Slug, Option<String>)> {
    if !args.all {
        let (slug, name) = which(client, args.which, "; or `--all`")?;
        return Ok((slug, Some(name)));
    }
    match &args.which[..] {
        [] => Ok((function_or_here(None)?, None)),
        [slug] => Ok((parse_slug(slug)?, None)),
        _ => Err(Failure::input("`--all` means every schedule, so none can be named").into()),
    }
}
