//! `jelou trust exchange`.

use std::io::Read;
use std::path::Path;

use anyhow::Context as _;
use jelou_client::RequestedToken;
use serde::Serialize;

use crate::cli::trust::ExchangeArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::new_token::{Delivered, Delivery, Order};
use crate::profile::pipeline;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Exchanged<'a> {
    #[serde(flatten)]
    value: &'a Delivered,
    expires_in: u64,
    scope: Option<&'a str>,
}

pub(crate) fn run(args: ExchangeArgs, context: &Context) -> anyhow::Result<()> {
    let delivery = Delivery::prepare(args.token_output.as_deref())?;
    let client = context.client_without_token()?;
    let identity_token = match args.identity_token {
        Some(path) => read(&path)?,
        None => {
            pipeline::identity_token(client.api().as_str())?
                .ok_or_else(|| {
                    Failure::auth("there is no identity token of a pipeline here")
                        .hint("name a file with `--identity-token FILE`, or see docs/ci.md")
                })?
                .value
        }
    };
    let wanted = args
        .call
        .map_or(RequestedToken::Access(None), RequestedToken::Call);
    let exchanged = client.exchange(&identity_token, &wanted)?;
    let value = delivery.deliver(&exchanged.access_token, &context.output)?;
    let result = Exchanged {
        value: &value,
        expires_in: exchanged.expires_in,
        scope: exchanged.scope.as_deref(),
    };
    context.output.result(&result, |human| {
        let minutes = exchanged.expires_in / 60;
        human.success(&format!("Exchanged; the token works for {minutes} minutes"))?;
        value.show(human, Order::TokenFirst, "It is shown only once.")
    })?;
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read stdin")?;
    } else {
        text = fs_err::read_to_string(path)?;
    }
    Ok(text.trim().to_owned())
}
