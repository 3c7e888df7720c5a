//! `jelou access-tokens info`.

use jelou_core::api::AccessTokenInfo;
use jiff::Timestamp;

use crate::cli::access_tokens::InfoArgs;
use crate::commands::tokens::reference;
use crate::context::Context;
use crate::output::{Breadcrumb, zoned_date};

pub(crate) fn run(args: &InfoArgs, context: &Context) -> anyhow::Result<()> {
    let token = context
        .client()?
        .access_tokens()
        .info(&reference(&args.token))?;
    let date = |at: Option<_>| at.map_or_else(|| "never".to_owned(), zoned_date);
    context.output.result_with(
        &token,
        &[Breadcrumb::new(
            format!("jelou access-tokens rotate {} --grace 24h", token.id),
            "Give it a new value",
        )],
        |human| {
            human.item(&format!("Name:       {}", token.name))?;
            human.item(&format!("ID:         {}", token.id))?;
            human.item(&format!("Prefix:     {}..", token.prefix))?;
            human.item(&format!("Scopes:     {}", token.scopes))?;
            human.item(&format!("Last used:  {}", date(token.last_used_at)))?;
            human.item(&format!("Created:    {}", zoned_date(token.created_at)))?;
            human.item(&format!("Created by: {}", token.created_by))?;
            human.item(&format!("Expires:    {}", date(token.expires_at)))?;
            notice(&token).map_or(Ok(()), |notice| human.warning(&notice))
        },
    )?;
    Ok(())
}

/// Returns what the owner should know about the old value of a rotated token, or `None`.
pub(super) fn notice(token: &AccessTokenInfo) -> Option<String> {
    let previous = token.in_grace(Timestamp::now())?;
    let used = previous.last_used_at.map_or_else(
        || "not used since the rotation".to_owned(),
        |at| format!("last used on {}", zoned_date(at)),
    );
    Some(format!(
        "{} was rotated; its old value {}.. works until {} ({used})",
        token.name,
        previous.prefix,
        zoned_date(previous.valid_until)
    ))
}
