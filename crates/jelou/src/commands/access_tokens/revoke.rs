//! `jelou access-tokens revoke`.

use jelou_core::Scope;
use jelou_core::api::AccessTokenInfo;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::access_tokens::RevokeArgs;
use crate::commands::tokens::reference;
use crate::context::{Confirmation, Context};
use crate::exit::Failure;
use crate::prompt::Preset;

#[derive(Serialize)]
struct Revoked<'a> {
    revoked: &'a str,
}

pub(crate) fn run(args: &RevokeArgs, context: &Context) -> anyhow::Result<()> {
    let reference = reference(&args.token);
    let question = format!("Revoke access token {reference}?");
    let confirmation = Confirmation::from_flag(args.yes);
    let client = context.client_for_change(confirmation, &question, "--yes", &Scope::Admin)?;
    let tokens = client.access_tokens();
    if confirmation == Confirmation::Ask {
        require_other_administrator(&tokens.info(&reference)?, &tokens.list()?)?;
    }
    context.confirm(confirmation, &question, Preset::No, "--yes")?;
    tokens.revoke(&reference)?;
    context.output.result(
        &Revoked {
            revoked: &reference,
        },
        |human| human.success("Access token revoked"),
    )?;
    Ok(())
}

/// Checks that an active token with the scope `admin` remains, as the server does.
fn require_other_administrator(
    token: &AccessTokenInfo,
    all: &[AccessTokenInfo],
) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let is_administrator = |token: &AccessTokenInfo| {
        token.scopes.allows(&Scope::Admin) && token.expires_at.is_none_or(|at| at > now)
    };
    let mut others = all.iter().filter(|other| other.id != token.id);
    if !is_administrator(token) || others.any(is_administrator) {
        return Ok(());
    }
    let name = &token.name;
    Err(Failure::conflict(format!(
        "`{name}` is the last access token with the scope `admin`; create another one first"
    ))
    .into())
}
