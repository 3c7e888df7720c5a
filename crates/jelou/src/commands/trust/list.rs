//! `jelou trust list`.

use super::info::{conditions, gives};
use crate::context::Context;
use crate::output::{Breadcrumb, Table, local_date};

pub(crate) fn run(context: &Context) -> anyhow::Result<()> {
    let policies = context.client()?.trust().list()?;
    let more = Breadcrumb::new(
        "jelou trust create --issuer github --repository OWNER/NAME --scope SCOPE",
        "Trust a pipeline",
    );
    context.output.result_with(&policies, &[more], |human| {
        if policies.is_empty() {
            return human.item("No trust policies");
        }
        let mut table = Table::new()
            .column("Name", 20)
            .column("Issuer", 10)
            .column("Requires", 40)
            .column("Gives", 24)
            .column("Last Used", 0);
        for policy in &policies {
            let required: Vec<_> = conditions(policy)
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            table.row([
                policy.name.to_string(),
                policy.issuer.to_string(),
                required.join(" "),
                gives(policy),
                policy
                    .last_used_at
                    .map_or_else(|| "never".to_owned(), local_date),
            ]);
        }
        human.table(&table)
    })?;
    Ok(())
}
