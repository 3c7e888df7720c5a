//! `jelou secrets list`.

use std::io;

use jelou_core::api::Secret;

use crate::cli::secrets::ListArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Human, Table, local_date};
use crate::project::function_or_here;

pub(crate) fn run(args: ListArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let secrets = context
        .client()?
        .secrets(&slug)
        .of_preview(args.of.preview)
        .list()?;
    context.output.result_with(
        &secrets,
        &[Breadcrumb::new(
            format!("jelou secrets set {slug} KEY=VALUE"),
            "Set one",
        )],
        |human| {
            if secrets.is_empty() {
                return human.item("No secrets; `jelou secrets set` adds one");
            }
            show(human, &secrets)
        },
    )?;
    Ok(())
}

/// Shows secrets as a table.
pub(in crate::commands) fn show(human: &mut Human, secrets: &[Secret]) -> io::Result<()> {
    let mut table = Table::new()
        .column("Key", 30)
        .column("Updated", 24)
        .column("By", 0);
    for secret in secrets {
        table.row([
            secret.key.to_string(),
            local_date(secret.updated_at),
            secret.updated_by.clone(),
        ]);
    }
    human.table(&table)
}
