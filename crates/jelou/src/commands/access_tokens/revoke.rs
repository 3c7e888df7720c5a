//! `jelou access-tokens revoke`.

use serde::Serialize;

use crate::cli::access_tokens::RevokeArgs;
use crate::commands::tokens::reference;
use crate::context::{Confirmation, Context};
use crate::prompt::Preset;

#[derive(Serialize)]
struct Revoked<'a> {
    revoked: &'a str,
}

pub(crate) fn run(args: &RevokeArgs, context: &Context) -> anyhow::Result<()> {
    let reference = reference(&args.token);
    let question = format!("Revoke access token {reference}?");
    let confirmation = Confirmation::from_flag(args.yes);
    if confirmation == Confirmation::Ask {
        context.prompt.require(&question, "--yes")?;
    }
    let client = context.client()?;
    context.confirm(confirmation, &question, Preset::No, "--yes")?;
    client.access_tokens().revoke(&reference)?;
    context.output.result(
        &Revoked {
            revoked: &reference,
        },
        |human| human.success("Access token revoked"),
    )?;
    Ok(())
}
