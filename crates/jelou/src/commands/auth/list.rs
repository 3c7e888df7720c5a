//! `jelou auth list`.

use jelou_token::AccessToken;
use serde::Serialize;

use crate::context::Context;
use crate::output::Table;
use crate::profile::CredentialsFile;

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    api: &'a str,
    /// The first characters of the saved token. `None` if it is malformed.
    prefix: Option<String>,
    active: bool,
}

pub(crate) fn run(context: &Context) -> anyhow::Result<()> {
    let credentials = CredentialsFile::locate()?.load()?;
    let profiles: Vec<Listed<'_>> = credentials
        .iter()
        .map(|(name, profile)| Listed {
            name,
            api: profile.api(),
            prefix: AccessToken::parse(profile.token())
                .ok()
                .map(|token| token.display_prefix().to_string()),
            active: credentials.active() == Some(name),
        })
        .collect();
    context.output.result(&profiles, |human| {
        if profiles.is_empty() {
            return human.item("No profiles; `jelou login` saves one");
        }
        let mut table = Table::new()
            .column("Profile", 14)
            .column("Token", 17)
            .column("Active", 9)
            .column("API", 0);
        for profile in &profiles {
            table.row([
                profile.name.to_owned(),
                profile
                    .prefix
                    .as_ref()
                    .map_or_else(|| "not valid".to_owned(), |prefix| format!("{prefix}..")),
                if profile.active { "yes" } else { "" }.to_owned(),
                profile.api.to_owned(),
            ]);
        }
        human.table(&table)
    })?;
    Ok(())
}
