//! `jelou trust delete`.

use jelou_core::Scope;
use serde::Serialize;

use crate::cli::trust::DeleteArgs;
use crate::context::{Confirmation, Context};
use crate::prompt::Preset;

#[derive(Serialize)]
struct Deleted<'a> {
    deleted: &'a str,
}

pub(crate) fn run(args: &DeleteArgs, context: &Context) -> anyhow::Result<()> {
    let policy = args.policy.as_str();
    let question =
        format!("Delete trust policy {policy}? Tokens that were exchanged under it end now.");
    let confirmation = Confirmation::from_flag(args.yes);
    let client = context.client_for_change(confirmation, &question, "--yes", &Scope::Admin)?;
    if confirmation == Confirmation::Ask {
        client.trust().info(policy)?;
    }
    context.confirm(confirmation, &question, Preset::No, "--yes")?;
    client.trust().delete(policy)?;
    context
        .output
        .result(&Deleted { deleted: policy }, |human| {
            human.success("Trust policy deleted")
        })?;
    Ok(())
}
