//! Finds a preview by its name.

use jelou_client::Client;
use jelou_core::api::Preview;
use jelou_core::{DeploymentId, PreviewName, Slug, suggestion};

use crate::exit::Failure;

/// Returns the preview.
///
/// # Errors
///
/// When the function has no such preview.
pub(super) fn find(client: &Client, slug: &Slug, name: &PreviewName) -> anyhow::Result<Preview> {
    let previews = client.previews(slug).list()?;
    if let Some(preview) = previews.iter().find(|preview| preview.name == *name) {
        return Ok(preview.clone());
    }
    let known = previews.iter().map(|preview| preview.name.as_str());
    let hint = match suggestion::nearest(name.as_str(), known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("`jelou previews list {slug}` lists its previews"),
    };
    Err(
        Failure::not_found(format!("the function {slug} has no preview {name}"))
            .hint(hint)
            .into(),
    )
}

/// Returns the preview and the deployment that it serves.
///
/// # Errors
///
/// When the function has no such preview, or nothing was deployed to it.
pub(in crate::commands) fn deployed(
    client: &Client,
    slug: &Slug,
    name: &PreviewName,
) -> anyhow::Result<(Preview, DeploymentId)> {
    let preview = find(client, slug, name)?;
    let Some(deployment) = preview.deployment.clone() else {
        let message = format!("nothing was deployed to the preview {name}");
        let hint = format!("`jelou deploy {slug} --preview {name}` deploys to it");
        return Err(Failure::not_found(message).hint(hint).into());
    };
    Ok((preview, deployment))
}
