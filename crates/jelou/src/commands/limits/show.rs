//! `jelou limits show`.

use jelou_core::api::{LimitInForce, LimitOwner};

use crate::cli::limits::ShowArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Table};
use crate::project::function_or_here;

pub(super) fn run(args: ShowArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let limits = context.client()?.limits(&slug)?;
    context.output.result_with(
        &limits,
        &[Breadcrumb::new(
            format!("jelou limits set {slug} max_memory_mib=512"),
            "Set one for the function",
        )],
        |human| human.table(&table(&limits)),
    )?;
    Ok(())
}

pub(super) fn table(limits: &[LimitInForce]) -> Table {
    let mut table = Table::new()
        .column("Limit", 30)
        .column("Value", 12)
        .column("Set for", 0);
    for limit in limits {
        table.row([
            limit.name.to_string(),
            limit
                .value
                .map_or_else(|| "automatic".to_owned(), |value| value.to_string()),
            match limit.set_for {
                LimitOwner::Function => "this function",
                LimitOwner::Server => "the server",
            }
            .to_owned(),
        ]);
    }
    table
}
