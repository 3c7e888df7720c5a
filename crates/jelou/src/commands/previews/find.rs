//! Finds a preview by its name.

use jelou_client::Client;
use jelou_core::api::Preview;
use jelou_core::{DeploymentId, PreviewName, Slug};

use crate::exit::Failure;

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
    let previews = client.previews(slug).list()?;
    let Some(preview) = previews.into_iter().find(|preview| preview.name == *name) else {
        let message = format!("the function {slug} has no preview {name}");
        let hint = format!("`jelou previews list {slug}` lists its previews");
        return Err(Failure::not_found(message).hint(hint).into());
    };
    let Some(deployment) = preview.deployment.clone() else {
        let message = format!("nothing was deployed to the preview {name}");
        let hint = format!("`jelou deploy {slug} --preview {name}` deploys to it");
        return Err(Failure::not_found(message).hint(hint).into());
    };
    Ok((preview, deployment))
}
