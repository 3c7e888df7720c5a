//! `jelou egress list`.

use jelou_core::EgressRule;

use crate::cli::egress::ListArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Table};
use crate::project::function_or_here;

pub(super) fn run(args: ListArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let rules = context.client()?.egress_rules(&slug)?;
    context.output.result_with(
        &rules,
        &[Breadcrumb::new(
            format!("jelou egress allow {slug} db.internal:5432"),
            "Let the function connect to a host",
        )],
        |human| {
            if rules.function.is_empty() && rules.server.is_empty() {
                return human.item("Only the public network; `jelou egress allow` adds a host");
            }
            let mut table = Table::new().column("Host", 40).column("For", 0);
            let mut add = |rules: &[EgressRule], whose: &str| {
                for rule in rules {
                    table.row([rule.to_string(), whose.to_owned()]);
                }
            };
            add(&rules.function, "this function");
            add(&rules.server, "every function (egress.allow)");
            human.table(&table)?;
            super::show_warnings(human, &rules)
        },
    )?;
    Ok(())
}
