//! `jelou tokens info`.

use super::selection::Selection;
use super::status::{Listed, joined, limits, notice};
use crate::cli::tokens::InfoArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, zoned_date};

pub(crate) fn run(args: InfoArgs, context: &Context) -> anyhow::Result<()> {
    let Selection { slug, token, .. } = Selection::find(args.token, context)?;
    let date = |at: Option<_>| at.map_or_else(|| "never".to_owned(), zoned_date);
    let listed = Listed::new(&token);
    context.output.result_with(
        &listed,
        &[Breadcrumb::new(
            format!("jelou tokens revoke {slug} {}", token.id),
            "Revoke it",
        )],
        |human| {
            human.item(&format!("Name:       {}", token.name))?;
            human.item(&format!("ID:         {}", token.id))?;
            human.item(&format!("Prefix:     {}..", token.prefix))?;
            human.item(&format!("Status:     {}", listed.status.as_str()))?;
            human.item(&format!("Last used:  {}", date(token.last_used_at)))?;
            human.item(&format!("Created:    {}", zoned_date(token.created_at)))?;
            human.item(&format!("Created by: {}", token.created_by))?;
            human.item(&format!("Expires:    {}", date(token.expires_at)))?;
            if let Some(limits) = limits(&token) {
                human.item(&format!("Limits:     {limits}"))?;
            }
            if let Some(owner) = &token.owner {
                human.item(&format!("Owner:      {owner}"))?;
            }
            if let Some(purpose) = &token.purpose {
                human.item(&format!("Purpose:    {purpose}"))?;
            }
            if !token.tags.is_empty() {
                human.item(&format!("Tags:       {}", joined(token.tags.iter())))?;
            }
            notice(&listed).map_or(Ok(()), |notice| human.warning(&notice))
        },
    )?;
    Ok(())
}
