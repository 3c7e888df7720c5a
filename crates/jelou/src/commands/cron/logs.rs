//! `jelou cron logs`.

use jelou_client::RunsQuery;
use jelou_core::Slug;
use jelou_core::api::Run;
use serde::Serialize;

use super::{functions, state};
use crate::cli::cron::LogsArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Table, zoned_date};

#[derive(Serialize)]
struct RunOf<'a> {
    function: &'a Slug,
    #[serde(flatten)]
    run: Run,
}

pub(super) fn run(args: LogsArgs, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    let slugs = functions(&client, args.slug, args.all)?;
    let query = RunsQuery {
        schedule: args.name,
        state: args.state,
        limit: Some(args.limit),
        before: args.before,
    };
    let (mut runs, mut next) = (Vec::new(), None);
    for slug in &slugs {
        let page = client.schedules(slug).runs(&query)?;
        next = page.next;
        let of_function = page.items.into_iter();
        runs.extend(of_function.map(|run| RunOf {
            function: slug,
            run,
        }));
    }
    runs.sort_by(|a, b| b.run.id.cmp(&a.run.id));
    runs.truncate(usize::try_from(args.limit).unwrap_or(usize::MAX));
    let mut crumbs = Vec::new();
    if let [slug] = &slugs[..] {
        if let Some(id) = runs.iter().find_map(|run| run.run.request_id.as_ref()) {
            let command = format!("jelou logs {slug} --request {id}");
            crumbs.push(Breadcrumb::new(command, "See what the newest run wrote"));
        }
        if let Some(before) = next {
            let command = format!("jelou cron logs {slug} --before {before}");
            crumbs.push(Breadcrumb::new(command, "Read on"));
        }
    }
    context.output.result_with(&runs, &crumbs, |human| {
        if runs.is_empty() {
            return human.item("No runs");
        }
        let mut table = Table::new();
        if args.all {
            table = table.column("Function", 16);
        }
        table = table
            .column("Due", 36)
            .column("Schedule", 16)
            .column("State", 10)
            .column("Took", 10)
            .column("Request", 0);
        for RunOf { function, run } in &runs {
            let function = args.all.then(|| function.to_string());
            table.row(function.into_iter().chain([
                zoned_date(run.due_at),
                run.schedule.clone(),
                state(run),
                took(run),
                run.request_id.clone().unwrap_or_default(),
            ]));
        }
        human.table(&table)
    })?;
    Ok(())
}

/// Returns the duration of a run, such as `1.25 s`. Empty if the run has not ended, or did not start.
fn took(run: &Run) -> String {
    let Some((start, end)) = run.started_at.zip(run.ended_at) else {
        return String::new();
    };
    format!("{:.2} s", end.duration_since(start).as_secs_f64())
}
