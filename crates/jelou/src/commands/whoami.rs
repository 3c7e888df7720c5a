//! `jelou whoami`.

use jelou_core::api::WhoAmI;
use serde::Serialize;

use crate::context::Context;
use crate::output::local_date;

#[derive(Serialize)]
struct Report<'a> {
    api: &'a str,
    credentials: Credentials<'a>,
    #[serde(flatten)]
    who: &'a WhoAmI,
}

#[derive(Serialize)]
struct Credentials<'a> {
    profile: Option<&'a str>,
    source: String,
}

pub(crate) fn run(context: &Context) -> anyhow::Result<()> {
    let (client, source) = context.client_and_source()?;
    let who = client.whoami()?;
    let report = Report {
        api: client.api().as_str(),
        credentials: Credentials {
            profile: source.profile(),
            source: source.to_string(),
        },
        who: &who,
    };
    context.output.result(&report, |human| {
        let token = &who.access_token;
        human.item(&format!("Server:      {}", client.api()))?;
        human.item(&format!(
            "Version:     {} (engine {})",
            who.server.version, who.server.engine
        ))?;
        human.item(&format!("Functions:   {}", who.server.functions))?;
        human.item(&format!("Credentials: {source}"))?;
        human.item(&format!(
            "Token:       {} ({}...)",
            token.name, token.prefix
        ))?;
        human.item(&format!("Scopes:      {}", token.scopes))?;
        if let Some(at) = token.expires_at {
            human.item(&format!("Expires:     {}", local_date(at)))?;
        }
        Ok(())
    })?;
    Ok(())
}
