//! `jelou tokens revoke`.

use std::borrow::Cow;

use jelou_client::Removal;
use jelou_core::Slug;
use jelou_core::api::RuntimeTokenInfo;
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

pub(crate) fn run(args: RevokeArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let reference = reference(&args.token);
    let confirmation = Confirmation::from_flag(args.yes);
    if confirmation == Confirmation::Ask {
        context
            .prompt
            .require(&format!("Revoke token {reference} for {slug}?"), "--yes")?;
    }
    let client = context.client()?;
    let tokens = client.tokens(&slug);
    let token = tokens.get(&reference)?;
    if confirmation == Confirmation::Ask {
        warn_of_last(&tokens.list()?, &token, &slug, args.force, context)?;
    }
    context.confirm(
        confirmation,
        &format!("Revoke token {}... for {slug}?", token.prefix),
        Preset::No,
        "--yes",
    )?;
    let removal = if args.force {
        Removal::Force
    } else {
        Removal::KeepLast
    };
    // Uses the id, because the name or the prefix may belong to another token by now.
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

/// Checks before the question whether the token is the last active one. The server refuses to revoke it without
/// `--force`. With `--force`, the user sees a warning first.
fn warn_of_last(
    tokens: &[RuntimeTokenInfo],
    token: &RuntimeTokenInfo,
    slug: &Slug,
    force: bool,
    context: &Context,
) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let others = tokens.iter().filter(|other| other.id != token.id);
    if !token.is_active(now) || others.into_iter().any(|other| other.is_active(now)) {
        return Ok(());
    }
    let name = &token.name;
    if force {
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

/// Accepts a prefix with the trailing dots of lists. Shortens a complete value to its prefix, so that the secret does
/// not appear in the path of a request.
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
