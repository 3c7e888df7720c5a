//! `jelou secrets list`.

use std::io;

use jelou_client::{Client, ClientError};
use jelou_core::api::Secret;
use jelou_core::{PreviewName, Slug};
use serde::Serialize;

use crate::cli::secrets::ListArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Human, Table, local_date};
use crate::project::function_or_here;

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    secret: Secret,
    /// Whether a preview gets the secret of the function.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    inherited: bool,
}

impl Listed {
    fn own(secret: Secret) -> Self {
        Self {
            secret,
            inherited: false,
        }
    }
}

/// Whether the preview also gets the function's secrets.
fn inherits(client: &Client, slug: &Slug, name: &PreviewName) -> Result<bool, ClientError> {
    let previews = client.previews(slug).list()?;
    let mut named = previews.iter().filter(|preview| preview.name == *name);
    Ok(named.any(|preview| preview.with_secrets))
}

pub(crate) fn run(args: ListArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let client = context.client()?;
    let preview = args.of.preview;
    let own = client.secrets(&slug).of_preview(preview.clone()).list()?;
    let mut secrets: Vec<_> = own.into_iter().map(Listed::own).collect();
    if let Some(name) = &preview
        && inherits(&client, &slug, name)?
    {
        for secret in client.secrets(&slug).list()? {
            if secrets.iter().all(|own| own.secret.key != secret.key) {
                secrets.push(Listed {
                    secret,
                    inherited: true,
                });
            }
        }
    }
    context.output.result_with(
        &secrets,
        &[Breadcrumb::new(
            format!("jelou secrets set {slug} KEY=VALUE"),
            "Set one",
        )],
        |human| {
            if secrets.is_empty() {
                return human.item("No secrets; `jelou secrets set` adds one");
            }
            let rows = secrets.iter().map(|one| (&one.secret, one.inherited));
            show_rows(human, rows)
        },
    )?;
    Ok(())
}

pub(in crate::commands) fn show(human: &mut Human, secrets: &[Secret]) -> io::Result<()> {
    show_rows(human, secrets.iter().map(|secret| (secret, false)))
}

/// Shows secrets, each with whether it is inherited from the function.
fn show_rows<'a>(
    human: &mut Human,
    secrets: impl Iterator<Item = (&'a Secret, bool)>,
) -> io::Result<()> {
    let mut table = Table::new()
        .column("Key", 30)
        .column("Updated", 24)
        .column("By", 0);
    for (secret, inherited) in secrets {
        let note = if inherited { " (of the function)" } else { "" };
        table.row([
            secret.key.to_string(),
            local_date(secret.updated_at),
            format!("{}{note}", secret.updated_by),
        ]);
    }
    human.table(&table)
}
