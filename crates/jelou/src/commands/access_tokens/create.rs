//! `jelou access-tokens create`.

use jelou_core::api::{AccessTokenInfo, CreateAccessToken};
use serde::Serialize;

use crate::cli::access_tokens::CreateArgs;
use crate::cli::{EndTime, Expiry};
use crate::commands::tokens::name_or_ask;
use crate::context::Context;
use crate::new_token::{Delivered, Delivery, Order};
use crate::output::{Breadcrumb, local_date};

/// A new token value, together with the details of its token.
#[derive(Serialize)]
pub(super) struct Created<'a> {
    #[serde(flatten)]
    pub(super) value: &'a Delivered,
    #[serde(flatten)]
    pub(super) details: &'a AccessTokenInfo,
}

pub(crate) fn run(args: CreateArgs, context: &Context) -> anyhow::Result<()> {
    let name = name_or_ask(args.name, context)?;
    let delivery = Delivery::prepare(args.token_output.as_deref())?;
    let created = context
        .client()?
        .access_tokens()
        .create(&CreateAccessToken {
            name,
            scopes: args.scopes.into_iter().collect(),
            expires_in: args.expiry.expires_in.map(Expiry::as_seconds),
            expires_at: args.expiry.expires_at.map(EndTime::as_timestamp),
        })?;
    let value = delivery.deliver(&created.token, &context.output)?;
    context.output.result_with(
        &Created {
            value: &value,
            details: &created.details,
        },
        &[Breadcrumb::new(
            format!("jelou access-tokens revoke {}", created.details.id),
            "Revoke it",
        )],
        |human| {
            human.success(&format!(
                "Created access token \"{}\"",
                created.details.name
            ))?;
            value.show(
                human,
                Order::TokenFirst,
                "Save this token now — it will not be shown again.",
            )?;
            match created.details.expires_at {
                Some(at) => human.item(&format!("Expires  {}", local_date(at))),
                None => Ok(()),
            }
        },
    )?;
    Ok(())
}
