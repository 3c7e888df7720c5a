use jelou_core::api::RuntimeTokenInfo;

use crate::cli::tokens::ListArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Table, local_date};
use crate::project::function_or_here;

pub(crate) fn run(args: ListArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let tokens = context.client()?.tokens(&slug).list()?;
    context.output.result_with(
        &tokens,
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
            human.table(&table(&tokens))
        },
    )?;
    Ok(())
}

/// Expiry is a column only where a token has one.
fn table(tokens: &[RuntimeTokenInfo]) -> Table {
    let expires = tokens.iter().any(|token| token.expires_at.is_some());
    let mut table = Table::new()
        .column("Name", 14)
        .column("Prefix", 16)
        .column("Last Used", 23)
        .column("Created", 23);
    if expires {
        table = table.column("Expires", 23);
    }
    for token in tokens {
        let date_or_never = |at: Option<_>| at.map_or_else(|| "never".to_owned(), local_date);
        let mut row = vec![
            token.name.to_string(),
            format!("{}..", token.prefix),
            date_or_never(token.last_used_at),
            local_date(token.created_at),
        ];
        if expires {
            row.push(date_or_never(token.expires_at));
        }
        table.push(row);
    }
    table
}
