use jelou_core::TokenName;
use jelou_core::api::{CreateToken, CreatedToken};
use jelou_core::policy::{Cidrs, PolicyListError, RuntimeScopes};
use jelou_core::token_name::ParseTokenNameError;

use crate::cli::Expiry;
use crate::cli::tokens::CreateArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{Breadcrumb, Human, local_date};
use crate::project::function_or_here;

pub(crate) fn run(args: CreateArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let scopes = list::<_, RuntimeScopes>(args.scopes)?;
    let cidrs = list::<_, Cidrs>(args.cidrs)?;
    let name = name_or_ask(args.name, context)?;
    let created = context.client()?.tokens(&slug).create(&CreateToken {
        name,
        expires_in: args.expires_in.map(Expiry::as_seconds),
        scopes,
        cidrs,
        rate: args.rate,
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
        |human| show(human, &created),
    )?;
    Ok(())
}

fn show(human: &mut Human, created: &CreatedToken) -> std::io::Result<()> {
    let token = &created.details;
    human.success(&format!("Created token \"{}\"", token.name))?;
    human.item(&format!("Token    {}", created.token))?;
    human.warning("Save this token now — it will not be shown again.")?;
    if let Some(at) = token.expires_at {
        human.item(&format!("Expires  {}", local_date(at)))?;
    }
    if let Some(scopes) = &token.scopes {
        human.item(&format!("Scopes   {}", joined(scopes.iter())))?;
    }
    if let Some(cidrs) = &token.cidrs {
        human.item(&format!("CIDRs    {}", joined(cidrs.iter())))?;
    }
    if let Some(rate) = token.rate {
        human.item(&format!("Rate     {rate}"))?;
    }
    for warning in &created.warnings {
        human.warning(warning)?;
    }
    Ok(())
}

fn joined(items: impl Iterator<Item: ToString>) -> String {
    items
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// What a flag was given, `None` when it was not.
fn list<T, L: TryFrom<Vec<T>, Error = PolicyListError>>(
    given: Vec<T>,
) -> anyhow::Result<Option<L>> {
    if given.is_empty() {
        return Ok(None);
    }
    let list = L::try_from(given).map_err(|error| Failure::validation(error.to_string()))?;
    Ok(Some(list))
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
