//! `jelou tokens disable` and `jelou tokens enable`.

use jelou_client::Removal;
use jelou_core::api::UpdateToken;

use super::revoke::{removal, warn_of_last};
use super::selection::Selection;
use crate::cli::tokens::{DisableArgs, EnableArgs};
use crate::context::{Confirmation, Context};
use crate::output::Breadcrumb;
use crate::prompt::Preset;

pub(crate) fn disable(args: DisableArgs, context: &Context) -> anyhow::Result<()> {
    context.output.require_all(args.everywhere.require_all);
    let removal = removal(args.force);
    let confirmation = Confirmation::from_flag(args.yes);
    let change = "Disable token";
    let selection = Selection::for_change(args.token, change, confirmation, "--yes", context)?;
    let Selection { slug, token, .. } = &selection;
    if confirmation == Confirmation::Ask {
        let tokens = selection.tokens().list()?;
        warn_of_last(&tokens, &[token], slug, removal, context)?;
    }
    context.confirm(
        confirmation,
        &format!("Disable token {}... for {slug}?", token.prefix),
        Preset::No,
        "--yes",
    )?;
    let update = disabled(true);
    let updated = selection.tokens().update(&token.id, &update, removal)?;
    context.output.result_with(
        &updated,
        &[Breadcrumb::new(
            format!("jelou tokens enable {slug} {}", token.id),
            "Enable it again",
        )],
        |human| human.success(&format!("Disabled token \"{}\"", updated.name)),
    )?;
    Ok(())
}

pub(crate) fn enable(args: EnableArgs, context: &Context) -> anyhow::Result<()> {
    let selection = Selection::find(args.token, context)?;
    let id = &selection.token.id;
    let updated = selection
        .tokens()
        .update(id, &disabled(false), Removal::KeepLast)?;
    context.output.result(&updated, |human| {
        human.success(&format!("Enabled token \"{}\"", updated.name))
    })?;
    Ok(())
}

fn disabled(disabled: bool) -> UpdateToken {
    UpdateToken {
        disabled: Some(disabled),
        ..UpdateToken::default()
    }
}
