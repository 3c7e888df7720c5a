//! `jelou tokens list`.

use jelou_core::api::RuntimeTokenInfo;
use jiff::Timestamp;
use serde::Serialize;

use super::create::joined;
use crate::cli::tokens::ListArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Table, local_date};
use crate::project::function_or_here;

#[derive(Serialize)]
pub(super) struct Listed<'a> {
    #[serde(flatten)]
    token: &'a RuntimeTokenInfo,
    status: Status,
}

/// Whether the token works. The list omits revoked tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Status {
    Active,
    Expired,
}

impl Status {
    pub(super) fn of(token: &RuntimeTokenInfo) -> Self {
        if token.is_active(Timestamp::now()) {
            Self::Active
        } else {
            Self::Expired
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
        }
    }
}

impl<'a> Listed<'a> {
    pub(super) fn new(token: &'a RuntimeTokenInfo) -> Self {
        Self {
            token,
            status: Status::of(token),
        }
    }
}

pub(crate) fn run(args: ListArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let tokens = context.client()?.tokens(&slug).list()?;
    let listed: Vec<_> = tokens.iter().map(Listed::new).collect();
    context.output.result_with(
        &listed,
        &[
            Breadcrumb::new(
                format!("jelou tokens create {slug} --name NAME"),
                "Create another one",
            ),
            Breadcrumb::new(format!("jelou tokens revoke {slug} TOKEN_ID"), "Revoke one"),
        ],
        |human| {
            if tokens.is_empty() {
                return human.item("No tokens; `jelou tokens create` makes one");
            }
            if args.wide {
                return human.table(&wide_table(&listed));
            }
            human.table(&table(&tokens))?;
            // Shown as warnings, because the table has only its documented columns.
            for Listed { token, status } in &listed {
                if let (Status::Expired, Some(at)) = (status, token.expires_at) {
                    human.warning(&format!("{} expired on {}", token.name, local_date(at)))?;
                }
            }
            Ok(())
        },
    )?;
    Ok(())
}

fn table(tokens: &[RuntimeTokenInfo]) -> Table {
    let mut table = Table::new()
        .column("Name", 14)
        .column("Prefix", 16)
        .column("Last Used", 23)
        .column("Created", 0);
    for token in tokens {
        table.row([
            token.name.to_string(),
            format!("{}..", token.prefix),
            date_or_never(token.last_used_at),
            local_date(token.created_at),
        ]);
    }
    table
}

fn wide_table(tokens: &[Listed<'_>]) -> Table {
    let mut table = Table::new()
        .column("Name", 14)
        .column("Prefix", 16)
        .column("Last Used", 23)
        .column("Created", 23)
        .column("ID", 32)
        .column("Status", 9)
        .column("Expires", 23)
        .column("Created By", 14)
        .column("Limits", 0);
    for Listed { token, status } in tokens {
        table.row([
            token.name.to_string(),
            format!("{}..", token.prefix),
            date_or_never(token.last_used_at),
            local_date(token.created_at),
            token.id.to_string(),
            status.as_str().to_owned(),
            date_or_never(token.expires_at),
            token.created_by.clone(),
            limits(token).unwrap_or_else(|| "none".to_owned()),
        ]);
    }
    table
}

fn date_or_never(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "never".to_owned(), local_date)
}

/// Scopes, networks and rate; `None` when the token has no limits.
pub(super) fn limits(token: &RuntimeTokenInfo) -> Option<String> {
    let limits: Vec<String> = [
        token.scopes.as_ref().map(|scopes| joined(scopes.iter())),
        token.cidrs.as_ref().map(|cidrs| joined(cidrs.iter())),
        token.rate.map(|rate| rate.to_string()),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!limits.is_empty()).then(|| limits.join("; "))
}
