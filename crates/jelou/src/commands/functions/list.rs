//! `jelou functions list`.

use crate::context::Context;
use crate::output::{Breadcrumb, Table, local_date};

pub(crate) fn run(context: &Context) -> anyhow::Result<()> {
    let functions = context.client()?.functions().list()?;
    context.output.result_with(
        &functions,
        &[Breadcrumb::new(
            "jelou functions info SLUG",
            "See one function",
        )],
        |human| {
            if functions.is_empty() {
                return human.item("No functions; `jelou deploy` creates one");
            }
            let mut table = Table::new()
                .column("Slug", 20)
                .column("State", 14)
                .column("Updated", 24)
                .column("URL", 0);
            for function in &functions {
                let state = match function.live_deployment {
                    Some(_) => "live".to_owned(),
                    None => "not deployed".to_owned(),
                };
                let state = match function.previews {
                    0 => state,
                    1 => format!("{state}, 1 preview"),
                    count => format!("{state}, {count} previews"),
                };
                table.row([
                    function.slug.to_string(),
                    state,
                    local_date(function.updated_at),
                    function.url.clone(),
                ]);
            }
            human.table(&table)
        },
    )?;
    Ok(())
}
