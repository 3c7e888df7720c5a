//! `jelou cron pause` and `jelou cron resume`.

use jelou_core::Slug;

use crate::cli::cron::WhichArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{Breadcrumb, zoned_date};
use crate::project::function_or_here;

pub(super) fn run(args: WhichArgs, paused: bool, context: &Context) -> anyhow::Result<()> {
    let (slug, name) = which(args)?;
    let changed = context
        .client()?
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

/// Returns the function, and the schedule or `None` for all. With `--all`, a single argument is the slug.
fn which(args: WhichArgs) -> anyhow::Result<(Slug, Option<String>)> {
    match (args.all, args.slug, args.name) {
        (false, slug, name) => Ok((function_or_here(slug)?, name)),
        (true, Some(_), Some(_)) => {
            Err(Failure::input("`--all` means every schedule, so none can be named").into())
        }
        (true, Some(slug), None) => Ok((slug, None)),
        (true, None, Some(slug)) => {
            let slug = slug
                .parse()
                .map_err(|error| Failure::input(format!("`{slug}` is not a slug: {error}")))?;
            Ok((slug, None))
        }
        (true, None, None) => Ok((function_or_here(None)?, None)),
    }
}
