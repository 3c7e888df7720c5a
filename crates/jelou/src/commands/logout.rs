//! `jelou logout`.

use serde::Serialize;

use crate::cli::auth::LogoutArgs;
use crate::context::Context;
use crate::env;
use crate::profile::{CredentialsFile, no_profile};

#[derive(Serialize)]
struct LoggedOut {
    /// The removed profiles.
    removed: Vec<String>,
}

pub(crate) fn run(args: &LogoutArgs, context: &Context) -> anyhow::Result<()> {
    let removed = CredentialsFile::locate()?.update(|credentials| {
        if args.all {
            let names = credentials
                .iter()
                .map(|(name, _)| name.to_owned())
                .collect();
            credentials.clear();
            return Ok(names);
        }
        let name = match &context.profile {
            Some(name) => name.clone(),
            None => match credentials.active() {
                Some(name) => name.to_owned(),
                None => return Ok(Vec::new()),
            },
        };
        if credentials.remove(&name) {
            Ok(vec![name])
        } else {
            Err(no_profile(&name))
        }
    })??;

    if env::read(env::JELOU_TOKEN).is_some() {
        context
            .output
            .warn("JELOU_TOKEN is set, so commands still use that token")?;
    }
    let summary = if removed.is_empty() {
        "Nobody was logged in".to_owned()
    } else {
        format!("Logged out of {}", removed.join(", "))
    };
    context
        .output
        .result(&LoggedOut { removed }, |human| human.success(&summary))?;
    Ok(())
}
