//! `jelou previews list`.

use jelou_core::api::Preview;

use crate::cli::previews::ListArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Table, local_date};
use crate::project::function_or_here;

pub(super) fn run(args: ListArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let previews = context.client()?.previews(&slug).list()?;
    context.output.result_with(
        &previews,
        &[
            Breadcrumb::new(
                format!("jelou deployments promote {slug} DEPLOYMENT_ID"),
                "Make one live",
            ),
            Breadcrumb::new(format!("jelou previews delete {slug} NAME"), "Delete one"),
        ],
        |human| {
            if previews.is_empty() {
                return human.item("No previews; `jelou deploy --preview NAME` creates one");
            }
            let mut table = Table::new()
                .column("Name", 16)
                .column("Deployment", 32)
                .column("Secrets", 14)
                .column("Expires", 24)
                .column("URL", 0);
            for preview in &previews {
                table.row([
                    preview.name.to_string(),
                    match &preview.deployment {
                        Some(id) => id.to_string(),
                        None => "none yet".to_owned(),
                    },
                    secrets(preview),
                    local_date(preview.expires_at),
                    place(preview),
                ]);
            }
            human.table(&table)
        },
    )?;
    Ok(())
}

fn secrets(preview: &Preview) -> String {
    let inherited = if preview.with_secrets { " + live" } else { "" };
    format!("{}{inherited}", preview.secrets)
}

fn place(preview: &Preview) -> String {
    match (&preview.url, preview.header_only) {
        (Some(url), _) => url.clone(),
        (None, true) => "header X-Jelou-Deployment".to_owned(),
        (None, false) => "header X-Jelou-Deployment; a function has the address".to_owned(),
    }
}
