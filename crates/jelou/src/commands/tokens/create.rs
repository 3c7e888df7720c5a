//! `jelou tokens create`.

use std::fmt::Display;

use jelou_client::ClientError;
use jelou_core::api::{CreateToken, RuntimeTokenInfo};
use jelou_core::policy::{Cidrs, HttpMethods, RuntimeScopes};
use jelou_core::token_labels::Tags;
use jelou_core::token_name::ParseTokenNameError;
use jelou_core::{ErrorCode, Slug, TokenName};

use super::new_value::NewValue;
use super::status::joined;
use crate::cli::tokens::CreateArgs;
use crate::cli::{EndTime, Expiry};
use crate::context::Context;
use crate::exit::Failure;
use crate::new_token::Delivery;
use crate::output::{Breadcrumb, Human, local_date};
use crate::project::function_or_here;

pub(crate) fn run(args: CreateArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let scopes = list::<_, RuntimeScopes>(args.limits.scopes)?;
    let cidrs = list::<_, Cidrs>(args.limits.cidrs)?;
    let methods = list::<_, HttpMethods>(args.limits.methods)?;
    let tags = list::<_, Tags>(args.labels.tags)?.unwrap_or_default();
    let name = name_or_ask(args.name, context)?;
    let delivery = Delivery::prepare(args.token_output.as_deref())?;
    let created = context
        .client()?
        .tokens(&slug)
        .create(&CreateToken {
            name: name.clone(),
            replace: args.replace,
            expires_in: args.expiry.expires_in.map(Expiry::as_seconds),
            expires_at: args.expiry.expires_at.map(EndTime::as_timestamp),
            scopes,
            cidrs,
            methods,
            rate: args.limits.rate,
            quota: args.limits.quota,
            owner: args.labels.owner,
            purpose: args.labels.purpose,
            tags,
        })
        .map_err(|error| explain(error, &slug, &name))?;
    let value = delivery.deliver(&created.token, &context.output)?;
    let result = NewValue::new(&created, &value);
    context.output.result_with(
        &result,
        &[
            Breadcrumb::new(format!("jelou tokens list {slug}"), "See all tokens"),
            Breadcrumb::new(
                format!("jelou tokens revoke {slug} {}", created.details.id),
                "Revoke this one",
            ),
        ],
        |human| result.show(human, "Created", show_limits),
    )?;
    Ok(())
}

/// Explains a name conflict: a pipeline that creates a token with a fixed name gets this error in its second run.
fn explain(error: ClientError, slug: &Slug, name: &TokenName) -> anyhow::Error {
    match error.code() {
        Some(ErrorCode::Conflict) => Failure::conflict(error.to_string())
            .hint(format!(
                "`--replace` revokes that token and creates a new one; or take another name; or revoke it first: `jelou tokens revoke {slug} {name}`"
            ))
            .into(),
        _ => error.into(),
    }
}

fn show_limits(human: &mut Human, token: &RuntimeTokenInfo) -> std::io::Result<()> {
    if let Some(at) = token.expires_at {
        human.item(&format!("Expires  {}", local_date(at)))?;
    }
    if let Some(scopes) = &token.scopes {
        human.item(&format!("Scopes   {}", joined(scopes.iter())))?;
    }
    if let Some(cidrs) = &token.cidrs {
        human.item(&format!("CIDRs    {}", joined(cidrs.iter())))?;
    }
    if let Some(methods) = &token.methods {
        human.item(&format!("Methods  {}", joined(methods.iter())))?;
    }
    if let Some(rate) = token.rate {
        human.item(&format!("Rate     {rate}"))?;
    }
    if let Some(quota) = &token.quota {
        human.item(&format!("Quota    {quota}"))?;
    }
    Ok(())
}

/// Converts the values of a flag. Returns `None` if the flag is absent.
pub(in crate::commands) fn list<T, L: TryFrom<Vec<T>, Error: Display>>(
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
