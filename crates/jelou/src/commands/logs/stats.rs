//! `jelou logs stats`.

use jelou_client::LogsQuery;

use crate::cli::logs::StatsArgs;
use crate::context::Context;
use crate::output::Table;
use crate::project::function_or_here;

pub(super) fn run(args: StatsArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let query = LogsQuery {
        since: args.since,
        until: args.until,
        filter: args.filter,
        ..LogsQuery::default()
    };
    let groups = context.client()?.logs(&slug).statistics(&query, &args.by)?;
    context.output.result(&groups, |human| {
        if groups.is_empty() {
            return human.item("No calls");
        }
        let mut table = Table::new();
        for by in args.by.split(',') {
            table = table.column(heading(by.trim()), 14);
        }
        let columns = [
            "Calls", "Errors", "Cold", "p50 ms", "p95 ms", "p99 ms", "Max ms",
        ];
        for column in columns {
            table = table.column(column, if column == "Max ms" { 0 } else { 8 });
        }
        for group in &groups {
            let durations = [group.p50_ms, group.p95_ms, group.p99_ms, group.max_ms];
            let counts = [group.calls, group.errors, group.cold];
            let values = group.by.iter().map(|value| match value.as_str() {
                "" => "-".to_owned(),
                value => value.to_owned(),
            });
            let counts = counts.iter().map(ToString::to_string);
            let durations = durations.iter().map(|duration| format!("{duration:.1}"));
            table.row(values.chain(counts).chain(durations));
        }
        human.table(&table)
    })?;
    Ok(())
}

fn heading(by: &str) -> &'static str {
    match by {
        "status" => "Status",
        "tool" => "Tool",
        "route" => "Route",
        "method" => "Method",
        "token" => "Token",
        "protocol" => "Protocol",
        "deployment" => "Deployment",
        "error" => "Error",
        _ => "By",
    }
}
