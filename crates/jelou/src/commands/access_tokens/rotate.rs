//! `jelou access-tokens rotate`.

use jelou_core::Scope;
use jelou_core::api::RotateToken;
use jiff::Timestamp;

use super::create::Created;
use super::info::notice;
use crate::cli::Expiry;
use crate::cli::access_tokens::RotateArgs;
use crate::commands::tokens::reference;
use crate::context::{Confirmation, Context};
use crate::new_token::{Delivery, Order};
use crate::output::Breadcrumb;
use crate::prompt::Preset;

pub(crate) fn run(args: &RotateArgs, context: &Context) -> anyhow::Result<()> {
    let reference = reference(&args.token);
    if args.finish {
        return finish(args, &reference, context);
    }
    let question = format!(
        "Rotate access token {reference}? Its value stops working now (`--grace 24h` keeps it for a day)."
    );
    let confirmation = match args.grace {
        // With a grace period, nothing stops working now.
        Some(_) => Confirmation::Given,
        None => Confirmation::from_flag(args.yes),
    };
    let flag = "`--yes` or `--grace`";
    let client = context.client_for_change(confirmation, &question, flag, &Scope::Admin)?;
    let delivery = Delivery::prepare(args.token_output.as_deref())?;
    if confirmation == Confirmation::Ask {
        client.access_tokens().info(&reference)?;
    }
    context.confirm(confirmation, &question, Preset::No, "--yes")?;
    let rotation = RotateToken {
        grace_seconds: args.grace.map_or(0, Expiry::as_seconds),
    };
    let rotated = client.access_tokens().rotate(&reference, rotation)?;
    let value = delivery.deliver(&rotated.token, &context.output)?;
    context.output.result_with(
        &Created {
            value: &value,
            details: &rotated.details,
        },
        &[Breadcrumb::new(
            format!("jelou access-tokens info {}", rotated.details.id),
            "See whether the old value is still used",
        )],
        |human| {
            let name = &rotated.details.name;
            human.success(&format!("Rotated access token \"{name}\""))?;
            value.show(
                human,
                Order::TokenFirst,
                "Save this token now — it will not be shown again.",
            )?;
            notice(&rotated.details).map_or(Ok(()), |notice| human.item(&notice))
        },
    )?;
    for warning in &rotated.warnings {
        context.output.warn(warning)?;
    }
    Ok(())
}

fn finish(args: &RotateArgs, reference: &str, context: &Context) -> anyhow::Result<()> {
    let question = format!("End the old value of access token {reference}?");
    let confirmation = Confirmation::from_flag(args.yes);
    let client = context.client_for_change(confirmation, &question, "--yes", &Scope::Admin)?;
    let tokens = client.access_tokens();
    // Without an old value, there is nothing to confirm: the server refuses the request.
    let is_possible = confirmation == Confirmation::Given
        || tokens.info(reference)?.in_grace(Timestamp::now()).is_some();
    if is_possible {
        context.confirm(confirmation, &question, Preset::No, "--yes")?;
    }
    let finished = tokens.finish_rotation(reference)?;
    context.output.result(&finished, |human| {
        human.success("The old value no longer works")
    })?;
    Ok(())
}
