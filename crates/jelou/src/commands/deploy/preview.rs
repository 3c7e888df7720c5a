//! A deploy to a preview: its checks and its output.

use std::io;

use jelou_client::Client;
use jelou_core::api::{DeployResult, OpenPreview, Preview};
use jelou_core::{DeploymentId, PreviewName, Slug};

use super::target::Target;
use crate::cli::Expiry;
use crate::cli::deploy::PreviewArgs;
use crate::exit::Failure;
use crate::output::{Human, zoned_date};

pub(super) fn request(args: &PreviewArgs) -> Option<OpenPreview> {
    let name = args.name.as_ref()?;
    Some(OpenPreview {
        name: name.clone(),
        expires_in: args.expires_in.map(Expiry::as_seconds),
        with_secrets: args.with_secrets,
        header_only: args.header_only,
    })
}

pub(super) fn question(name: Option<&PreviewName>, slug: &Slug) -> String {
    match name {
        Some(name) => format!("Deploy {slug} to the preview {name}?"),
        None => format!("Deploy {slug} to a new preview?"),
    }
}

pub(super) fn describe(name: Option<&PreviewName>, slug: &Slug, client: &Client) -> String {
    let which = match name {
        Some(name) => format!("Preview {name}"),
        None => "New preview".to_owned(),
    };
    format!("{which} of {slug} on {}; what is live stays", client.api())
}

/// # Errors
///
/// When the function does not exist.
pub(super) fn check_target(target: &Target, slug: &Slug) -> anyhow::Result<()> {
    match target {
        Target::New | Target::Unexpected { .. } => Err(Failure::not_found(format!(
            "there is no function `{slug}`, and a preview belongs to a function"
        ))
        .hint(format!(
            "`jelou functions create {slug}` creates it; or deploy it first without `--preview`"
        ))
        .into()),
        Target::Empty | Target::Own(_) | Target::Foreign(_) => Ok(()),
    }
}

pub(super) fn show_head(
    human: &mut Human,
    result: &DeployResult,
    id: &DeploymentId,
) -> io::Result<()> {
    let name = result.preview.as_ref().map(|preview| preview.name.as_str());
    let name = name.unwrap_or_default();
    human.success(&if result.already_live {
        format!("Unchanged: the preview {name} serves the same files (`--force` deploys anyway)")
    } else {
        format!("Deployed to the preview {name}")
    })?;
    human.item(&format!("ID:  {id}"))
}

/// Shows what is specific to a preview: its header, secrets, callers and expiry, and how to make it live.
pub(super) fn show(human: &mut Human, preview: &Preview, id: &DeploymentId) -> io::Result<()> {
    if preview.url.is_none() {
        human.item(&format!("Header: X-Jelou-Deployment: {id}"))?;
    }
    let secrets = match (preview.secrets, preview.with_secrets) {
        (own, true) => format!("those of the function, and {own} of its own"),
        (0, false) => format!(
            "none; `jelou secrets set {} KEY=VALUE --preview {}` sets one",
            preview.function, preview.name
        ),
        (own, false) => format!("{own} of its own"),
    };
    human.item(&format!("Secrets: {secrets}"))?;
    human.item("Callers: with a token of the function, on every route")?;
    human.item(&format!("Expires: {}", zoned_date(preview.expires_at)))?;
    human.item(&format!(
        "Make it live: jelou deployments promote {} {id}",
        preview.function
    ))
}
