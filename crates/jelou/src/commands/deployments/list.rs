//! `jelou deployments list`.

use jelou_core::api::Deployment;

use super::{about, status, version};
use crate::cli::deployments::ListArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Table, local_date};
use crate::project::function_or_here;

pub(super) fn run(args: ListArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let deployments = context.client()?.deployments(&slug).list()?;
    context.output.result_with(
        &deployments,
        &[
            Breadcrumb::new(
                format!("jelou deployments info {slug} DEPLOYMENT_ID"),
                "See one deployment",
            ),
            Breadcrumb::new(
                format!("jelou rollback {slug} DEPLOYMENT_ID"),
                "Make it live again",
            ),
        ],
        |human| {
            if deployments.is_empty() {
                return human.item("No deployments; `jelou deploy` creates one");
            }
            human.table(&table(&deployments))
        },
    )?;
    Ok(())
}

pub(in crate::commands) fn table(deployments: &[Deployment]) -> Table {
    let mut table = Table::new()
        .column("ID", 32)
        .column("Status", 12)
        .column("Created", 24)
        .column("By", 12)
        .column("Version", 14)
        .column("About", 0);
    for deployment in deployments {
        table.row([
            deployment.id.to_string(),
            status(deployment),
            local_date(deployment.created_at),
            deployment.created_by.clone(),
            version(deployment),
            about(deployment),
        ]);
    }
    table
}
