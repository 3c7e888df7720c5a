//! `jelou deployments promote`.

use jelou_core::api::{PromoteRequest, RollbackResult};

use super::named;
use crate::cli::deployments::PromoteArgs;
use crate::commands::rollback::{GoneLive, show_live, warn_of_secrets};
use crate::context::{Confirmation, Context};
use crate::exit::Failure;
use crate::interrupt;
use crate::output::{Breadcrumb, Human};
use crate::prompt::Preset;

pub(super) fn run(args: PromoteArgs, context: &Context) -> anyhow::Result<()> {
    let (slug, id) = named(args.deployment)?;
    let id = id.ok_or_else(|| {
        Failure::input("which deployment?").hint(format!(
            "name one: `jelou previews list {slug}` and `jelou deployments list {slug}` show them"
        ))
    })?;
    let confirmation = Confirmation::from_flag(args.yes);
    let question = format!("Make {id} live as {slug}?");
    if confirmation == Confirmation::Ask {
        context.prompt.require(&question, "--yes")?;
    }
    let client = context.client()?;
    let mut request = PromoteRequest {
        reason: args.reason,
        dry_run: true,
    };
    if confirmation == Confirmation::Ask {
        let plan = client.deployments(&slug).promote(&id, &request)?;
        warn(&mut context.output.prompt_stream(), &plan)?;
        context
            .prompt
            .confirm(&context.output, &question, Preset::Yes, "--yes")?;
    }
    request.dry_run = false;
    interrupt::explain_change(format!(
        "`jelou deployments list {slug}` shows which deployment is live"
    ));
    let result = client.deployments(&slug).promote(&id, &request)?;
    let before = result.replaces.as_ref().filter(|before| **before != id);
    let has_changed = !result.was_live_already();
    let undo = before.map(|before| format!("jelou rollback {slug} {before}"));
    let breadcrumb = undo
        .clone()
        .map(|command| Breadcrumb::new(command, "Undo it"));
    context
        .output
        .result_with(&GoneLive::new(&result), breadcrumb.as_slice(), |human| {
            if !has_changed {
                return human.item(&format!("{id} is live already; nothing was changed"));
            }
            human.success(&format!("Promoted {id}: it is live"))?;
            show_live(human, &result)?;
            if confirmation == Confirmation::Given {
                warn(human, &result)?;
            }
            match &undo {
                Some(undo) => human.item(&format!("Undo: {undo}")),
                None => Ok(()),
            }
        })?;
    Ok(())
}

fn warn(human: &mut Human, plan: &RollbackResult) -> std::io::Result<()> {
    warn_of_secrets(human, &plan.changed_secrets)?;
    if plan.missing_secrets.is_empty() {
        return Ok(());
    }
    let missing: Vec<_> = plan
        .missing_secrets
        .iter()
        .map(ToString::to_string)
        .collect();
    human.warning(&format!(
        "The preview has secrets that the function does not have: {}\nA promotion does not copy them: `jelou secrets set` does.",
        missing.join(", ")
    ))
}
