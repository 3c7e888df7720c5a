//! `jelou tokens list`.

use jelou_core::api::{RuntimeTokenInfo, TokenUsageCounts};
use jelou_core::token_labels::Note;
use jiff::Timestamp;

use super::status::{Listed, Status, joined, limits, notice};
use crate::cli::tokens::ListArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Table, local_date};
use crate::project::function_or_here;

/// Number of days of use in the wide table.
const USAGE_DAYS: u32 = 30;

pub(crate) fn run(args: ListArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let client = context.client()?;
    let tokens = client.tokens(&slug).list()?;
    let mut listed: Vec<_> = tokens.iter().map(Listed::new).collect();
    if args.wide {
        let mut usage = client.tokens(&slug).usage(USAGE_DAYS)?;
        for listed in &mut listed {
            let found = usage.iter().position(|used| used.id == listed.token.id);
            listed.usage = found.map(|found| usage.swap_remove(found));
        }
    }
    context.output.result_with(
        &listed,
        &[
            Breadcrumb::new(
                format!("jelou tokens create {slug} --name NAME"),
                "Create another one",
            ),
            Breadcrumb::new(format!("jelou tokens revoke {slug} TOKEN_ID"), "Revoke one"),
        ],
        |human| {
            if tokens.is_empty() {
                return human.item("No tokens; `jelou tokens create` makes one");
            }
            if args.wide {
                return human.table(&wide_table(&listed));
            }
            human.table(&table(&tokens))?;
            // These are warnings, because the table has only its documented columns.
            listed
                .iter()
                .filter(|listed| listed.status != Status::Unused)
                .filter_map(notice)
                .try_for_each(|notice| human.warning(&notice))
        },
    )?;
    Ok(())
}

fn table(tokens: &[RuntimeTokenInfo]) -> Table {
    let mut table = Table::new()
        .column("Name", 14)
        .column("Prefix", 16)
        .column("Last Used", 23)
        .column("Created", 0);
    for token in tokens {
        table.row([
            token.name.to_string(),
            format!("{}..", token.prefix),
            date_or_never(token.last_used_at),
            local_date(token.created_at),
        ]);
    }
    table
}

fn wide_table(tokens: &[Listed<'_>]) -> Table {
    let mut table = Table::new()
        .column("Name", 14)
        .column("Prefix", 16)
        .column("Last Used", 23)
        .column("Created", 23)
        .column("ID", 32)
        .column("Status", 9)
        .column("Expires", 23)
        .column("Created By", 14)
        .column("Owner", 14)
        .column("Tags", 14)
        .column("Calls", 8)
        .column("Errors", 8)
        .column("Refused", 8)
        .column("Limits", 0);
    for listed in tokens {
        let Listed { token, status, .. } = listed;
        let usage = listed.usage.as_ref().map(|usage| &usage.total);
        let count = |count: fn(&TokenUsageCounts) -> u64| {
            usage.map_or_else(String::new, |usage| count(usage).to_string())
        };
        table.row([
            token.name.to_string(),
            format!("{}..", token.prefix),
            date_or_never(token.last_used_at),
            local_date(token.created_at),
            token.id.to_string(),
            status.as_str().to_owned(),
            date_or_never(token.expires_at),
            token.created_by.clone(),
            token
                .owner
                .as_ref()
                .map_or_else(String::new, Note::to_string),
            joined(token.tags.iter()),
            count(|usage| usage.calls),
            count(|usage| usage.errors),
            count(|usage| usage.refused),
            limits(token).unwrap_or_else(|| "none".to_owned()),
        ]);
    }
    table
}

fn date_or_never(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "never".to_owned(), local_date)
}
