//! `jelou egress allow` and `jelou egress deny`.

use jelou_core::api::ChangeEgress;
use jelou_core::{EgressRule, Slug};

use crate::context::Context;
use crate::exit::Failure;
use crate::output::Breadcrumb;
use crate::project::function_or_here;

pub(super) fn run(
    arguments: Vec<String>,
    verb: &str,
    request: impl FnOnce(Vec<EgressRule>) -> ChangeEgress,
    context: &Context,
) -> anyhow::Result<()> {
    let (slug, rules) = read(arguments)?;
    let slug = function_or_here(slug)?;
    let named: Vec<_> = rules.iter().map(ToString::to_string).collect();
    let changed = context.client()?.change_egress(&slug, &request(rules))?;
    context.output.result_with(
        &changed,
        &[Breadcrumb::new(
            format!("jelou egress list {slug}"),
            "See what the function may connect to",
        )],
        |human| {
            human.success(&format!("{verb} {}", named.join(", ")))?;
            human.item(&format!(
                "The next call of {slug} has a new process with this"
            ))?;
            super::show_warnings(human, &changed)
        },
    )?;
    Ok(())
}

/// Splits the arguments into slug and rules. The slug comes first. A single argument that could be a slug is an error,
/// because the host was probably forgotten.
fn read(mut arguments: Vec<String>) -> anyhow::Result<(Option<Slug>, Vec<EgressRule>)> {
    let could_be_slug = arguments
        .first()
        .and_then(|first| first.parse::<Slug>().ok());
    if let (Some(slug), 1) = (&could_be_slug, arguments.len()) {
        return Err(Failure::input(format!("there is no host after `{slug}`"))
            .hint(format!(
                "for example `{slug} db.internal:5432`; if `{slug}` is the host, give the function before it"
            ))
            .into());
    }
    if could_be_slug.is_some() {
        arguments.remove(0);
    }
    let rules: Result<Vec<EgressRule>, _> = arguments.iter().map(|rule| rule.parse()).collect();
    let rules = rules.map_err(|error| Failure::input(error.to_string()))?;
    Ok((could_be_slug, rules))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> anyhow::Result<(Option<Slug>, Vec<EgressRule>)> {
        read(line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn the_slug_comes_before_the_hosts() {
        let (slug, rules) = words("mi-funcion db.internal:5432 cache").unwrap();
        assert_eq!(slug.unwrap().as_str(), "mi-funcion");
        assert_eq!(rules.len(), 2);
        let (slug, rules) = words("db.internal 10.0.0.0/8").unwrap();
        assert_eq!((slug, rules.len()), (None, 2));
        assert!(words("mi-funcion").is_err());
        assert!(words("mi-funcion db:0").is_err());
    }
}
