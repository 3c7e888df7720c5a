//! `jelou tokens rotate`.

use jelou_core::api::{RotateToken, RuntimeTokenInfo};
use jiff::Timestamp;

use super::new_value::NewValue;
use super::reference;
use super::selection::Selection;
use crate::cli::Expiry;
use crate::cli::tokens::RotateArgs;
use crate::context::{Confirmation, Context};
use crate::new_token::Delivery;
use crate::output::{Breadcrumb, Human, local_date};
use crate::prompt::Preset;

pub(crate) fn run(args: RotateArgs, context: &Context) -> anyhow::Result<()> {
    if args.finish {
        return finish(args, context);
    }
    let confirmation = match args.grace {
        // Nothing stops working now.
        Some(_) => Confirmation::Given,
        None => Confirmation::from_flag(args.yes),
    };
    if confirmation == Confirmation::Ask {
        let question = format!("Rotate token {}?", reference(&args.token.token));
        context.prompt.require(&question, "--yes or --grace")?;
    }
    let delivery = Delivery::prepare(args.token_output.as_deref())?;
    let selection = Selection::find(args.token, context)?;
    let Selection { slug, token, .. } = &selection;
    context.confirm(
        confirmation,
        &format!(
            "Rotate token {}... for {slug}? Its value stops working now (`--grace 24h` keeps it for a day).",
            token.prefix
        ),
        Preset::No,
        "--yes",
    )?;
    let rotation = RotateToken {
        grace_seconds: args.grace.map_or(0, Expiry::as_seconds),
    };
    let rotated = selection.tokens().rotate(&token.id, rotation)?;
    let value = delivery.deliver(&rotated.token, &context.output)?;
    let result = NewValue::new(&rotated, &value);
    context.output.result_with(
        &result,
        &[
            Breadcrumb::new(
                format!("jelou tokens info {slug} {}", token.id),
                "See whether the old value is still used",
            ),
            Breadcrumb::new(
                format!("jelou tokens rotate {slug} {} --finish", token.id),
                "End the old value now",
            ),
        ],
        |human| result.show(human, "Rotated", show_previous),
    )?;
    Ok(())
}

fn show_previous(human: &mut Human, token: &RuntimeTokenInfo) -> std::io::Result<()> {
    let Some(previous) = &token.previous else {
        return Ok(());
    };
    let until = if previous.valid_until > Timestamp::now() {
        format!("works until {}", local_date(previous.valid_until))
    } else {
        "no longer works".to_owned()
    };
    human.item(&format!("Old value {}.. {until}", previous.prefix))
}

fn finish(args: RotateArgs, context: &Context) -> anyhow::Result<()> {
    let selection = Selection::find(args.token, context)?;
    let Selection { slug, token, .. } = &selection;
    if let Some(previous) = token.in_grace(Timestamp::now()) {
        let used = previous.last_used_at.map_or_else(
            || "It was not used since the rotation.".to_owned(),
            |at| format!("It was last used on {}.", local_date(at)),
        );
        context.confirm(
            Confirmation::from_flag(args.yes),
            &format!("End the old value {}... of {slug}? {used}", previous.prefix),
            Preset::No,
            "--yes",
        )?;
    }
    let finished = selection.tokens().finish_rotation(&token.id)?;
    context.output.result(&finished, |human| {
        human.success("The old value no longer works")
    })?;
    Ok(())
}
