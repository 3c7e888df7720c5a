//! `jelou audit list`.

use jelou_client::AuditQuery;

use crate::cli::audit::ListArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Table, local_date};

pub(crate) fn run(args: &ListArgs, context: &Context) -> anyhow::Result<()> {
    let page = context.client()?.audit().list(AuditQuery {
        limit: args.limit,
        before: args.before,
        after: None,
    })?;
    let next = page
        .next
        .map(|before| Breadcrumb::new(format!("jelou audit --before {before}"), "Read on"));
    context
        .output
        .result_with(&page.items, next.as_slice(), |human| {
            if page.items.is_empty() {
                return human.item("No entries");
            }
            let mut table = Table::new()
                .column("When", 24)
                .column("Action", 18)
                .column("Function", 16)
                .column("Target", 16)
                .column("Actor", 0);
            for entry in &page.items {
                table.row([
                    local_date(entry.at),
                    entry.action.clone(),
                    entry.function.clone().unwrap_or_default(),
                    entry.detail.as_ref().unwrap_or(&entry.target).clone(),
                    entry.actor_name.as_ref().unwrap_or(&entry.actor).clone(),
                ]);
            }
            human.table(&table)?;
            match page.next {
                Some(before) => human.item(&format!("More with --before {before}")),
                None => Ok(()),
            }
        })?;
    Ok(())
}
