//! `jelou cron list`.

use super::{functions, happened_at, schedules, state};
use crate::cli::cron::ListArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Table, date_in_zone};

pub(super) fn run(args: ListArgs, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    let slugs = functions(&client, args.slug, args.all)?;
    let schedules = schedules(&client, &slugs, 1)?;
    let crumbs = match &slugs[..] {
        [slug] => vec![
            Breadcrumb::new(format!("jelou cron logs {slug}"), "See how its runs ended"),
            Breadcrumb::new(format!("jelou cron next {slug}"), "See its next runs"),
        ],
        _ => Vec::new(),
    };
    context.output.result_with(&schedules, &crumbs, |human| {
        if schedules.is_empty() {
            return human.item("No schedules; `config.cron` of a function declares them");
        }
        let mut table = Table::new();
        if args.all {
            table = table.column("Function", 16);
        }
        table = table
            .column("Name", 16)
            .column("Expression", 16)
            .column("Zone", 20)
            .column("Next", 36)
            .column("Last", 36)
            .column("State", 0);
        for schedule in &schedules {
            let last = schedule.last_run.as_ref();
            let date = |at| date_in_zone(at, &schedule.timezone);
            let next = match schedule.next.first() {
                _ if schedule.paused => "paused".to_owned(),
                Some(next) => date(*next),
                None => "never".to_owned(),
            };
            let row = [
                schedule.label.clone(),
                schedule.expression.clone(),
                schedule.timezone.clone(),
                next,
                match last {
                    Some(run) => happened_at(run).map_or_else(|| "now".to_owned(), date),
                    None => "never".to_owned(),
                },
                last.map(state).unwrap_or_default(),
            ];
            let function = args.all.then(|| schedule.function.to_string());
            table.row(function.into_iter().chain(row));
        }
        human.table(&table)
    })?;
    Ok(())
}
