//! `jelou nodes`.

use std::time::Duration;

use crate::context::Context;
use crate::output::{Table, local_date};

pub(super) fn run(context: &Context) -> anyhow::Result<()> {
    let nodes = context.client()?.nodes()?;
    context.output.result(&nodes, |human| {
        if nodes.is_empty() {
            return human.item("This server shares its database with no other one (database.url)");
        }
        let mut table = Table::new()
            .column("Address", 32)
            .column("Version", 9)
            .column("Behind", 7)
            .column("Last Report", 12)
            .column("Clock", 9)
            .column("Since", 0);
        for node in &nodes {
            let silent = Duration::from_millis(u64::try_from(node.silent_ms).unwrap_or(0));
            let here = if node.answering { " (this)" } else { "" };
            table.row([
                format!("{}{here}", node.address),
                node.version.clone(),
                node.behind.to_string(),
                format!("{:.1} s", silent.as_secs_f64()),
                format!("{:+} ms", node.clock_offset_ms),
                local_date(node.started_at),
            ]);
        }
        human.table(&table)?;
        for node in &nodes {
            for part in &node.unapplied {
                human.warning(&format!("{} cannot apply {part}", node.address))?;
            }
        }
        Ok(())
    })?;
    Ok(())
}
