//! `jelou limits set` and `jelou limits unset`.

use jelou_core::api::ChangeLimits;
use jelou_core::{LimitName, OwnLimits, Slug};

use super::show;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::Breadcrumb;
use crate::project::function_or_here;

pub(super) fn set(arguments: Vec<String>, context: &Context) -> anyhow::Result<()> {
    let (slug, assignments) = split(arguments, |word| !word.contains('='))?;
    let set: OwnLimits = assignments
        .iter()
        .map(|word| assignment(word))
        .collect::<Result<_, Failure>>()?;
    let request = ChangeLimits {
        set,
        unset: Vec::new(),
    };
    change(slug, "Set", &request, context)
}

pub(super) fn unset(arguments: Vec<String>, context: &Context) -> anyhow::Result<()> {
    // Names of limits contain an underscore, which slugs never do.
    let (slug, names) = split(arguments, |word| word.parse::<LimitName>().is_err())?;
    let unset: Result<Vec<LimitName>, _> = names.iter().map(|name| name.parse()).collect();
    let request = ChangeLimits {
        set: OwnLimits::new(),
        unset: unset.map_err(|error| Failure::input(error.to_string()))?,
    };
    change(slug, "Unset", &request, context)
}

fn change(
    slug: Option<Slug>,
    verb: &str,
    request: &ChangeLimits,
    context: &Context,
) -> anyhow::Result<()> {
    let slug = function_or_here(slug)?;
    let limits = context.client()?.change_limits(&slug, request)?;
    let names = request.set.keys().chain(&request.unset);
    let names: Vec<_> = names.map(ToString::to_string).collect();
    context.output.result_with(
        &limits,
        &[Breadcrumb::new(
            format!("jelou limits show {slug}"),
            "See the limits in force",
        )],
        |human| {
            human.success(&format!("{verb} {} for {slug}", names.join(", ")))?;
            human.table(&show::table(&limits))
        },
    )?;
    Ok(())
}

/// Splits off the slug, if the first word is a slug.
fn split(
    mut words: Vec<String>,
    is_slug: impl Fn(&str) -> bool,
) -> Result<(Option<Slug>, Vec<String>), Failure> {
    let slug = match words.first() {
        Some(first) if is_slug(first) => {
            let slug = first
                .parse::<Slug>()
                .map_err(|error| Failure::input(format!("`{}`: {error}", first.escape_debug())))?;
            words.remove(0);
            Some(slug)
        }
        _ => None,
    };
    if words.is_empty() {
        return Err(Failure::input("no limit is given")
            .hint("for example max_memory_mib=512; `jelou limits show` lists the names"));
    }
    Ok((slug, words))
}

fn assignment(word: &str) -> Result<(LimitName, u64), Failure> {
    let (name, value) = word
        .split_once('=')
        .ok_or_else(|| Failure::input(format!("`{}` is not NAME=VALUE", word.escape_debug())))?;
    let name: LimitName = name
        .parse()
        .map_err(|error| Failure::input(format!("{error}")))?;
    let value = value.parse().map_err(|_| {
        Failure::input(format!(
            "`{name}` must be a whole number, not `{}`",
            value.escape_debug()
        ))
    })?;
    Ok((name, value))
}
