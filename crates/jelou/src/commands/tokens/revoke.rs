//! `jelou tokens revoke`.

use std::borrow::Cow;

use jelou_client::Removal;
use jelou_core::api::{RevokeTokens, RuntimeTokenInfo};
use jelou_core::slug::ParseSlugError;
use jelou_core::{Scope, Slug, Verb};
use jelou_token::{AccessToken, RuntimeToken};
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::tokens::RevokeArgs;
use crate::context::{Confirmation, Context};
use crate::exit::Failure;
use crate::output::Breadcrumb;
use crate::project::function_or_here;
use crate::prompt::Preset;

#[derive(Serialize)]
struct Revoked<'a> {
    function: &'a Slug,
    revoked: &'a RuntimeTokenInfo,
}

#[derive(Serialize)]
struct RevokedAll<'a> {
    function: &'a Slug,
    revoked: &'a [&'a RuntimeTokenInfo],
}

pub(crate) fn run(args: RevokeArgs, context: &Context) -> anyhow::Result<()> {
    context.output.require_all(args.everywhere.require_all);
    match (&args.tag, &args.created_by, &args.token) {
        (None, None, Some(token)) => {
            let reference = reference(token).into_owned();
            revoke_one(args, &reference, context)
        }
        _ => revoke_all(&args, context),
    }
}

fn revoke_one(args: RevokeArgs, reference: &str, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let removal = removal(args.force);
    let confirmation = Confirmation::from_flag(args.yes);
    let question = format!("Revoke token {reference} for {slug}?");
    let scope = Scope::Function(Verb::Tokens, slug.clone());
    let client = context.client_for_change(confirmation, &question, "--yes", &scope)?;
    let tokens = client.tokens(&slug);
    let token = tokens.get(reference)?;
    if confirmation == Confirmation::Ask {
        warn_of_last(&tokens.list()?, &[&token], &slug, removal, context)?;
    }
    context.confirm(
        confirmation,
        &format!("Revoke token {}... for {slug}?", token.prefix),
        Preset::No,
        "--yes",
    )?;
    // The id is unambiguous. The name or the prefix may belong to another token by now.
    tokens.revoke(&token.id, removal)?;
    context.output.result_with(
        &Revoked {
            function: &slug,
            revoked: &token,
        },
        &[Breadcrumb::new(
            format!("jelou tokens list {slug}"),
            "See the tokens that are left",
        )],
        |human| human.success("Token revoked"),
    )?;
    Ok(())
}

/// Revokes all tokens that have the given tag and creator.
fn revoke_all(args: &RevokeArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(function_of(args)?)?;
    let confirmation = Confirmation::from_flag(args.yes);
    let question = format!("Revoke tokens of {slug}?");
    let scope = Scope::Function(Verb::Tokens, slug.clone());
    let client = context.client_for_change(confirmation, &question, "--yes", &scope)?;
    let tokens = client.tokens(&slug);
    let all = tokens.list()?;
    let revoked: Vec<_> = all
        .iter()
        .filter(|token| args.tag.as_ref().is_none_or(|tag| token.tags.contains(tag)))
        .filter(|token| {
            let creator = args.created_by.as_ref();
            creator.is_none_or(|creator| token.created_by == *creator)
        })
        .collect();
    if revoked.is_empty() {
        return Err(
            Failure::not_found(format!("`{slug}` has no token with this tag or creator"))
                .hint(format!("see `jelou tokens list {slug} --wide`"))
                .into(),
        );
    }
    let removal = removal(args.force);
    warn_of_last(&all, &revoked, &slug, removal, context)?;
    let names: Vec<_> = revoked.iter().map(|token| token.name.as_str()).collect();
    context.confirm(
        confirmation,
        &format!(
            "Revoke {} tokens of {slug}: {}?",
            revoked.len(),
            names.join(", ")
        ),
        Preset::No,
        "--yes",
    )?;
    // Sends the ids of the tokens that were shown, because another token may have got the tag in the meantime.
    tokens.revoke_many(&RevokeTokens {
        ids: Some(revoked.iter().map(|token| token.id.clone()).collect()),
        force: removal == Removal::Force,
        ..RevokeTokens::default()
    })?;
    context.output.result_with(
        &RevokedAll {
            function: &slug,
            revoked: &revoked,
        },
        &[Breadcrumb::new(
            format!("jelou tokens list {slug}"),
            "See the tokens that are left",
        )],
        |human| {
            revoked
                .iter()
                .try_for_each(|token| human.success(&format!("Revoked token \"{}\"", token.name)))
        },
    )?;
    Ok(())
}

/// Returns the function of `tokens revoke [SLUG] --tag TAG`, whose only positional argument is the slug.
fn function_of(args: &RevokeArgs) -> anyhow::Result<Option<Slug>> {
    match (&args.slug, &args.token) {
        (Some(_), Some(_)) => Err(Failure::input(
            "a token and `--tag` or `--created-by` exclude each other",
        )
        .hint("name the one token, or the group of tokens")
        .into()),
        (slug, None) => Ok(slug.clone()),
        (None, Some(slug)) => {
            let slug: Slug = slug
                .parse()
                .map_err(|error: ParseSlugError| Failure::input(error.to_string()))?;
            Ok(Some(slug))
        }
    }
}

pub(super) fn removal(force: bool) -> Removal {
    if force {
        Removal::Force
    } else {
        Removal::KeepLast
    }
}

/// Checks whether an active token remains without the tokens `losing`, before the user is asked to confirm. If none
/// remains, this is an error without `--force`, as on the server, and a warning with `--force`.
pub(super) fn warn_of_last(
    tokens: &[RuntimeTokenInfo],
    losing: &[&RuntimeTokenInfo],
    slug: &Slug,
    removal: Removal,
    context: &Context,
) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let is_lost = |token: &RuntimeTokenInfo| losing.iter().any(|lost| lost.id == token.id);
    let remains = tokens
        .iter()
        .any(|token| !is_lost(token) && token.is_active(now));
    let Some(token) = losing.iter().rfind(|token| token.is_active(now)) else {
        return Ok(());
    };
    if remains {
        return Ok(());
    }
    let name = &token.name;
    if removal == Removal::Force {
        context.output.warn(&format!(
            "`{name}` is the last active token of `{slug}`: without it, nobody can call the function"
        ))?;
        return Ok(());
    }
    Err(
        Failure::last_token(format!("`{name}` is the last active token of `{slug}`"))
            .hint(format!(
                "create another one first: `jelou tokens create {slug} --name NAME`; or pass `--force` in an emergency"
            ))
            .into(),
    )
}

/// Returns the reference to send to the server. Removes the trailing dots that lists show after a prefix. Shortens a
/// complete value to its prefix, so that the secret is not in the path of a request.
pub(in crate::commands) fn reference(given: &str) -> Cow<'_, str> {
    if let Ok(token) = RuntimeToken::parse(given) {
        return Cow::Owned(token.display_prefix().to_string());
    }
    if let Ok(token) = AccessToken::parse(given) {
        return Cow::Owned(token.display_prefix().to_string());
    }
    if given.starts_with("jfn_") {
        return Cow::Borrowed(given.trim_end_matches('.'));
    }
    Cow::Borrowed(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_may_be_copied_from_a_list() {
        for text in ["jfn_rt_abc1", "jfn_rt_abc1..", "jfn_rt_abc1..."] {
            assert_eq!(reference(text), "jfn_rt_abc1");
        }
        assert_eq!(reference("ci.v1."), "ci.v1.");
    }

    #[test]
    fn a_whole_value_is_never_sent() {
        let token = RuntimeToken::mint().unwrap();
        let prefix = token.display_prefix();
        assert_eq!(reference(token.expose()), prefix.as_str());
    }
}
