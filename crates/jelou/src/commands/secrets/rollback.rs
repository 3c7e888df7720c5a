//! `jelou secrets rollback`.

use jelou_core::api::{RollbackSecret, SecretRolledBack};

use crate::cli::secrets::RollbackArgs;
use crate::context::Context;
use crate::output::Breadcrumb;
use crate::project::function_or_here;

pub(crate) fn run(args: RollbackArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let rollback = RollbackSecret {
        version: args.version,
    };
    let client = context.client()?;
    let rolled_back = client.secrets(&slug).rollback(&args.key, &rollback)?;
    let next = Breadcrumb::new(
        format!("jelou secrets list {slug} --json"),
        "See the versions",
    );
    report(&rolled_back, next, context)
}

/// Shows the result of a rollback.
pub(in crate::commands) fn report(
    rolled_back: &SecretRolledBack,
    next: Breadcrumb,
    context: &Context,
) -> anyhow::Result<()> {
    let SecretRolledBack {
        key,
        version,
        restored,
    } = rolled_back;
    context.output.result_with(rolled_back, &[next], |human| {
        human.success(&format!(
            "{key} has the value of version {restored} again, as version {version}"
        ))
    })?;
    Ok(())
}
