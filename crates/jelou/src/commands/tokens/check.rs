//! `jelou tokens check`.

use jelou_core::api::CheckToken;

use super::selection::Selection;
use crate::cli::tokens::CheckArgs;
use crate::context::Context;
use crate::output::Breadcrumb;

pub(crate) fn run(args: CheckArgs, context: &Context) -> anyhow::Result<()> {
    let selection = Selection::find(args.token, context)?;
    let Selection { slug, token, .. } = &selection;
    let call = CheckToken {
        tool: args.tool,
        mcp: args.mcp,
        method: args.method,
        from: args.from,
    };
    let check = selection.tokens().check(&token.id, &call)?;
    context.output.result_with(
        &check,
        &[Breadcrumb::new(
            format!("jelou tokens update {slug} {}", token.id),
            "Change its limits",
        )],
        |human| {
            match (&check.reason, check.status) {
                (Some(reason), Some(status)) => {
                    human.failure(&format!("Refused with {status}: {reason}"))?;
                }
                _ => human.success("The call would pass")?,
            }
            check
                .unchecked
                .iter()
                .try_for_each(|unchecked| human.warning(unchecked))
        },
    )?;
    Ok(())
}
