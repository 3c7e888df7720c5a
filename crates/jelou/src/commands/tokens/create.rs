use jelou_core::TokenName;
use jelou_core::api::CreateToken;
use jelou_core::token_name::ParseTokenNameError;

use crate::cli::Expiry;
use crate::cli::tokens::CreateArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{Breadcrumb, local_date};
use crate::project::function_or_here;

pub(crate) fn run(args: CreateArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let name = name_or_ask(args.name, context)?;
    let created = context.client()?.tokens(&slug).create(&CreateToken {
        name,
        expires_in: args.expires_in.map(Expiry::as_seconds),
    })?;
    context.output.result_with(
        &created,
        &[
            Breadcrumb::new(format!("jelou tokens list {slug}"), "See all tokens"),
            Breadcrumb::new(
                format!("jelou tokens revoke {slug} {}", created.details.id),
                "Revoke this one",
            ),
        ],
        |human| {
            human.success(&format!("Created token \"{}\"", created.details.name))?;
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

pub(in crate::commands) fn name_or_ask(
    given: Option<TokenName>,
    context: &Context,
) -> anyhow::Result<TokenName> {
    match given {
        Some(name) => Ok(name),
        None => context
            .prompt
            .line(&context.output, "Token name:", None, "--name")?
            .parse()
            .map_err(|error: ParseTokenNameError| Failure::validation(error.to_string()).into()),
    }
}
