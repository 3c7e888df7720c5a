//! `jelou tokens info`.

use jelou_core::api::TokenUsageReport;

use super::selection::Selection;
use super::status::{Listed, joined, limits, notice};
use crate::cli::tokens::InfoArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Table, zoned_date};

pub(crate) fn run(args: InfoArgs, context: &Context) -> anyhow::Result<()> {
    let selection = Selection::find(args.token, context)?;
    let Selection { slug, token, .. } = &selection;
    let date = |at: Option<_>| at.map_or_else(|| "never".to_owned(), zoned_date);
    let mut listed = Listed::new(token);
    let usage = selection.tokens().usage(args.days)?;
    listed.usage = usage.into_iter().find(|usage| usage.id == token.id);
    context.output.result_with(
        &listed,
        &[Breadcrumb::new(
            format!("jelou tokens revoke {slug} {}", token.id),
            "Revoke it",
        )],
        |human| {
            human.item(&format!("Name:       {}", token.name))?;
            human.item(&format!("ID:         {}", token.id))?;
            human.item(&format!("Prefix:     {}..", token.prefix))?;
            human.item(&format!("Status:     {}", listed.status.as_str()))?;
            human.item(&format!("Last used:  {}", date(token.last_used_at)))?;
            if let Some(from) = &token.last_used_from {
                human.item(&format!("Last from:  {from}"))?;
            }
            human.item(&format!("Created:    {}", zoned_date(token.created_at)))?;
            human.item(&format!("Created by: {}", token.created_by))?;
            human.item(&format!("Expires:    {}", date(token.expires_at)))?;
            if let Some(limits) = limits(token) {
                human.item(&format!("Limits:     {limits}"))?;
            }
            if let Some(owner) = &token.owner {
                human.item(&format!("Owner:      {owner}"))?;
            }
            if let Some(purpose) = &token.purpose {
                human.item(&format!("Purpose:    {purpose}"))?;
            }
            if !token.tags.is_empty() {
                human.item(&format!("Tags:       {}", joined(token.tags.iter())))?;
            }
            if let Some(usage) = listed.usage.as_ref().filter(|usage| !usage.days.is_empty()) {
                human.table(&days(usage))?;
            }
            notice(&listed).map_or(Ok(()), |notice| human.warning(&notice))
        },
    )?;
    Ok(())
}

fn days(usage: &TokenUsageReport) -> Table {
    let mut table = Table::new()
        .column("Day (UTC)", 12)
        .column("Calls", 8)
        .column("Errors", 8)
        .column("Refused", 8)
        .column("p95", 0);
    for day in &usage.days {
        let p95 = day.counts.p95_ms;
        table.row([
            day.date.to_string(),
            day.counts.calls.to_string(),
            day.counts.errors.to_string(),
            day.counts.refused.to_string(),
            p95.map_or_else(String::new, |ms| format!("{ms:.1} ms")),
        ]);
    }
    table
}
