use jelou_core::api::CreateAccessToken;

use crate::cli::Expiry;
use crate::cli::access_tokens::CreateArgs;
use crate::commands::tokens::name_or_ask;
use crate::context::Context;
use crate::output::{Breadcrumb, local_date};

pub(crate) fn run(args: CreateArgs, context: &Context) -> anyhow::Result<()> {
    let name = name_or_ask(args.name, context)?;
    let created = context
        .client()?
        .access_tokens()
        .create(&CreateAccessToken {
            name,
            scopes: args.scopes.into_iter().collect(),
            expires_in: args.expires_in.map(Expiry::as_seconds),
        })?;
    context.output.result_with(
        &created,
        &[Breadcrumb::new(
            format!("jelou access-tokens revoke {}", created.details.id),
            "Revoke it",
        )],
        |human| {
            human.success(&format!(
                "Created access token \"{}\"",
                created.details.name
            ))?;
            human.item(&format!("Token    {}", created.token))?;
            human.warning("Save this token now — it will not be shown again.")?;
            match created.details.expires_at {
                Some(at) => human.item(&format!("Expires  {}", local_date(at))),
                None => Ok(()),
            }
        },
    )?;
    Ok(())
}
