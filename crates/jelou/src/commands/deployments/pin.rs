//! `jelou deployments pin` and `unpin`.

use super::named;
use crate::cli::deployments::PinArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::Breadcrumb;

pub(super) fn run(args: PinArgs, pinned: bool, context: &Context) -> anyhow::Result<()> {
    let (slug, id) = named(args.deployment)?;
    let id = id.ok_or_else(|| {
        Failure::input("which deployment?").hint(format!(
            "name one: `jelou deployments list {slug}` shows them"
        ))
    })?;
    let details = context
        .client()?
        .deployments(&slug)
        .set_pinned(&id, pinned)?;
    context.output.result_with(
        &details,
        &[Breadcrumb::new(
            format!("jelou deployments list {slug}"),
            "See the deployments",
        )],
        |human| {
            let done = if pinned { "Pinned" } else { "Unpinned" };
            human.success(&format!("{done} {id}"))
        },
    )?;
    Ok(())
}
