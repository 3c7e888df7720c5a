//! `jelou access-tokens list`.

use crate::context::Context;
use crate::output::{Breadcrumb, Table, local_date};

pub(crate) fn run(context: &Context) -> anyhow::Result<()> {
    let tokens = context.client()?.access_tokens().list()?;
    context.output.result_with(
        &tokens,
        &[
            Breadcrumb::new(
                "jelou access-tokens create --name NAME --scope SCOPE",
                "Create another one",
            ),
            Breadcrumb::new("jelou access-tokens revoke TOKEN_ID", "Revoke one"),
        ],
        |human| {
            let mut table = Table::new()
                .column("Name", 14)
                .column("Prefix", 17)
                .column("Scopes", 17)
                .column("Last Used", 24)
                .column("Created", 24)
                .column("Expires", 0);
            for token in &tokens {
                let date_or_never =
                    |at: Option<_>| at.map_or_else(|| "never".to_owned(), local_date);
                table.row([
                    token.name.to_string(),
                    format!("{}..", token.prefix),
                    token.scopes.to_string(),
                    date_or_never(token.last_used_at),
                    local_date(token.created_at),
                    date_or_never(token.expires_at),
                ]);
            }
            human.table(&table)
        },
    )?;
    Ok(())
}
