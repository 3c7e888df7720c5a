//! `jelou trust info`.

use jelou_core::api::TrustPolicy;

use crate::cli::trust::InfoArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Human, zoned_date};

pub(crate) fn run(args: &InfoArgs, context: &Context) -> anyhow::Result<()> {
    let policy = context.client()?.trust().info(&args.policy)?;
    context.output.result_with(
        &policy,
        &[Breadcrumb::new(
            format!("jelou trust delete {}", policy.name),
            "End the trust",
        )],
        |human| show(human, &policy),
    )?;
    Ok(())
}

pub(super) fn show(human: &mut Human, policy: &TrustPolicy) -> std::io::Result<()> {
    human.item(&format!("Name:       {}", policy.name))?;
    human.item(&format!("ID:         {}", policy.id))?;
    human.item(&format!("Issuer:     {}", policy.issuer_url))?;
    human.item(&format!("Audience:   {}", policy.audience))?;
    for (name, value) in conditions(policy) {
        human.item(&format!("Requires:   {name} = {value}"))?;
    }
    for (claim, value) in &policy.pinned {
        human.item(&format!("Pinned:     {claim} = {value}"))?;
    }
    human.item(&format!("Gives:      {}", gives(policy)))?;
    let used = policy
        .last_used_at
        .map_or_else(|| "never".to_owned(), zoned_date);
    human.item(&format!("Last used:  {used}"))
}

/// Returns the required claims of identity tokens, as labels and values.
pub(super) fn conditions(policy: &TrustPolicy) -> Vec<(&str, &str)> {
    let conditions = &policy.conditions;
    let named = [
        ("repository", &conditions.repository),
        ("workflow", &conditions.workflow),
        ("environment", &conditions.environment),
        ("ref", &conditions.git_ref),
    ];
    let named = named
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let claims = conditions.claims.iter();
    named
        .chain(claims.map(|(name, value)| (name.as_str(), value.as_str())))
        .collect()
}

/// Describes the token for which identity tokens are exchanged.
pub(super) fn gives(policy: &TrustPolicy) -> String {
    match (&policy.scopes, &policy.call) {
        (Some(scopes), _) => scopes.to_string(),
        (None, Some(call)) => format!("calls of {}", call.function),
        (None, None) => String::new(),
    }
}
