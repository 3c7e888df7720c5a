//! `jelou tokens rotate`.

use jelou_client::RuntimeTokens;
use jelou_core::api::{CreatedToken, RotateToken, RuntimeTokenInfo};
use jiff::Timestamp;

use super::new_value::NewValue;
use super::selection::Selection;
use crate::cli::Grace;
use crate::cli::tokens::RotateArgs;
use crate::context::{Confirmation, Context};
use crate::new_token::Delivery;
use crate::output::{Breadcrumb, Human, local_date};
use crate::prompt::Preset;

/// Grace period that is requested for a rotation without one. If the response is lost, the user has a day to try again.
const RETRY_SECONDS: u64 = 24 * 60 * 60;

pub(crate) fn run(args: RotateArgs, context: &Context) -> anyhow::Result<()> {
    if args.finish {
        return finish(args, context);
    }
    let grace = args.grace.map_or(0, Grace::as_seconds);
    let confirmation = match grace {
        0 => Confirmation::from_flag(args.yes),
        // With a grace period, nothing stops working now.
        _ => Confirmation::Given,
    };
    let delivery = Delivery::prepare(args.token_output.as_deref())?;
    let flag = "`--yes` or `--grace`";
    let selection = Selection::for_change(args.token, "Rotate token", confirmation, flag, context)?;
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
    let tokens = selection.tokens();
    // The old value is ended after the new value was delivered. If the response is lost, callers can still use the old
    // value.
    let grace_seconds = if grace == 0 { RETRY_SECONDS } else { grace };
    let mut rotated = tokens.rotate(&token.id, RotateToken { grace_seconds })?;
    let value = delivery.deliver(&rotated.token, &context.output)?;
    if grace == 0 {
        end_old_value(&tokens, &mut rotated);
    }
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

/// Ends the old value after a rotation without a grace period.
fn end_old_value(tokens: &RuntimeTokens<'_>, rotated: &mut CreatedToken) {
    match tokens.finish_rotation(&rotated.details.id) {
        Ok(finished) => rotated.details = finished,
        // The rotation succeeded, so the new value is still shown.
        Err(error) => rotated.warnings.push(format!(
            "the old value still works, because it could not be ended ({error}); end it with `--finish`"
        )),
    }
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
    let confirmation = Confirmation::from_flag(args.yes);
    let change = "End the old value of";
    let selection = Selection::for_change(args.token, change, confirmation, "--yes", context)?;
    let Selection { slug, token, .. } = &selection;
    if let Some(previous) = token.in_grace(Timestamp::now()) {
        let used = previous.last_used_at.map_or_else(
            || "It was not used since the rotation.".to_owned(),
            |at| format!("It was last used on {}.", local_date(at)),
        );
        context.confirm(
            confirmation,
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
